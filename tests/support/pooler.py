"""PgBouncer in front of the tests' server, pooling transactions, if it is installed.

``PGWORKER_TEST_PGBOUNCER`` has every test's workers and clients go through it: ``1`` for the program that is
installed, or the path of another.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.support.server import Server, free_port
from tests.support.waiting import until

_CONFIGURATION = """
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
logfile = {folder}/log
max_client_conn = 1000
default_pool_size = 50
; several sessions, taken by turns: what is left in one is missing in the next
min_pool_size = 2
server_round_robin = 1
; tests crash the server and start it again
server_login_retry = 0.01
"""


class Pooler:
    """A running PgBouncer."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self._folder = folder

    def url(self, direct: str) -> str:
        """The connection string of the server by way of the pooler."""
        parts = urlsplit(direct)
        user = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{self.port}"))

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self._folder / "log").read_text()


def installed_pooler() -> str | None:
    """The program that ``PGWORKER_TEST_PGBOUNCER`` names, or the installed one; None if there is none."""
    asked = os.environ.get("PGWORKER_TEST_PGBOUNCER") or "1"
    return shutil.which("pgbouncer" if asked == "1" else asked, path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def running_pooler(program: str, server: Server, mode: str = "transaction") -> Iterator[Pooler]:
    """A pooler in front of the server, which knows its superuser; gone again afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pgworker-pooler-"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:  # it refuses to run as root
        nobody = pwd.getpwnam("nobody")
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    pooler = Pooler(free_port(), folder)
    (folder / "users").write_text(f'"{server.user}" "{server.password or ""}"\n')
    (folder / "ini").write_text(
        _CONFIGURATION.format(
            host=server.host, port=server.port, own_port=pooler.port, folder=folder, mode=mode
        )
    )
    process = subprocess.Popen(
        [program, "-q", str(folder / "ini")], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user
    )
    try:
        url = pooler.url(server.url(server.maintenance_dbname))
        until(lambda: process.poll() is not None or _answers(url), what="the start of PgBouncer")
        assert process.poll() is None, pooler.log
        yield pooler
    finally:
        process.kill()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
