"""A real PostgreSQL server of our own: a temporary data folder and a free port."""

import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil

USER = "creditloop"
# PostgreSQL refuses to run as root.
AS_POSTGRES = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


class PostgresServer:
    """A server that tests may kill and start again; `folder` is made and owned by its caller."""

    def __init__(self, folder: Path):
        self._data = folder / "data"
        if AS_POSTGRES:
            shutil.chown(folder, "postgres")
        self._folder = folder
        self._run("initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8")
        self.port = _free_port()

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self._folder}"
        log = self._folder / "log"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def kill(self) -> None:
        """SIGKILL for every process of the server, as when the machine's memory runs out."""
        processes = self._processes()
        for process in processes:
            with suppress(psutil.NoSuchProcess):  # its parent's end was its own
                process.kill()
        # Until its id is gone a server counts as running, and no other one starts.
        psutil.wait_procs(processes, timeout=30)

    def freeze(self) -> None:
        """SIGSTOP for every process: connections stay open, and nobody answers."""
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        """Go on after `freeze`."""
        for process in self._processes():
            process.resume()

    def _processes(self) -> list[psutil.Process]:
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        server = psutil.Process(pid)
        return [server, *server.children(recursive=True)]

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"ledger_{uuid4().hex[:12]}"
        self._run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", USER, name)
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: object) -> None:
        command = [*AS_POSTGRES, _binary(program), *map(str, arguments)]
        # The server inherits what pg_ctl has: a pipe would never end.
        with (self._folder / "commands").open("a+") as output:
            done = subprocess.run(
                command,
                check=False,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            output.seek(0)
            assert done.returncode == 0, output.read()


def _binary(program: str) -> str:
    """Debian keeps the server's programs outside of PATH, a folder for each version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(found[-1]) if found else program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
