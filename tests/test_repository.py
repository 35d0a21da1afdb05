"""The repository's own promises: pins, locks, lint exclusions, sample data, make targets, wheel."""

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

ROOT = Path(__file__).parents[1]
PACKAGES = ("credit", "configs", "services", "tasks", "flows")
LOCKS = ("requirements.lock", "requirements-serving.lock")
SCRATCH = shutil.ignore_patterns("__pycache__", "*.egg-info")


def read(path: str) -> str:
    return (ROOT / path).read_text()


PYPROJECT = tomllib.loads(read("pyproject.toml"))


def declared(*extras: str) -> list[Requirement]:
    project = PYPROJECT["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def locked(lock: str) -> list[Requirement]:
    lines = read(lock).splitlines()
    return [Requirement(line.rstrip(" \\")) for line in lines if re.match(r"[a-z0-9]", line)]


def applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def version_of(pinned: Requirement) -> str:
    (specifier,) = pinned.specifier
    return specifier.version


# Pins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "version", "what_breaks"),
    [
        ("pandas", "3.1.0", "evidently does not import"),
        ("fastapi", "0.151.0", "prefect deploy --all stops after the first deployment"),
        ("sqlalchemy", "2.1.0", "Prefect's scheduler schedules nothing"),
        ("mlflow", "3.18.0", "its mlflow-skinny may not be served"),
        ("prefect", "3.9.0", "its certifi may not be served"),
        ("xgboost-cpu", "3.3.0", "it does not install on Python 3.11"),
    ],
)
def test_versions_known_to_break_stay_excluded(name: str, version: str, what_breaks: str) -> None:
    pins = [pin for pin in declared("training", "cpu") if canonicalize_name(pin.name) == name]
    assert pins, f"{name} is no longer declared"
    for pin in pins:
        assert version not in pin.specifier, f"{pin} admits {version}: {what_breaks}"


@pytest.mark.parametrize("requirement", declared("training", "cpu", "dev"), ids=str)
def test_the_lock_is_inside_what_pyproject_declares(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)
    versions = [version_of(pin) for pin in locked("requirements.lock") if pin.name == name]
    assert versions, f"{name} is not in requirements.lock: run make lock"
    for version in versions:
        assert version in requirement.specifier, f"{name} {version} is locked: run make lock"


def test_the_environment_is_the_one_that_is_locked() -> None:
    for pin in filter(applies, locked("requirements.lock")):
        assert importlib.metadata.version(pin.name) == version_of(pin), pin.name


# Locks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_requirement_is_hashed(lock: str) -> None:
    text = read(lock)
    blocks = re.findall(
        r"^[a-z0-9][^\n]*\n(?:    --hash=sha256:[0-9a-f]{64}[ \\]*\n)+", text, re.MULTILINE
    )
    assert len(blocks) == len(locked(lock)) > 50


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_host_or_a_machine(lock: str) -> None:
    for line in read(lock).splitlines():
        assert not re.search(r"://|--(?!hash=sha256:)|\s/\S|\.(org|com|net)\b", line), line


def test_the_service_runs_on_the_versions_that_training_ran_on() -> None:
    whole = {(pin.name, version_of(pin)) for pin in locked("requirements.lock")}
    serving = {(pin.name, version_of(pin)) for pin in locked("requirements-serving.lock")}
    assert serving < whole


def test_the_slim_service_carries_no_training_library() -> None:
    training = {"evidently", "keras", "mlflow", "mlflow-skinny", "onnx", "optuna", "prefect"}
    training |= {"scikit-learn", "shap", "tensorflow", "tensorflow-cpu", "xgboost", "xgboost-cpu"}
    assert training.isdisjoint(pin.name for pin in locked("requirements-serving.lock"))


# Exclusions ---------------------------------------------------------------------------------------


def test_every_lint_rule_that_is_switched_off_says_why() -> None:
    lint = PYPROJECT["tool"]["ruff"]["lint"]
    exclusions = list(lint["ignore"])
    for rules in lint["per-file-ignores"].values():
        exclusions += rules
    with_reason = re.findall(
        r'^    "([A-Z]+[0-9]*)", +# \S.+$', read("pyproject.toml"), re.MULTILINE
    )
    assert set(exclusions) <= set(with_reason)
    assert len(with_reason) == len(lint["select"]) + len(exclusions)


def test_every_inline_exclusion_names_its_rule_and_says_why() -> None:
    bare = re.compile(
        r"# noqa(?!: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*\s+\W*\w)"
        r"|# pragma: no cover(?!\s+\W*\w)"
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in (*PACKAGES, "tests", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line)
    ]
    assert not found, f"write the rule and the reason behind the exclusion in {found}"


# Sample data --------------------------------------------------------------------------------------


