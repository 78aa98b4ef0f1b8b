"""What is broken fails by itself, says why, and holds nobody else up."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgworker.worker import turn
from tests.conftest import InProcessWorker, WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import eventually, until
from tests.support.workflows import (
    HELLO,
    are_ended,
    call,
    define,
    document,
    ended,
    has_ended,
    history,
    start,
    types,
    workflow,
)

CONFIGURATION = "https://serverlessworkflow.io/spec/1.0.0/errors/configuration"
RUNTIME = "https://serverlessworkflow.io/spec/1.0.0/errors/runtime"


def test_a_definition_with_mistakes_fails_its_workflows_and_is_marked(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=60)
    broken = document([{"one": {"sett": {"a": 1}}}, {"two": {"set": {"a": "${ .b + }"}}}], name="broken")
    connection.execute("select pgworker.define_workflow(%s)", [Jsonb(broken)])
    define(connection)
    started = [start(connection, name) for name in ("broken", "sample", "broken")]
    rows = [ended(connection, one) for one in started]
    assert [row["status"] for row in rows] == ["FAILED", "COMPLETED", "FAILED"]
    for row in (rows[0], rows[2]):
        assert (row["error"]["type"], row["error"]["status"]) == (CONFIGURATION, 400)
        assert "/do/0/one" in row["error"]["detail"]
        assert "/do/1/two" in row["error"]["detail"]
    problems = dict(connection.execute("select name, problems from pgworker.definitions").fetchall())
    assert problems["sample"] is None
    assert "/do/0/one" in problems["broken"]
    assert violations(connection) == []


@pytest.mark.parametrize(
    "definition",
    [
        {"document": {"name": "odd", "version": "1"}},
        {"document": {"dsl": "9.9.9", "namespace": "default", "name": "odd", "version": "1.0.0"}, "do": []},
        {"document": {"dsl": "1.0.3", "namespace": "default", "name": "odd", "version": "1.0.0"}, "do": None},
        {"document": {"dsl": ["1.0.3"], "name": "odd", "version": "1.0.0"}, "do": {"a": 1}},
        {"id": "odd", "version": "1.0", "specVersion": "9.9", "states": []},
        {"document": {"name": "odd", "version": "1"}, "deep": [[[[[[[[[[[[[[{}]]]]]]]]]]]]]]},
    ],
)
def test_whatever_is_defined_by_sql_a_worker_lives(
    connection: psycopg.Connection, worker_process: WorkerFactory, definition: dict[str, Any]
) -> None:
    worker = worker_process(poll_seconds=60)
    connection.execute("select pgworker.define_workflow(%s)", [Jsonb(definition)])
    define(connection)
    odd, good = start(connection, "odd"), start(connection)
    until(lambda: worker.poll() is not None or are_ended(connection, [odd, good]))
    assert worker.poll() is None, "the worker has died of it"
    row = workflow(connection, odd)
    assert (row["status"], row["error"]["type"]) == ("FAILED", CONFIGURATION)
    assert ended(connection, good)["status"] == "COMPLETED"
    assert worker.poll() is None
    assert violations(connection) == []


class _Breaks:
    """``decide`` that raises for some workflows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.victims: set[str] = set()
        self.times = 0
        self._decide = turn.decide
        monkeypatch.setattr(turn, "decide", self)

    def __call__(self, workflow_id: str, *more: Any, **named: Any) -> Any:
        if workflow_id in self.victims:
            self.times += 1
            raise ZeroDivisionError("broken on purpose")
        return self._decide(workflow_id, *more, **named)


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> _Breaks:
    """Chooses the workflows that the engine cannot decide upon."""
    return _Breaks(monkeypatch)


async def test_a_workflow_that_breaks_the_engine_fails_after_three_strikes_and_alone(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, breaks: _Breaks
) -> None:
    define(connection)
    with connection.transaction():
        started = [start(connection) for _ in range(10)]
        breaks.victims.add(started[4])
    async with in_process_worker(poll_seconds=0.1):
        others = [one for one in started if one != started[4]]
        for one in others:
            assert (await has_ended(connection, one, seconds=3))["status"] == "COMPLETED"
        row = await has_ended(connection, started[4], seconds=15)
    assert breaks.times == 3
    assert (row["status"], row["error"]["type"]) == ("FAILED", RUNTIME)
    assert "3 times" in row["error"]["detail"]
    assert types(connection, started[4]) == ["workflow.started", "workflow.failed"]
    assert violations(connection) == []


