"""A standby takes over: nothing that was acknowledged is lost, and workers go on at the new primary."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.conftest import WorkerFactory
from tests.support.load import Starter, all_done, check, define_load, pulse
from tests.support.server import OwnServer, new_server
from tests.support.stub import Stub
from tests.support.waiting import until

CONNECTIONS = {("pgworker wheel", 2), ("pgworker listener", 2)}


class Pair:
    """A primary, whose commits wait for the standby, and the standby."""

    def __init__(self, primary: OwnServer, standby: OwnServer) -> None:
        self.primary = primary
        self.standby = standby
        hosts = ",".join(f"{server.host}:{server.port}" for server in (primary, standby))
        self.url = f"postgresql://{primary.user}@{hosts}/postgres?target_session_attrs=read-write"


@pytest.fixture
def pair() -> Iterator[Pair]:
    with (
        new_server("synchronous_standby_names = '*'") as primary,
        new_server("synchronous_standby_names = ''") as standby,
    ):
        primary.create()
        primary.start()
        standby.copy(primary)
        standby.start()
        with primary.connect("postgres") as connection:
            until(
                lambda: connection.execute(
                    "select 1 from pg_stat_replication where sync_state = 'sync' and state = 'streaming'"
                ).fetchone()
            )
        migrate(Database(primary.url("postgres")))
        try:
            yield Pair(primary, standby)
        finally:
            if primary.is_running:
                primary.freeze(signal.SIGCONT)


def _goes(pair: Pair) -> None:
    """Without a trace, and at once."""
    pair.primary.stop("immediate")


def _is_left_read_only(pair: Pair) -> None:
    """Whoever has a connection keeps it, and new ones are made, too."""
    with pair.primary.connect("postgres") as connection:
        connection.execute("alter system set default_transaction_read_only = on")
        connection.execute("select pg_reload_conf()")


def _hangs(pair: Pair) -> None:
    """It answers nobody, and hangs up on nobody."""
    pair.primary.freeze()


@pytest.mark.parametrize(
    ("primary", "resumes"),
    [
        pytest.param(_goes, 10, id="gone"),
        pytest.param(_is_left_read_only, 10, id="read-only"),
        pytest.param(_hangs, 30, id="hangs", marks=pytest.mark.soak),
    ],
)
def test_a_standby_that_takes_over_has_everything_and_workers_find_it(
    pair: Pair, worker_process: WorkerFactory, stub: Stub, primary: Callable[[Pair], None], resumes: float
) -> None:
    with psycopg.connect(pair.url, autocommit=True) as connection:
        define_load(connection, stub.url)
    workers = [
        worker_process(database_url=pair.url, poll_seconds=0.5, lease_seconds=2, wait=False) for _ in range(2)
    ]
    with Starter(pair.url) as starter:
        starter.more(50)
        primary(pair)
        time.sleep(0.5)
        pair.standby.promote()
        promoted = time.monotonic()
        with pair.standby.connect("postgres") as connection:
            pulse(connection, seconds=40)
            took = time.monotonic() - promoted
            if primary is _hangs:  # so does who starts workflows here
                pair.primary.freeze(signal.SIGCONT)
                pair.primary.stop("immediate")
            starter.more(10)
    with pair.standby.connect("postgres") as connection:
        until(lambda: _connected(connection) >= CONNECTIONS, what="all connections")
        until(lambda: connection.execute(_BEATING).fetchone() == (2,), what="heartbeats")
        sys.stdout.write(f"work went on {took:.1f} s after the promotion\n")
        all_done(connection)
        check(connection, workers, stub, faults=1, starter=starter)
        assert took < resumes


@pytest.mark.soak
def test_a_standby_that_hangs_is_waited_for_by_few_sessions(
    pair: Pair, worker_process: WorkerFactory, stub: Stub
) -> None:
    """Every commit waits for it, and goes on waiting when whoever asked for it has given up."""
    url = pair.primary.url("postgres")
    with pair.primary.connect("postgres") as connection:
        define_load(connection, stub.url)
        workers = [
            worker_process(database_url=url, poll_seconds=0.5, lease_seconds=2, wait=False) for _ in range(2)
        ]
        pulse(connection)
        with Starter(url) as starter:
            starter.more(20)
            pair.standby.freeze()
            time.sleep(45)
            row = connection.execute(
                "select count(*) from pg_stat_activity where application_name like 'pgworker %%'", []
            ).fetchone()
            pair.standby.freeze(signal.SIGCONT)
            thawed = time.monotonic()
            starter.more(5)
        pulse(connection)
        took = time.monotonic() - thawed
        sys.stdout.write(f"{row} sessions after 45 s; work went on after {took:.1f} s\n")
        assert row is not None
        assert row[0] <= 2 * 9
        assert took < 15
        all_done(connection, seconds=40)
        check(connection, workers, stub, faults=5, starter=starter)


_BEATING = """
    select count(*) from pgworker.workers
    where heartbeat_at > started_at + interval '1 s' and heartbeat_at > clock_timestamp() - interval '1 s'
"""


def _connected(connection: psycopg.Connection) -> set[tuple[str, int]]:
    return set(
        connection.execute(
            "select application_name, count(*)::integer from pg_stat_activity group by application_name"
        ).fetchall()
    )
