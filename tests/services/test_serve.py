import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing

import httpx
import psutil
import pytest

from configs.settings import load_settings
from services.keys import create_key
from services.ledger import open_ledger
from services.serve import ServiceError, _allowed, running_service, serve
from tests import tiny
from tests.services.conftest import deploy, settings_in


def test_what_is_served_imports_nothing_that_only_training_needs():
    code = (
        "import sys, services.scorer, services.serve, services.bento\n"
        "heavy = 'prefect mlflow evidently tensorflow keras sklearn xgboost onnx optuna shap'\n"
        "print(sorted(set(heavy.split()) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_service_does_nothing(tmp_path):
    code = "import services.scorer"
    environment = {
        **os.environ,
        "CREDITLOOP_HOME": str(tmp_path / "home"),
        "BENTOML_HOME": str(tmp_path),
    }
    environment["CREDITLOOP_CONFIG"] = "/no/such/file"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert not (tmp_path / "home").exists()
    assert not (tmp_path / ".creditloop").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])  # noqa: S104 - refused
def test_without_keys_only_loopback_is_served(tmp_path, host):
    with pytest.raises(ServiceError, match=re.escape(f"host {host} can be reached from elsewhere")):
        serve(settings_in(tmp_path), host, 8000, print)


def test_with_keys_any_address_is_allowed_until_they_are_revoked(tmp_path):
    settings = settings_in(tmp_path)
    with closing(open_ledger(settings.ledger_uri)) as ledger:
        key = create_key(ledger, "web", ("score",)).key
        assert _allowed("0.0.0.0", settings) == "0.0.0.0"  # noqa: S104 - never bound
        ledger.revoke_key(key.id)
    with pytest.raises(ServiceError, match="make some with `creditloop keys create`"):
        _allowed("0.0.0.0", settings)  # noqa: S104 - refused


def test_a_host_that_is_no_address(tmp_path):
    with pytest.raises(ServiceError, match="host 'nowhere' is no IP address"):
        serve(settings_in(tmp_path), "nowhere", 8000, print)


def test_a_port_in_use_gives_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ServiceError, match=f"port {port} on 127.0.0.1 cannot be used: Address already"
        ):
            serve(settings_in(tmp_path), "127.0.0.1", port, print)


def test_a_damaged_package_is_named_and_never_served(tmp_path, package):
    settings = settings_in(tmp_path)
    path = deploy(settings, package)
    (path / "schema.json").write_text("{}")
    line = r"schema\.json does not match its sha256 in the manifest; fetch the package anew"
    with pytest.raises(ServiceError, match=line) as caught, running_service(settings):
        pass
    assert "\n" not in str(caught.value)
    (log,) = (settings.home / "logs").iterdir()
    assert _processes_on(log.stem.removeprefix("service-")) == []


def test_a_ledger_that_cannot_be_opened_stops_the_start_with_the_reason(tmp_path):
    settings = load_settings(home=tmp_path, dataset="tiny-credit", ledger_url="nonsense")
    line = "did not start: exit code 1: ledger URL: .* expected sqlite:////FULL/PATH"
    with pytest.raises(ServiceError, match=line) as caught, running_service(settings):
        pass
    assert "\n" not in str(caught.value)


SERVE = """
import sys
from services.serve import serve
from tests.services.conftest import settings_in
from pathlib import Path
settings = settings_in(Path(sys.argv[1]))
serve(settings, "localhost", int(sys.argv[2]), lambda line: print(line, flush=True))
"""


def test_a_service_without_a_model_says_so_and_stops_cleanly(tmp_path, free_port):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path), str(free_port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    base = f"http://127.0.0.1:{free_port}"
    answers = {
        path: httpx.get(base + path) for path in ("/health", "/readyz", "/livez", "/openapi.json")
    }
    predicted = httpx.post(base + "/api/predict", json={"features": tiny.APPLICATION})
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)

    advice = "no model of tiny-credit is deployed; run `creditloop train --dataset tiny-credit`"
    assert line == f"{base} is up but not ready: {advice}\n"
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/health": 503,
        "/readyz": 503,
        "/livez": 200,
        "/openapi.json": 200,
    }
    assert predicted.status_code == 503
    assert predicted.json()["detail"] == advice
    assert predicted.headers["content-type"] == "application/problem+json"
    assert process.returncode == 0
    messages = [json.loads(row)["message"] for row in errors.splitlines()]
    assert {message for message in messages if "not ready" not in message} == {"answered"}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", free_port)) != 0


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _processes_on(port: str) -> list[int]:
    home = f"/serving/{port}"
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BENTOML_HOME", "").endswith(home):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
