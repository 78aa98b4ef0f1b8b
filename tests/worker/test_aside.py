"""Decisions that take long are made aside, and come to the same as those that do not."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import InProcessWorker
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.waiting import eventually
from tests.support.workflows import (
    Task,
    call,
    define,
    has_ended,
    history,
    results,
    start,
    types,
    workflow,
)

SLOW = "last(range(4000000))"
"""It takes longer than others can wait, and much less than it may."""


async def _is_aside(connection: psycopg.Connection, workflow_id: str) -> None:
    """Waits until the workflow's job has been put off."""
    await eventually(
        lambda: connection.execute(
            "select 1 from pgworker.jobs where workflow_id = %s and kind = 'decide' and due_at > created_at",
            [workflow_id],
        ).fetchone()
    )


async def test_what_takes_long_completes_with_what_comes_after_it_and_the_next_of_its_kind_too(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    define(connection, [{"slow": {"set": {"n": f"${{ {SLOW} }}"}}}, {"next": {"set": {"m": "${ .n + 1 }"}}}])
    async with in_process_worker(poll_seconds=60):
        for _ in range(3):
            row = await has_ended(connection, start(connection))
            assert (row["status"], row["output"]) == ("COMPLETED", {"m": 4_000_000})
    assert violations(connection) == []


async def test_the_result_of_an_activity_that_takes_long_to_take_in_is_recorded_once(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    ask = call(f"{stub.url}/count") | {"output": {"as": f"${{ {SLOW} }}"}}
    define(connection, [{"ask": ask}, {"next": {"set": {"n": "${ . }"}}}])
    async with in_process_worker(poll_seconds=60):
        started = start(connection)
        row = await has_ended(connection, started)
    assert (row["status"], row["output"]) == ("COMPLETED", {"n": 3_999_999})
    assert len(results(connection, started)) == 1
    assert len(stub.effects()) == 1
    assert violations(connection, stub.effects()) == []


async def test_an_event_that_comes_meanwhile_has_the_decision_made_anew(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    define(connection, [{"slow": {"set": {"n": f"${{ {SLOW} }}"}}}])
    async with in_process_worker(poll_seconds=60):
        started = start(connection)
        for _ in range(4):
            await _is_aside(connection, started)
            connection.execute("select pgworker.append_event(%s, 'order.paid')", [started])
        row = await has_ended(connection, started)
    assert (row["status"], row["output"]) == ("COMPLETED", {"n": 3_999_999})
    assert types(connection, started).count("task.completed") == 1
    assert violations(connection) == []


async def test_a_workflow_that_is_cancelled_meanwhile_is_cancelled(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    define(connection, [{"endless": {"set": {"n": "${ last(range(1e15)) }"}}}])
    async with in_process_worker(poll_seconds=60):
        started = start(connection)
        await _is_aside(connection, started)
        connection.execute("select pgworker.cancel_workflow(%s)", [started])
        assert (await has_ended(connection, started))["status"] == "CANCELLED"
    assert violations(connection) == []


async def test_a_workflow_that_failed_aside_is_retried_aside(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    tasks: list[Task] = [{"first": {"set": {"n": 1}}}, {"endless": {"set": {"n": "${ last(range(1e15)) }"}}}]
    define(connection, tasks)
    async with in_process_worker(poll_seconds=60):
        started = start(connection)
        assert (await has_ended(connection, started))["status"] == "FAILED"
        connection.execute("select pgworker.retry_workflow(%s)", [started])
        await eventually(lambda: types(connection, started).count("workflow.failed") == 2)
    assert workflow(connection, started)["error"]["detail"].endswith("it took too long")
    assert types(connection, started).count("workflow.rewound") == 1
    assert violations(connection) == []


async def test_a_long_loop_of_short_expressions_is_not_made_aside_and_lets_others_have_their_turn(
    connection: psycopg.Connection, in_process_worker: InProcessWorker
) -> None:
    body: list[Task] = [{"each": {"set": {"n": "${ last(range(15000)) + $item }"}}}]
    define(connection, [{"loop": {"for": {"in": "${ [range(1200)] }"}, "do": body}}])
    async with in_process_worker(poll_seconds=60):
        started = start(connection)
        row = await has_ended(connection, started)
    assert row["output"] == {"n": 16_198}
    events = history(connection, started)
    assert len({event.occurred_at for event in events}) > 3, "it was cut into several turns"
    assert violations(connection) == []


async def test_a_worker_that_cannot_start_another_process_tries_again(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, refusals = asyncio.create_subprocess_exec, [BlockingIOError("no more processes")]

    async def start_process(*arguments: Any, **named: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return await honest(*arguments, **named)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_process)
    define(connection, [{"slow": {"set": {"n": f"${{ {SLOW} }}"}}}])
    async with in_process_worker(poll_seconds=60):
        assert (await has_ended(connection, start(connection)))["status"] == "COMPLETED"
    assert refusals == []
    assert violations(connection) == []


@pytest.mark.parametrize("turn", ["workflow", "task"])
async def test_a_worker_that_commits_task_by_task_decides_aside_as_well(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, turn: str
) -> None:
    define(connection, [{"slow": {"set": {"n": f"${{ {SLOW} }}"}}}, {"next": {"set": {"m": "${ .n + 1 }"}}}])
    async with in_process_worker(poll_seconds=60, turn=turn):
        row = await has_ended(connection, start(connection))
    assert (row["status"], row["output"]) == ("COMPLETED", {"m": 4_000_000})
    assert violations(connection) == []


async def test_a_retry_that_is_decided_aside_goes_back_once(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, stub: Stub
) -> None:
    ask = call(f"{stub.url}/flaky?of={uuid4()}") | {"input": {"from": f"${{ {{n: {SLOW}}} }}"}}
    define(connection, [{"ask": ask}, {"nap": {"wait": {"milliseconds": 20}}}, {"last": {"set": {"n": 1}}}])
    async with in_process_worker(poll_seconds=60):
        started = start(connection)
        assert (await has_ended(connection, started))["status"] == "FAILED"
        connection.execute("select pgworker.retry_workflow(%s)", [started])
        await eventually(lambda: workflow(connection, started)["status"] == "COMPLETED")
    assert types(connection, started).count("workflow.rewound") == 1
    assert len(stub.effects()) == 2
    assert violations(connection, stub.effects()) == []
