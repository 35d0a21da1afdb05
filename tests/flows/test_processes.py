import time

import psutil
import pytest

from flows.local.processes import ProcessError, Server
from services.serve import free_port, is_free

SERVE = ["http.server", "--bind", "127.0.0.1"]


def test_server_is_up_when_it_answers_and_gone_when_stopped(tmp_path):
    port = free_port()
    log = tmp_path / "logs" / "files.log"
    server = Server.start("files", [*SERVE, str(port)], log, f"http://127.0.0.1:{port}/")
    server.wait_until_up(30)
    assert not is_free(port)
    server.stop()
    server.stop()
    assert not server.is_running
    assert is_free(port)
    assert "GET /" in log.read_text()


def test_server_that_dies_names_its_log(tmp_path):
    log = tmp_path / "dead.log"
    server = Server.start("dead", ["no_such_module"], log, "http://127.0.0.1:9/")
    with pytest.raises(ProcessError, match=r"dead stopped with exit code 1; see .*dead\.log"):
        server.wait_until_up(30)
    assert "No module named no_such_module" in log.read_text()


def test_server_that_never_answers_is_not_waited_for(tmp_path):
    server = Server.start(
        "mute",
        ["timeit", "-n1", "import time; time.sleep(60)"],
        tmp_path / "log",
        "http://127.0.0.1:9/",
    )
    with pytest.raises(ProcessError, match=r"mute did not answer at \S+ within 0 s"):
        server.wait_until_up(0.2)
    server.stop()


def test_what_a_server_started_ends_with_it(tmp_path, monkeypatch):
    """A child that its parent forgets."""
    (tmp_path / "forgetful.py").write_text(
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "time.sleep(60)\n"
    )
    environment = {"PYTHONPATH": str(tmp_path)}
    server = Server.start("forgetful", ["forgetful"], tmp_path / "log", "", environment)
    deadline = time.monotonic() + 20
    while not (children := psutil.Process(server.process.pid).children()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.stop()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
