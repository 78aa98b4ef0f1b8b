"""PgBouncer in transaction mode, in front of a server of the tests."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.server import Server, free_port
from tests.support.waiting import until

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

direct = pytest.mark.skipif(
    "PGWORKER_TEST_POOLER" in os.environ, reason="the pooler of the tests cannot do what this needs"
)
"""For tests that log in as somebody else, copy a database, restart the server, or open psql in a schema."""

_CONFIGURATION = """
[databases]
* = host={host} port={server_port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 1000
default_pool_size = {sessions}
ignore_startup_parameters = extra_float_digits
server_login_retry = 1
"""


@contextmanager
def pooler(server: Server, sessions: int = 20) -> Iterator[int]:
    """A pooler of so many sessions to each database: its port on 127.0.0.1."""
    assert PROGRAM is not None
    folder = Path(tempfile.mkdtemp(prefix="pgworker-pooler-"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:  # it refuses to run as root
        nobody = pwd.getpwnam("nobody")
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    port = free_port()
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        _CONFIGURATION.format(
            host=server.host, server_port=server.port, user=server.user, port=port, sessions=sessions
        )
    )
    log = (folder / "log").open("w")
    process = subprocess.Popen([PROGRAM, str(configuration)], stdout=log, stderr=log, **as_user)
    try:
        until(lambda: _answers(port, server.user), what=f"the pooler: {(folder / 'log').read_text()}")
        yield port
    finally:
        process.kill()
        process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def through(port: int, url: str) -> str:
    """The way to a database through a pooler."""
    return re.sub(r":\d+/", f":{port}/", url)


def _answers(port: int, user: str) -> bool:
    try:
        psycopg.connect(f"postgresql://{user}@127.0.0.1:{port}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
