"""The lifecycle events of the specification, read off the history, and their publication."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.conftest import InProcessWorker
from tests.support.stub import Stub
from tests.support.waiting import eventually
from tests.support.workflows import call, define, has_ended, history, start

PROBLEM = {"type": "urn:x", "status": 400, "title": "No", "detail": "enough", "instance": "/do/0/a"}


def lifecycle(connection: psycopg.Connection, workflow_id: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select * from pgworker.lifecycle_events where workflow_id = %s order by seq, position",
            [workflow_id],
        ).fetchall()


class Told(NamedTuple):
    """What a lifecycle event tells, without the words around it."""

    seq: int
    what: str
    task: str | None


def told(rows: list[dict[str, Any]]) -> list[Told]:
    return [Told(row["seq"], _short(row["type"]), row["data"].get("task")) for row in rows]


def _short(type_: str) -> str:
    found = re.fullmatch(r"io\.serverlessworkflow\.(.+)\.v1", type_)
    assert found is not None
    return found[1]


Fact = tuple[str, str | None, dict[str, Any]]


@pytest.fixture
def recorded(connection: psycopg.Connection) -> Callable[..., str]:
    """Records a history as it is given, event by event, after the first one; returns the workflow's id."""
    define(connection)

    def record(*facts: Fact, **options: object) -> str:
        workflow_id = start(connection, **options)
        extend(connection, workflow_id, *facts)
        return workflow_id

    return record


def extend(connection: psycopg.Connection, workflow_id: str, *facts: Fact) -> None:
    """Records more; each event a transaction of its own, and so a time of its own."""
    for type_, task, data in facts:
        connection.execute(
            "with w as (update pgworker.workflows set last_seq = last_seq + 1 where id = %s"
            " returning id, last_seq)"
            " insert into pgworker.events (workflow_id, seq, type, task, data)"
            " select id, last_seq, %s, %s, %s from w",
            [workflow_id, type_, task, Jsonb(data)],
        )


