import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from configs.settings import ROOT, load_settings
from credit.scoring import Scorer
from services.bento import BENTOFILE, BentoError, build_bento
from services.page.page import FILES
from services.request_model import ApplicationReader
from services.serve import _stopped_at_the_end, _wait_for_answer, free_port
from tests import tiny


@pytest.fixture(scope="module")
def bento(tmp_path_factory, package):
    before = _tree(ROOT / "services") | _tree(ROOT / "configs")
    settings = load_settings(home=tmp_path_factory.mktemp("builder"))
    built = build_bento(package, settings)
    assert build_bento(package, settings) == built
    assert _tree(ROOT / "services") | _tree(ROOT / "configs") == before
    return built


def _tree(folder):
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@contextmanager
def serving(bento, folder, **variables):
    """The way a deployment does it: another folder, a fresh process, no sources on the path."""
    port = free_port()
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("CREDITLOOP", "PYTHON"))
    }
    environment |= {"BENTOML_HOME": str(bento.home), "BENTOML_DO_NOT_TRACK": "True", **variables}
    where = ["--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "bentoml", "serve", "--quiet", bento.tag, *where],
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    with _stopped_at_the_end(process):
        yield _wait_for_answer(process, f"http://127.0.0.1:{port}"), f"http://127.0.0.1:{port}"


def test_it_holds_what_serves_and_nothing_else(bento, package):
    assert re.fullmatch(f"creditscorer:{package.digest[:12]}-[0-9a-f]{{8}}", bento.tag)
    source = bento.path / "src"
    assert {path.name for path in source.iterdir()} == {
        "bentofile.yaml",
        "configs",
        "credit",
        "package",
        "services",
    }
    assert {path.name for path in (source / "package").iterdir()} == set(package.files)
    assert not list(source.rglob("*.pyc")) + list(source.rglob("*.pkl"))
    requirements = (bento.path / "env" / "python" / "requirements.txt").read_text()
    assert "onnxruntime==" in requirements
    assert "--hash=sha256:" in requirements
    assert not {"tensorflow", "mlflow", "prefect"} & {
        r.split("==")[0] for r in requirements.split()
    }


def test_it_serves_from_another_folder_with_an_empty_home(bento, tmp_path, package):
    fields = ApplicationReader(package.schema).read({"features": tiny.APPLICATION}).fields
    (tmp_path / "my.yaml").write_text("dataset: tiny-credit\n")
    relative = {"CREDITLOOP_HOME": "state", "CREDITLOOP_CONFIG": "my.yaml"}
    with serving(bento, tmp_path, **relative) as (health, url):
        answer = httpx.post(f"{url}/api/predict", json={"features": tiny.APPLICATION})
        page = httpx.get(url)
        files = [httpx.get(f"{url}/page/{file}") for file in FILES]
    assert health.json()["model"]["digest"] == package.digest
    assert answer.json()["probability_of_default"] == Scorer(
        package.schema, package.graph
    ).probability(fields)
    assert "Tiny credit" in page.text
    assert all(file.is_success and file.content for file in files)
    # Relative paths start where the operator stands, not inside the Bento.
    assert (tmp_path / "state" / "ledger.db").is_file()
    assert not (bento.path / "src" / "state").exists()


IMPORT_ALONE = """
import sys
# An editable install would lend the sources for whatever the Bento lacks.
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in str(finder)]
sys.path.insert(0, sys.argv[1])
import services.scorer
for name, module in sys.modules.items():
    if name.split(".")[0] in ("services", "configs", "credit"):
        assert module.__file__.startswith(sys.argv[1]), module.__file__
"""


def test_it_imports_nothing_from_the_sources(bento, tmp_path):
    source = str(bento.path / "src")
    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPORT_ALONE, source],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_failed_build_gives_one_line_and_leaves_nothing(tmp_path, package, monkeypatch):
    broken = BENTOFILE.replace("CreditScorer", "Missing")
    monkeypatch.setattr("services.bento.BENTOFILE", broken)
    settings = load_settings(home=tmp_path)
    with pytest.raises(BentoError, match=r"bentoml build failed: .*Missing") as caught:
        build_bento(package, settings)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("bentoml/*"))


def test_other_code_makes_another_version(tmp_path, package, bento, monkeypatch):
    """Found in the version alone: what it does is not built here."""
    built = []
    monkeypatch.setattr("services.bento._build", lambda context, version, _: built.append(version))
    monkeypatch.setattr("services.bento._put_in_place", lambda built, target: None)
    settings = load_settings(home=tmp_path)
    assert build_bento(package, settings).tag == bento.tag
    monkeypatch.setattr("services.bento.BENTOFILE", BENTOFILE + "# changed")
    assert build_bento(package, settings).tag != bento.tag
    assert len(set(built)) == 2


def test_builds_of_one_version_at_the_same_time_all_succeed(tmp_path, package, bento):
    settings = load_settings(home=tmp_path)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(build_bento, [package] * 2, [settings] * 2)
    assert first == second
    assert first.tag == bento.tag
    assert (first.path / "bento.yaml").is_file()
    assert [entry.name for entry in first.home.iterdir()] == ["bentos"]