def test_the_sample_data_is_what_its_readme_says() -> None:
    rows = re.findall(
        r"^\| `(\S+)` \|.*\| `([0-9a-f]{64})` \|$", read("data/README.md"), re.MULTILINE
    )
    files = [path for path in (ROOT / "data").iterdir() if path.name != "README.md"]
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == dict(
        rows
    )


def test_the_sample_data_names_source_and_licence() -> None:
    for expected in ("I-Cheng", "Hofmann", "UCI Machine Learning Repository", "CC BY 4.0"):
        assert expected in read("data/README.md")


# Make ---------------------------------------------------------------------------------------------


def test_every_make_target_that_is_mentioned_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]
    documents += [ROOT / ".ci/run", ROOT / ".pre-commit-config.yaml"]
    mentioned = {
        (path.name, target)
        for path in documents
        for target in re.findall(
            r"(?:^ *|`|entry: )make ([a-z][a-z-]*)", path.read_text(), re.MULTILINE
        )
    }
    assert {"demo", "test", "check"} <= {target for _, target in mentioned}
    assert not {(name, target) for name, target in mentioned if target not in targets}


def test_every_make_target_explains_itself() -> None:
    phony = set(re.findall(r"^\.PHONY: (\S+)", read("Makefile"), re.MULTILINE))
    described = set(re.findall(r"^\| `make (\S+)` \|", read("CONTRIBUTING.md"), re.MULTILINE))
    assert described == phony - {"help"}
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^  make (\S+) +\S", shown.stdout, re.MULTILINE)) == phony


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the project's Makefile in a folder that holds nothing else."""
    shutil.copy(ROOT / "Makefile", folder)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_make_refuses_a_python_outside_the_range(tmp_path: Path, version: str) -> None:
    pretender = tmp_path / "python"
    patch = f"import sys; sys.version_info = ({version.replace('.', ', ')}, 0); exec(sys.argv[1])"
    pretender.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{patch}" "$2"\n')
    pretender.chmod(0o755)
    result = make(tmp_path, ".venv/bin/python", f"PYTHON={pretender}")
    assert result.returncode != 0
    assert f"Python {version} found, 3.11 to 3.13 expected" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_says_what_to_do_without_python(tmp_path: Path) -> None:
    result = make(tmp_path, ".venv/bin/python", "PYTHON=no-such-python")
    assert result.returncode != 0
    assert "no-such-python not found: install Python 3.11" in result.stderr


@pytest.mark.parametrize("value", ["", "no-such-file.parquet"])
def test_lendingclub_tests_fail_without_their_file(tmp_path: Path, value: str) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    for name in (".venv/bin/uv", "requirements.lock", "pyproject.toml", ".venv/.installed"):
        (tmp_path / name).touch()
    result = make(tmp_path, "test-lendingclub", CREDITLOOP_LENDINGCLUB=value)
    assert result.returncode != 0
    assert f"CREDITLOOP_LENDINGCLUB is '{value}', which is no file" in result.stderr


def test_the_stack_is_not_installed_in_silence_where_it_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "make").symlink_to(shutil.which("make") or "")
    result = make(tmp_path, "stack", PATH=str(tmp_path))
    assert result.returncode != 0
    assert "apt-get not found: install postgresql chromium wrk prometheus" in result.stderr


@pytest.mark.parametrize("missing", [(), ("wrk",), ("postgresql", "prometheus")])
def test_only_what_the_stack_lacks_is_installed(tmp_path: Path, missing: tuple[str, ...]) -> None:
    there = {"postgresql", "chromium", "wrk", "prometheus"} - {*missing}
    pretenders = {
        "dpkg-query": "".join(f"echo installed {package}; " for package in there),
        "apt-get": f'echo "$@" >> {tmp_path}/asked',
        "sudo": '"$@"',
    }
    for name, script in pretenders.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    result = make(tmp_path, "stack", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert result.returncode == 0, result.stderr
    asked = tmp_path / "asked"
    assert asked.exists() is bool(missing)
    if missing:
        assert asked.read_text().splitlines()[-1].split(" install ")[1].split() == [*missing]


# Packages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_does_nothing(tmp_path: Path, package: str) -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        f"import {package}\n"
        f"print({{name.split('.')[0] for name in set(sys.modules) - before}} - {{'{package}'}})"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "set()"
    assert not list(tmp_path.iterdir())


def test_the_wheel_carries_every_file_of_the_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=SCRATCH)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    expected = {
        path.relative_to(source).as_posix()
        for package in PACKAGES
        for path in (source / package).rglob("*")
        if path.is_file()
    }
    offline = ("--no-build-isolation", "--offline")
    subprocess.run(
        [find_uv_bin(), "build", "--wheel", "--python", sys.executable, *offline, "-o", tmp_path],
        cwd=source,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert carried == expected
