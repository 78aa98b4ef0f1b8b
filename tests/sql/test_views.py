"""The views history and tasks: what people read."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.conftest import InProcessWorker
from tests.support.stub import Stub
from tests.support.turns import Draft, Turns
from tests.support.waiting import eventually
from tests.support.workflows import call, define, has_ended, start


def _rows(connection: psycopg.Connection, view: str, workflow_id: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            f"select * from pgworker.{view} where workflow_id = %s order by seq", [workflow_id]
        ).fetchall()


@pytest.fixture
async def ran(connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub) -> str:
    """A workflow in which a task of each outcome ran."""
    define(
        connection,
        [
            {"greet": {"set": {"n": 1}}},
            {"skip": {"if": "${ false }", "set": {"n": 2}}},
            {"ask": {**call(f"{stub.url}/count"), "output": {"as": "${ {count} }"}}},
            {"each": {"for": {"in": "${ [7, 8] }"}, "do": [{"take": {"set": {"item": "${ $item }"}}}]}},
            {"nap": {"wait": {"milliseconds": 30}}},
            {"a/b~c": {"raise": {"error": {"type": "urn:x", "status": 400, "detail": "enough"}}}},
        ],
    )
    async with in_process_worker():
        started = start(connection, input={"in": True})
        row = await has_ended(connection, started)
    assert row["status"] == "FAILED", row
    return started


async def test_tasks_tells_each_run_of_each_task(connection: psycopg.Connection, ran: str) -> None:
    rows = _rows(connection, "tasks", ran)
    assert [(row["name"], row["kind"], row["status"], row["iteration"]) for row in rows] == [
        ("greet", "set", "COMPLETED", None),
        ("skip", "set", "SKIPPED", None),
        ("ask", "call", "COMPLETED", None),
        ("each", "for", "COMPLETED", None),
        ("take", "set", "COMPLETED", 0),
        ("take", "set", "COMPLETED", 1),
        ("nap", "wait", "COMPLETED", None),
        ("a/b~c", "raise", "FAILED", None),
    ]
    values = {row["name"]: (row["input"], row["output"]) for row in rows}
    assert values["greet"] == ({"in": True}, {"n": 1})
    assert values["skip"] == ({"n": 1}, {"n": 1})
    assert values["ask"] == ({"n": 1}, {"count": 1})
    assert values["each"] == ({"count": 1}, {"item": 8})
    assert values["take"] == ({"item": 7}, {"item": 8})
    assert values["nap"] == ({"item": 8}, {"item": 8})
    assert values["a/b~c"] == ({"item": 8}, None)
    assert rows[-1]["error"]["detail"] == "enough"
    assert rows[-1]["task"] == "/do/5/a~1b~0c"
    assert all(row["started_at"] <= row["ended_at"] and row["attempt"] == 1 for row in rows)
    nap = rows[6]
    assert (nap["ended_at"] - nap["started_at"]).total_seconds() >= 0.03


async def test_history_tells_every_event_with_its_values(connection: psycopg.Connection, ran: str) -> None:
    rows = _rows(connection, "history", ran)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    first, last = rows[0], rows[-1]
    assert (first["type"], first["input"], first["elapsed"].total_seconds()) == (
        "workflow.started",
        {"in": True},
        0,
    )
    assert (last["type"], last["error"]["detail"]) == ("workflow.failed", "enough")
    elapsed = [row["elapsed"] for row in rows]
    assert elapsed == sorted(elapsed)
    [nap] = [row for row in rows if row["name"] == "nap" and row["type"] == "task.completed"]
    assert nap["duration"].total_seconds() >= 0.03


async def test_a_task_that_runs_is_told_as_it_stands(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=5000")}])
    async with in_process_worker(concurrency=1, lease_seconds=1, grace_seconds=0):
        first, second = start(connection), start(connection)
        await eventually(lambda: len(stub.effects()) == 1)
        await eventually(lambda: len(_rows(connection, "tasks", second)) == 1)
        statuses = {row["status"]: row for one in (first, second) for row in _rows(connection, "tasks", one)}
        assert set(statuses) == {"RUNNING", "SCHEDULED"}
        running = statuses["RUNNING"]
        assert (running["name"], running["kind"], running["attempt"]) == ("ask", "call", 1)
        assert (running["output"], running["ended_at"]) == (None, None)
        connection.execute("select pgworker.cancel_workflow(%s)", [running["workflow_id"]])
        [row] = _rows(connection, "tasks", str(running["workflow_id"]))
        assert row["status"] == "CANCELLED"
        connection.execute("select pgworker.cancel_workflow(%s)", [statuses["SCHEDULED"]["workflow_id"]])


@pytest.mark.parametrize("view", ["history", "tasks"])
@pytest.mark.parametrize(
    "data",
    [
        {"start": "x", "iteration": "first", "from": "me", "attempt": "second", "output_from": "you"},
        {"start": 1.5, "iteration": 10**30, "from": -(10**30)},
        {"start": [1], "iteration": {}, "from": None},
        [1, 2],
        "text",
        None,
    ],
)
def test_an_event_of_ones_own_with_any_data_can_be_read(
    connection: psycopg.Connection, view: str, data: object
) -> None:
    define(connection)
    started = start(connection)
    turns = Turns(connection)
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.job(draft.event("task.started", '{"from": 1, "kind": "call", "activity": "http"}'), "perform")
    turns.commit(draft.done())
    connection.execute("select pgworker.append_event(%s, 'order.paid', %s)", [started, Jsonb(data)])
    rows = _rows(connection, view, started)
    assert len(rows) == (3 if view == "history" else 1)
    connection.execute(f"select * from pgworker.{view}").fetchall()