async def test_a_workflow_that_breaks_only_for_a_while_goes_on(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, breaks: _Breaks
) -> None:
    define(connection)
    started = start(connection)
    breaks.victims.add(started)
    async with in_process_worker(poll_seconds=0.1):
        await eventually(lambda: breaks.times == 1)
        breaks.victims.clear()
        assert (await has_ended(connection, started))["status"] == "COMPLETED"
    assert violations(connection) == []


async def test_a_workflow_that_breaks_on_an_activitys_result_fails_and_repeats_it_no_more_than_it_must(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, breaks: _Breaks, stub: Stub
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=200")}])
    async with in_process_worker(poll_seconds=0.1, lease_seconds=2, max_attempts=2):
        started = start(connection)
        await eventually(lambda: stub.effects("/slow"))
        breaks.victims.add(started)
        row = await has_ended(connection, started, seconds=15)
    assert (row["status"], row["error"]["type"]) == ("FAILED", RUNTIME)
    assert len(stub.effects()) == 1
    assert violations(connection, stub.effects()) == []


async def test_results_that_come_with_a_broken_workflow_in_one_turn_are_recorded(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, breaks: _Breaks, stub: Stub
) -> None:
    """Whoever breaks, or is failed for having broken, takes nobody's result with it."""
    tasks = [{"ask": call(f"{stub.url}/slow?ms=100")}, {"more": call(f"{stub.url}/count")}]
    define(connection, tasks, name="calls")
    define(connection)
    async with in_process_worker(poll_seconds=0.1, concurrency=50, lease_seconds=8):
        broken = [start(connection) for _ in range(6)]
        breaks.victims.update(broken)
        good: list[str] = []
        for _ in range(12):  # while the broken ones get their strikes, results come in all the time
            good += [start(connection, "calls") for _ in range(8)]
            await has_ended(connection, good[-1])
        for one in broken:
            assert (await has_ended(connection, one))["status"] == "FAILED"
        for one in good:
            assert (await has_ended(connection, one))["status"] == "COMPLETED"
    assert violations(connection, stub.effects(), kills=0) == []


@pytest.mark.parametrize("sqlstate", ["22P05", "23514", "54000"])
async def test_a_workflow_whose_events_the_database_refuses_fails_alone(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, sqlstate: str
) -> None:
    define(connection)
    with connection.transaction():
        started = [start(connection) for _ in range(10)]
        _refuse_events_of(connection, started[4], "task.completed", sqlstate)
    async with in_process_worker(poll_seconds=0.1):
        for one in started:
            if one != started[4]:
                assert (await has_ended(connection, one, seconds=3))["status"] == "COMPLETED"
        row = await has_ended(connection, started[4], seconds=15)
    assert (row["status"], row["error"]["type"]) == ("FAILED", RUNTIME)
    assert violations(connection) == []


async def test_results_are_recorded_soon_after_a_turn_was_refused(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    define(connection)
    define(connection, [{"ask": call(f"{stub.url}/count")}], name="calls")
    async with in_process_worker(poll_seconds=1):
        with connection.transaction():
            refused, *others = [start(connection) for _ in range(5)]
            _refuse_events_of(connection, refused, "task.completed")
        for one in others:
            await has_ended(connection, one, seconds=3)
        for _ in range(5):
            row = await has_ended(connection, start(connection, "calls"), seconds=3)
            assert row["status"] == "COMPLETED"
    assert violations(connection, stub.effects()) == []


async def test_a_result_that_the_database_refuses_fails_its_workflow(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=100")}])
    async with in_process_worker(poll_seconds=0.1, lease_seconds=2, max_attempts=2):
        started = start(connection)
        await eventually(lambda: stub.effects("/slow"))
        _refuse_events_of(connection, started, "task.completed")
        row = await has_ended(connection, started, seconds=15)
    assert row["status"] == "FAILED"
    assert len(stub.effects()) == 1
    assert violations(connection, stub.effects()) == []


async def test_an_activity_of_a_turn_that_the_database_refuses_is_not_performed(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/count")}])
    with connection.transaction():
        started = start(connection)
        _refuse_events_of(connection, started, "task.started")
    async with in_process_worker(poll_seconds=0.1):
        assert (await has_ended(connection, started, seconds=15))["status"] == "FAILED"
    assert stub.effects() == []
    assert violations(connection) == []


async def test_an_events_turn_that_was_put_off_does_not_break_a_long_one(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    """The result's turn stops at its limit and asks for another, and the event's is still to come."""
    loop = {"for": {"in": "${ [range(1500)] }"}, "do": [{"each": {"set": {"n": "${ $item }"}}}]}
    define(connection, [{"ask": call(f"{stub.url}/slow?ms=300")}, {"loop": loop}])
    async with in_process_worker(poll_seconds=0.1) as worker:
        started = start(connection)
        await eventually(lambda: stub.effects("/slow"))
        with connection.transaction():
            connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
            connection.execute("select pgworker.postpone_turn(%s, '1 s')", [started])
        await eventually(lambda: worker.done() or workflow(connection, started)["status"] == "COMPLETED")
        assert not worker.done()
    assert violations(connection, stub.effects()) == []


async def test_histories_of_thousands_of_events_are_made_in_several_turns(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    loop = {"for": {"in": "${ [range(3000)] }"}, "do": [{"each": {"set": {"n": "${ $item }"}}}]}
    define(connection, [{"loop": loop}])
    define(connection, name="hello")
    async with in_process_worker(poll_seconds=60):
        long = start(connection)
        await eventually(lambda: workflow(connection, long)["status"] == "RUNNING")
        assert (await has_ended(connection, start(connection, "hello")))["status"] == "COMPLETED"
        row = await has_ended(connection, long, seconds=30)
    assert row["output"] == {"n": 2999}
    assert len({event.occurred_at for event in history(connection, long)}) > 3
    assert violations(connection) == []


@pytest.mark.parametrize("value", ["x" * 9_000_000, [0.1] * 1_000_000], ids=["text", "numbers"])
async def test_a_value_that_no_event_can_hold_fails_its_task(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, value: object
) -> None:
    define(connection, [{"twice": {"set": {"a": "${ .value }", "b": "${ .value }"}}}])
    define(connection, HELLO, name="hello")
    async with in_process_worker(poll_seconds=60):
        large = start(connection, input={"value": value})
        row = await has_ended(connection, large, seconds=30)
        assert (await has_ended(connection, start(connection, "hello")))["status"] == "COMPLETED"
    assert row["status"] in ("FAILED", "COMPLETED")
    if row["status"] == "FAILED":
        assert row["error"]["instance"] == "/do/0/twice"
        assert "bytes" in row["error"]["detail"]
    assert violations(connection) == []


async def test_a_listen_for_a_type_that_no_index_takes_fails_alone(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    define(
        connection, [{"l": {"listen": {"to": {"one": {"with": {"type": token_hex(5000)}}}}}}], name="endless"
    )
    define(connection)
    started = [start(connection, name) for name in ("sample", "endless", "sample")]
    async with in_process_worker(poll_seconds=0.1):
        rows = [await has_ended(connection, one, seconds=15) for one in started]
    assert [row["status"] for row in rows] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert violations(connection) == []


def _refuse_events_of(
    connection: psycopg.Connection, workflow_id: str, type_: str, sqlstate: str = "22P05"
) -> None:
    """Lets the database find something wrong with a value, as it does with what JSON cannot hold."""
    connection.execute(
        "create or replace function pgworker.refuse_some() returns trigger language plpgsql as"
        f" $$ begin raise exception 'a value is wrong' using errcode = '{sqlstate}'; end $$"
    )
    connection.execute(
        "create or replace trigger refuse_some before insert on pgworker.events for each row"
        f" when (new.workflow_id = '{workflow_id}' and new.type = '{type_}')"
        " execute function pgworker.refuse_some()"
    )
