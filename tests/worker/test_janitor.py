"""What ended long ago is purged by the workers, as the setting says, and nothing else is."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from pgworker.errors import SettingsError
from pgworker.settings import Settings
from pgworker.worker.janitor import parse_retention
from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import eventually, until
from tests.support.workflows import HELLO, define, ended, start

FAILS = [{"fails": {"raise": {"error": {"type": "a:b", "status": 500, "title": "No"}}}}]
WAITS = [{"waits": {"wait": {"hours": 1}}}]


def _statuses(connection: psycopg.Connection) -> Counter[str]:
    rows = connection.execute("select status, count(*) from pgworker.workflows group by 1").fetchall()
    return Counter(dict(rows))


async def test_each_status_is_kept_for_its_own_time(
    connection: psycopg.Connection, worker_process: WorkerFactory, in_process_worker: InProcessWorker
) -> None:
    for name, do in {"good": HELLO, "fails": FAILS, "waits": WAITS}.items():
        define(connection, do, name=name)
    worker = worker_process()
    young, *old = [start(connection, "good") for _ in range(1201)]
    failed, waiting = start(connection, "fails"), start(connection, "waits")
    for one in (young, *old, failed):
        ended(connection, one)
    until(lambda: _statuses(connection)["RUNNING"] == 1)
    worker.terminate()
    worker.wait()
    connection.execute(
        "update pgworker.workflows set ended_at = now() - interval '8 days' where ended_at is not null"
        " and id <> %s",
        [young],
    )
    async with in_process_worker(retention="completed=7d, failed=30d"):
        await eventually(lambda: _statuses(connection)["COMPLETED"] == 1, seconds=15)
    assert _statuses(connection) == {"COMPLETED": 1, "FAILED": 1, "RUNNING": 1}
    kept = connection.execute("select distinct workflow_id::text from pgworker.events").fetchall()
    assert sorted(kept) == sorted([(young,), (failed,), (waiting,)])
    assert violations(connection) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("done=7d", "'done=7d' is not understood"),
        ("completed=soon", "'soon' is no length of time"),
        ("completed=1d,completed=2d", "'completed=2d' is not understood"),
        ("completed=1d,2d", "'2d' is not understood"),
        ("P1M", "not of one length"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_an_example(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        parse_retention(text)
    assert "completed=7d" in str(caught.value.hint)


def test_without_the_setting_everything_is_kept() -> None:
    assert parse_retention(Settings(database_url="postgresql:///x").retention) == {}
