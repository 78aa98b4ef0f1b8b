"""The database's disk is full for a while: nothing can be written, nothing is lost, and nothing fails."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.conftest import WorkerFactory
from tests.support.load import NAME, Starter, all_done, check, define_load, pulse
from tests.support.server import OwnServer, Server, new_server
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import start

RESUMES = 8.0


@dataclass(frozen=True)
class Disk:
    """A small disk that can be filled to the last byte, and emptied again."""

    folder: Path

    def fill(self) -> None:
        """Takes what is left."""
        with (self.folder / "filler").open("ab", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))

    def free(self) -> None:
        """Gives it back."""
        (self.folder / "filler").unlink()


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk of 200 megabytes, in memory; only root can mount one."""
    folder = Path(tempfile.mkdtemp(prefix="pgworker-disk-"))
    options = ["mount", "-t", "tmpfs", "-o", "size=200m,mode=1777", "tmpfs", str(folder)]
    mounted = subprocess.run(options, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


@pytest.fixture
def url_on_disk(server: Server, database_url: str, disk: Disk) -> Iterator[str]:
    """A database that lies on the small disk; the server's journal lies elsewhere."""
    if not isinstance(server, OwnServer):
        pytest.skip("the disk may not be where this server is")
    place = disk.folder / "tables"
    place.mkdir()
    if os.geteuid() == 0:
        shutil.chown(place, pwd.getpwnam("nobody").pw_uid)
    name = f"on_disk_{os.getpid()}"
    with server.connect("postgres") as connection:
        connection.execute(f"create tablespace {name} location '{place}'")
        connection.execute(
            f'create database {name} template "{database_url.rpartition("/")[2]}" tablespace {name}'
        )
        yield server.url(name)
        connection.execute(f"drop database {name} with (force)")
        connection.execute(f"drop tablespace {name}")


def test_a_full_disk_holds_work_up_and_fails_nothing(
    url_on_disk: str, disk: Disk, worker_process: WorkerFactory, stub: Stub
) -> None:
    with psycopg.connect(url_on_disk, autocommit=True) as connection:
        define_load(connection, stub.url)
        workers = [
            worker_process(database_url=url_on_disk, poll_seconds=0.2, lease_seconds=2) for _ in range(2)
        ]
        pulse(connection)
        disk.fill()
        with contextlib.suppress(psycopg.errors.DiskFull):
            for _ in range(5000):
                start(connection, NAME)
        with pytest.raises(psycopg.errors.DiskFull):
            connection.execute("create table large as select repeat('x', 1000) from generate_series(1, 1000)")
        until(lambda: any("No space left on device" in worker.log for worker in workers))
        time.sleep(1)
        disk.free()
        took = pulse(connection)
        sys.stdout.write(f"work went on after {took:.1f} s\n")
        assert took < RESUMES
        all_done(connection, seconds=60)
        check(connection, workers, stub, faults=10)


@pytest.mark.soak
def test_a_server_that_goes_down_because_its_disk_is_full_loses_no_acknowledged_start(
    disk: Disk, worker_process: WorkerFactory, stub: Stub
) -> None:
    """Without room for its journal it panics, and does not come up before there is some."""
    with new_server("min_wal_size = 32MB\nmax_wal_size = 32MB", disk.folder) as server:
        server.create()
        server.start()
        url = server.url("postgres")
        migrate(Database(url))
        with psycopg.connect(url, autocommit=True) as connection:
            define_load(connection, stub.url)
        workers = [
            worker_process(wait=False, database_url=url, poll_seconds=0.2, lease_seconds=2) for _ in range(2)
        ]
        with Starter(url, pause=0) as starter:
            starter.more(100)
            for _ in range(3):
                disk.fill()
                with pytest.raises(psycopg.OperationalError):
                    _write_journal(url)
                until(lambda: not _is_up(url))
                disk.free()
                with contextlib.suppress(AssertionError):  # it may have come up by itself
                    server.start()
                starter.more(20)
        with psycopg.connect(url, autocommit=True) as connection:
            assert pulse(connection, seconds=60) < 60
            all_done(connection, seconds=60)
            check(connection, workers, stub, faults=30, starter=starter)


def _write_journal(url: str) -> None:
    """Needs room for one file of the journal after the other."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(20):
            connection.execute("select pg_logical_emit_message(false, 'filler', repeat('x', 1000000))")
            connection.execute("select pg_switch_wal()")


def _is_up(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
