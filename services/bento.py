"""Building a Bento: the immutable image of the service with one package in it."""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from configs.settings import ROOT, Settings
from credit.package import VERSION_DIGITS, Package, canonical_json
from services.packages import write_package
from services.serve import SERVICE, service_environment

NAME = "creditscorer"
REQUIREMENTS = "requirements-serving.lock"
# All that scoring imports from the domain; what training needs stays out of the image.
DOMAIN = (
    "__init__",
    "adverse_action",
    "attribution",
    "baseline",
    "binning",
    "decisions",
    "design",
    "distances",
    "drift",
    "expressions",
    "features",
    "guard",
    "intervals",
    "npz",
    "package",
    "partition",
    "plan",
    "policy",
    "profiles",
    "reasons",
    "recourse",
    "reference",
    "scoring",
    "shifts",
    "spec",
    "stored",
    "treeshap",
    "triggers",
    "underwriting",
)
CODE = (
    "configs/*.py",
    "configs/base.yaml",
    "services/**/*.py",
    "services/templates/*",
    "services/page/static/*",
    *(f"credit/{name}.py" for name in DOMAIN),
)
BENTOFILE = f"""\
service: {SERVICE}
name: {NAME}
include: ["configs/", "credit/", "services/", "package/"]
python:
  requirements_txt: {REQUIREMENTS}
  lock_packages: false
"""
CODE_DIGITS = 8


class BentoError(RuntimeError):
    """A Bento cannot be built; the message says why."""


@dataclass(frozen=True)
class Bento:
    """A built Bento; `bentoml serve TAG` serves it where BENTOML_HOME is `home`."""

    tag: str
    path: Path
    home: Path


def build_bento(package: Package, settings: Settings) -> Bento:
    """Build the Bento of a package, or find it.

    Its version is the beginning of the package's digest and of that of the code. It is built in a
    temporary folder and put in place whole, so builds of one version can run together.

    Raises:
        BentoError: BentoML refused, with its last line.
    """
    home = settings.home / "bentoml"
    home.mkdir(parents=True, exist_ok=True)
    with _scratch() as context, _scratch(home) as store:
        _copy_code(context, package.manifest.dataset)
        version = f"{package.digest[:VERSION_DIGITS]}-{_digest(context)[:CODE_DIGITS]}"
        bento = Bento(f"{NAME}:{version}", home / "bentos" / NAME / version, home)
        if not bento.path.is_dir():
            write_package(context, package).rename(context / "package")
            _build(context, version, service_environment(settings, store))
            _put_in_place(store / "bentos" / NAME / version, bento.path)
    return bento


@contextmanager
def _scratch(parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder: the system's for the context, which BentoML refuses below a dot."""
    with tempfile.TemporaryDirectory(prefix="building-", dir=parent) as folder:
        yield Path(folder)


def _digest(folder: Path) -> str:
    """sha256 over the names and contents of all files."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    digests = {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }
    return hashlib.sha256(canonical_json(digests)).hexdigest()


def _put_in_place(built: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        built.rename(target)
    except OSError:
        if not target.is_dir():  # else another process built the same meanwhile
            raise
    # BentoML writes down anew which one is the latest when it does not find it.
    (target.parent / "latest").unlink(missing_ok=True)


def _copy_code(context: Path, dataset: str) -> None:
    for pattern in CODE:
        for source in ROOT.glob(pattern):
            target = context / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    shutil.copyfile(ROOT / REQUIREMENTS, context / REQUIREMENTS)
    (context / "bentofile.yaml").write_text(BENTOFILE, encoding="utf-8")
    base = context / "configs" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    base.write_text(re.sub(r"(?m)^dataset: .*$", f"dataset: {dataset}", text), encoding="utf-8")


def _build(context: Path, version: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "bentoml", "build", "--version", version, str(context)]
    # The sources must not shadow the copy.
    environment = {**environment, "PYTHONPATH": str(context), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=context, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise BentoError(f"bentoml build failed: {lines[-1]}")