async def test_a_workflow_that_ran_tells_what_each_task_went_through(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    define(
        connection,
        [
            {"greet": {"set": {"n": 1}}},
            {"skip": {"if": "${ false }", "set": {"n": 2}}},
            {"ask": call(f"{stub.url}/count")},
            {
                "again": {
                    "try": [{"a/b": {"raise": {"error": {"type": "urn:x", "status": 400}}}}],
                    "catch": {"retry": {"limit": {"attempt": {"count": 1}}}, "then": "continue"},
                }
            },
            {
                "race": {
                    "fork": {
                        "compete": True,
                        "branches": [{"slow": {"wait": {"hours": 1}}}, {"fast": {"set": {"n": 3}}}],
                    }
                }
            },
        ],
    )
    async with in_process_worker():
        workflow_id = start(connection)
        row = await has_ended(connection, workflow_id)
    assert row["status"] == "COMPLETED", row
    rows = lifecycle(connection, workflow_id)
    again, boom, race = "/do/3/again", "/do/3/again/try/0/a~1b", "/do/4/race"
    slow, fast = "/do/4/race/fork/branches/0/slow", "/do/4/race/fork/branches/1/fast"
    assert [(one.what, one.task) for one in told(rows)] == [
        ("workflow.started", None),
        *[(f"task.{what}", "/do/0/greet") for what in ("created", "started", "completed")],
        ("task.created", "/do/1/skip"),
        *[(f"task.{what}", "/do/2/ask") for what in ("created", "started", "completed")],
        *[(f"task.{what}", again) for what in ("created", "started")],
        *[(f"task.{what}", boom) for what in ("created", "started", "faulted")],
        ("task.retried", again),
        *[(f"task.{what}", boom) for what in ("created", "started", "faulted")],
        ("task.completed", again),
        *[(f"task.{what}", race) for what in ("created", "started")],
        *[(f"task.{what}", slow) for what in ("created", "started")],
        *[(f"task.{what}", fast) for what in ("created", "started", "completed")],
        ("task.cancelled", slow),
        ("task.completed", race),
        ("workflow.completed", None),
    ]
    times = {event.seq: event.occurred_at for event in history(connection, workflow_id)}
    assert all(row["time"] == times[row["seq"]] for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)


def _only(rows: list[dict[str, Any]], what: str) -> dict[str, Any]:
    (row,) = [row for row in rows if _short(row["type"]) == what]
    return row


TASK_STARTED: Fact = ("task.started", "/do/0/a", {"from": 1, "kind": "wait"})
EVERYTHING: list[Fact] = [
    TASK_STARTED,
    ("listen.started", "/do/0/a", {"start": 2}),
    ("workflow.paused", None, {}),
    ("workflow.resumed", None, {}),
    ("listen.completed", "/do/0/a", {"start": 2, "correlation": {"order": "o-1"}}),
    ("task.retried", "/do/0/a", {"start": 2, "attempt": 2}),
    ("task.completed", "/do/0/a", {"start": 2}),
    ("task.started", "/do/1/b", {"from": 7, "kind": "wait"}),
    ("task.cancelled", "/do/1/b", {"start": 9}),
    ("task.failed", "/do/2/c", {"error": PROBLEM, "kind": "raise"}),
]


@pytest.mark.parametrize(
    ("end", "told_of_it"),
    [
        (("workflow.completed", None, {}), ("workflow.completed", "completedAt", {"outputUri"})),
        (("workflow.failed", None, {"error": PROBLEM}), ("workflow.faulted", "faultedAt", {"error"})),
        (("workflow.cancelled", None, {"error": PROBLEM}), ("workflow.cancelled", "cancelledAt", set())),
    ],
    ids=["completed", "failed", "cancelled"],
)
def test_every_type_has_the_properties_of_the_specification(
    connection: psycopg.Connection,
    recorded: Callable[..., str],
    end: Fact,
    told_of_it: tuple[str, str, set[str]],
) -> None:
    workflow_id = recorded(*EVERYTHING, end)
    rows = lifecycle(connection, workflow_id)
    what, moment, more = told_of_it
    expected = {
        "workflow.started": ("startedAt", {"definition"}),
        "workflow.suspended": ("suspendedAt", set()),
        "workflow.resumed": ("resumedAt", set()),
        "workflow.correlation-started": ("startedAt", set()),
        "workflow.correlation-completed": ("completedAt", {"correlationKeys"}),
        "task.created": ("createdAt", set()),
        "task.started": ("startedAt", set()),
        "task.suspended": ("suspendedAt", set()),
        "task.resumed": ("resumedAt", set()),
        "task.retried": ("retriedAt", set()),
        "task.cancelled": ("cancelledAt", set()),
        "task.faulted": ("faultedAt", {"error"}),
        "task.completed": ("completedAt", {"outputUri"}),
        what: (moment, more),
    }
    assert {_short(row["type"]) for row in rows} == set(expected)
    name = f"sample-{workflow_id}.default"
    for row in rows:
        data = dict(row["data"])
        moment, more = expected[_short(row["type"])]
        assert datetime.fromisoformat(data.pop(moment)) == row["time"]
        if _short(row["type"]).startswith("task."):
            assert data.pop("workflow") == name
            task = data.pop("task")
            assert row["subject"] == f"{workflow_id}{task}"
        else:
            assert data.pop("name") == name
            assert row["subject"] == workflow_id
        assert set(data) == more, row["type"]
    definition = {"namespace": "default", "name": "sample", "version": "1.0.0"}
    assert _only(rows, "workflow.started")["data"]["definition"] == definition
    assert _only(rows, "workflow.correlation-completed")["data"]["correlationKeys"] == {"order": "o-1"}
    assert _only(rows, "task.faulted")["data"]["error"] == PROBLEM
    assert _only(rows, "task.completed")["data"]["outputUri"] == f"/workflows/{workflow_id}/events/8"
    if what == "workflow.completed":
        assert _only(rows, what)["data"]["outputUri"] == f"/workflows/{workflow_id}/events/12"


def test_each_is_a_whole_cloud_event(connection: psycopg.Connection, recorded: Callable[..., str]) -> None:
    workflow_id = recorded(("task.completed", "/do/0/a", {"kind": "set"}))
    row = lifecycle(connection, workflow_id)[1]
    assert row["id"] == f"{workflow_id}:2:task.created"
    assert row["cloud_event"] == {
        "specversion": "1.0",
        "id": row["id"],
        "source": "/default/sample/1.0.0",
        "type": "io.serverlessworkflow.task.created.v1",
        "subject": f"{workflow_id}/do/0/a",
        "time": row["data"]["createdAt"],
        "data": row["data"],
    }
    assert row["cloud_event"]["time"].endswith("Z")


def test_times_are_the_same_in_every_session(
    connection: psycopg.Connection, recorded: Callable[..., str]
) -> None:
    recorded(TASK_STARTED)
    looking = "select cloud_event from pgworker.lifecycle_events order by workflow_id, seq, position"
    before = connection.execute(looking).fetchall()
    connection.execute("set time zone 'Asia/Kathmandu'")
    connection.execute("set datestyle to 'German, DMY'")
    assert connection.execute(looking).fetchall() == before


def test_pausing_suspends_the_tasks_that_run_inner_ones_first(
    connection: psycopg.Connection, recorded: Callable[..., str]
) -> None:
    inner = "/do/0/a/do/0/b"
    workflow_id = recorded(
        TASK_STARTED,
        ("task.started", inner, {"in": 2, "from": 1, "kind": "wait"}),
        ("task.completed", "/do/1/c", {"kind": "set"}),
        ("workflow.paused", None, {}),
        ("task.started", "/do/2/late", {"kind": "wait"}),
        ("task.completed", inner, {"start": 3}),
        ("workflow.resumed", None, {}),
        ("workflow.paused", None, {}),
        ("workflow.resumed", None, {}),
    )
    found = [one for one in told(lifecycle(connection, workflow_id)) if one.what.endswith(("ended", "sumed"))]
    assert found == [
        Told(5, "task.suspended", inner),
        Told(5, "task.suspended", "/do/0/a"),
        Told(5, "workflow.suspended", None),
        Told(8, "workflow.resumed", None),
        Told(8, "task.resumed", "/do/0/a"),
        Told(9, "task.suspended", "/do/2/late"),
        Told(9, "task.suspended", "/do/0/a"),
        Told(9, "workflow.suspended", None),
        Told(10, "workflow.resumed", None),
        Told(10, "task.resumed", "/do/0/a"),
        Told(10, "task.resumed", "/do/2/late"),
    ]


async def test_cancelling_a_workflow_cancels_the_tasks_that_run(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    define(connection, [{"outer": {"do": [{"nap": {"wait": {"hours": 1}}}]}}])
    async with in_process_worker():
        workflow_id = start(connection)
        await eventually(lambda: len(history(connection, workflow_id)) >= 4)
        connection.execute("select pgworker.cancel_workflow(%s)", [workflow_id])
    found = told(lifecycle(connection, workflow_id))
    assert [(one.what, one.task) for one in found[-3:]] == [
        ("task.cancelled", "/do/0/outer/do/0/nap"),
        ("task.cancelled", "/do/0/outer"),
        ("workflow.cancelled", None),
    ]


def test_a_workflow_that_is_put_off_starts_when_it_is_taken_up(
    connection: psycopg.Connection, recorded: Callable[..., str]
) -> None:
    later = recorded(start_at=datetime.fromisoformat("2999-01-01T00:00:00+00:00"))
    connection.execute(
        "select pgworker.append_event(%s, 'order.paid', %s)", [later, Jsonb({"start_at": "x"})]
    )
    assert lifecycle(connection, later) == []
    extend(connection, later, TASK_STARTED)
    assert told(lifecycle(connection, later))[0] == Told(3, "workflow.started", None)
    at_once = recorded(start_at=datetime.fromisoformat("2020-01-01T00:00:00+00:00"))
    assert told(lifecycle(connection, at_once)) == [Told(1, "workflow.started", None)]


def test_one_that_was_put_off_and_cancelled_never_started(
    connection: psycopg.Connection, recorded: Callable[..., str]
) -> None:
    workflow_id = recorded(start_at=datetime.fromisoformat("2999-01-01T00:00:00+00:00"))
    connection.execute("select pgworker.cancel_workflow(%s)", [workflow_id])
    assert told(lifecycle(connection, workflow_id)) == [Told(2, "workflow.cancelled", None)]


@pytest.mark.parametrize(
    "data", [{"start": "x", "start_at": "never", "correlation": 1}, [1, 2], "text", None]
)
def test_events_of_ones_own_tell_nothing(
    connection: psycopg.Connection, recorded: Callable[..., str], data: object
) -> None:
    workflow_id = recorded(TASK_STARTED)
    before = lifecycle(connection, workflow_id)
    connection.execute("select pgworker.append_event(%s, 'order.paid', %s)", [workflow_id, Jsonb(data)])
    assert lifecycle(connection, workflow_id) == before
    connection.execute("select * from pgworker.lifecycle_events").fetchall()


@pytest.mark.parametrize("start_at", [None, "2999-01-01T00:00:00+00:00"])
def test_a_longer_history_tells_the_same_and_more(
    connection: psycopg.Connection, recorded: Callable[..., str], start_at: str | None
) -> None:
    workflow_id = recorded(start_at=None if start_at is None else datetime.fromisoformat(start_at))
    before = lifecycle(connection, workflow_id)
    for fact in [*EVERYTHING, TASK_STARTED, ("workflow.cancelled", None, {"error": PROBLEM})]:
        extend(connection, workflow_id, fact)
        after = lifecycle(connection, workflow_id)
        assert after[: len(before)] == before
        assert len(after) > len(before)
        before = after


def _publish(connection: psycopg.Connection, workflow_id: str) -> int:
    row = connection.execute("select pgworker.publish_lifecycle_events(%s)", [workflow_id]).fetchone()
    assert row is not None
    return int(row[0])


def test_what_is_new_is_published_once(connection: psycopg.Connection, recorded: Callable[..., str]) -> None:
    workflow_id, other = recorded(TASK_STARTED), recorded(TASK_STARTED)
    assert [_publish(connection, workflow_id) for _ in range(2)] == [3, 0]
    extend(connection, workflow_id, ("task.completed", "/do/0/a", {"start": 2}))
    assert [_publish(connection, workflow_id) for _ in range(2)] == [1, 0]
    names = ("source", "type", "subject", "time", "data")
    published = connection.execute(
        "select event_id, source, type, subject, time, data from pgworker.cloud_events"
    )
    found = {row[0]: row[1:] for row in published}
    assert found == {row["id"]: tuple(row[n] for n in names) for row in lifecycle(connection, workflow_id)}
    assert _publish(connection, other) == 3


def test_those_who_publish_at_once_count_each_event_once(
    connection: psycopg.Connection,
    connect: Callable[[], psycopg.Connection],
    recorded: Callable[..., str],
) -> None:
    workflow_id = recorded(*EVERYTHING)
    others = [connect() for _ in range(4)]
    with ThreadPoolExecutor(len(others)) as pool:
        counts = list(pool.map(lambda one: _publish(one, workflow_id), others))
    assert sum(counts) == len(lifecycle(connection, workflow_id))
    assert connection.execute("select count(*) from pgworker.cloud_events").fetchone() == (sum(counts),)


def test_an_unknown_workflow_has_nothing_to_publish(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        _publish(connection, str(uuid4()))
    assert caught.value.sqlstate == "PW002"


def test_readers_read_them_workers_publish_them_and_clients_do_neither(
    connection: psycopg.Connection, recorded: Callable[..., str]
) -> None:
    workflow_id = recorded(TASK_STARTED)
    looking = "select count(*) from pgworker.lifecycle_events"
    publishing = "select pgworker.publish_lifecycle_events(%s)"
    for role, may_read, may_publish in [
        ("pgworker_reader", True, False),
        ("pgworker_worker", True, True),
        ("pgworker_client", False, False),
    ]:
        connection.execute(f"set role {role}")
        for statement, arguments, is_allowed in [
            (looking, [], may_read),
            (publishing, [workflow_id], may_publish),
        ]:
            if is_allowed:
                assert connection.execute(statement, arguments).fetchone() == (3,)
            else:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement, arguments)
        connection.execute("reset role")


def test_one_workflows_events_are_found_by_its_key(
    connection: psycopg.Connection, recorded: Callable[..., str]
) -> None:
    """Without a look at anybody else's history."""
    workflow_id = recorded(*EVERYTHING)
    connection.execute("set enable_seqscan = off")
    rows = connection.execute(
        "explain (costs off) select * from pgworker.lifecycle_events where workflow_id = %s", [workflow_id]
    ).fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert "Seq Scan" not in plan
    scans = re.findall(
        r"Index (?:Only )?Scan using events_are_numbered\w+ on events.*\n\s+Index Cond: (.*)", plan
    )
    assert scans
    assert all("workflow_id = " in condition for condition in scans), plan


def test_what_there_is_not_to_tell_is_left_out(
    connection: psycopg.Connection, recorded: Callable[..., str]
) -> None:
    workflow_id = recorded(
        ("listen.completed", "/do/0/a", {"start": 2}), ("listen.completed", "/do/0/a", {"correlation": {}})
    )
    for row in lifecycle(connection, workflow_id):
        assert None not in row["data"].values()
        assert "correlationKeys" not in row["data"]


def test_a_long_history_is_read_quickly_without_statistics(connection: psycopg.Connection) -> None:
    """A plan that compares each start with each end takes most of a minute here."""
    define(connection)
    workflow_id = start(connection)
    connection.execute(
        "with w as (update pgworker.workflows set last_seq = 20001 where id = %s returning id)"
        " insert into pgworker.events (workflow_id, seq, type, task, data)"
        " select id, 1 + n, case when n %% 2 = 1 then 'task.started' else 'task.completed' end, '/do/0/a',"
        "        case when n %% 2 = 1 then '{}'::jsonb else jsonb_build_object('start', n) end"
        " from w, generate_series(1, 20000) as n",
        [workflow_id],
    )
    connection.execute("select pgworker.cancel_workflow(%s)", [workflow_id])
    connection.execute("set statement_timeout to '15 s'")
    row = connection.execute(
        "select count(cloud_event) from pgworker.lifecycle_events where workflow_id = %s", [workflow_id]
    ).fetchone()
    assert row == (30_002,)
