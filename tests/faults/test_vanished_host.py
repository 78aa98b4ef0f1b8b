"""A worker's host vanishes in the middle of a turn: no packet of it arrives any more, not even a goodbye."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.server import OwnServer, new_server
from tests.support.waiting import until
from tests.support.workflows import define, ended, is_held, start

_ROOT = Path(__file__).resolve().parents[2]
HERE, THERE = "10.213.77.1", "10.213.77.2"
NOTICED = 25.0


@dataclass(frozen=True)
class Network:
    """A network of two: this host, and another that a process can be on."""

    name: str

    def command(self) -> list[str]:
        """What has to stand before a command that runs on the other host."""
        return ["ip", "netns", "exec", self.name]

    def break_off(self) -> None:
        """Nothing goes through any more."""
        _ip("link", "set", self.name, "down")


@pytest.fixture
def network() -> Iterator[Network]:
    """The network; only root can make one."""
    name = f"pgw{os.getpid()}"[:12]
    try:
        _ip("netns", "add", name)
        _ip("link", "add", name, "type", "veth", "peer", "name", "there", "netns", name)
    except (OSError, subprocess.CalledProcessError):
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        pytest.skip("networks cannot be made here")
    try:
        _ip("addr", "add", f"{HERE}/24", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", name, "addr", "add", f"{THERE}/24", "dev", "there")
        _ip("-n", name, "link", "set", "there", "up")
        yield Network(name)
    finally:
        _ip("link", "del", name)
        _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def reachable() -> Iterator[OwnServer]:
    """A server that the other host can reach."""
    with new_server("listen_addresses = '*'") as server:
        server.create(f"host all all {THERE}/32 trust")
        server.start()
        migrate(Database(server.url("postgres")))
        yield server


@pytest.mark.soak
def test_the_locks_of_a_worker_whose_host_has_vanished_go_with_it(
    network: Network, reachable: OwnServer, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    url = reachable.url("postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        define(connection, [{"think": {"set": {"n": "${ [range(.n)] | add }"}}}])
        environment = os.environ | {"PGWORKER_DATABASE_URL": url.replace("127.0.0.1", HERE)}
        with (tmp_path / "log").open("w") as log:
            there = subprocess.Popen(
                [*network.command(), sys.executable, "-m", "tests.support.worker"],
                cwd=_ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            until(lambda: connection.execute("select 1 from pgworker.workers").fetchone())
            started = start(connection, input={"n": 600_000})
            until(lambda: is_held(connection, started))
            network.break_off()
            began = time.monotonic()
            worker_process(wait=False, database_url=url)
            assert ended(connection, started, seconds=60)["status"] == "COMPLETED"
            took = time.monotonic() - began
            sys.stdout.write(f"the workflow was free after {took:.1f} s\n")
            assert took < NOTICED
            assert violations(connection) == []
        finally:
            there.kill()
            there.wait()
