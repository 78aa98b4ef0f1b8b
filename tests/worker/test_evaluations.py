"""Expressions of activities have the limits of those of decisions, and only their task waits for them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest

from pgworker.activities.handover import outcome_of, request_of
from pgworker.errors import ExpressionError, Fault, FaultKind
from pgworker.expressions.closed import Closed
from pgworker.expressions.sealing import opened
from pgworker.expressions.templates import template_of
from pgworker.worker.decision_watch import EXPRESSION_SECONDS, DecisionWatch
from pgworker.worker.evaluations import LONGEST_SECONDS, Evaluations
from tests.conftest import InProcessWorker
from tests.support.executing import executor, posted
from tests.support.oracle import violations
from tests.support.waiting import eventually
from tests.support.workflows import define, has_ended, start
from tests.worker.test_subscriptions import Feed

ENDLESS = "last(range(1e15))"
SLOW = "last(range(1000000))"
"""It takes longer than others can wait, and much less than it may."""


@pytest.fixture
async def evaluations() -> AsyncIterator[Evaluations]:
    async with Evaluations(DecisionWatch(), 300) as made:
        yield made


def closed(program: str, value: object = None, **bound: object) -> Closed:
    return Closed(template_of(f"${{ {program} }}"), value, bound)


def beside() -> list[int]:
    """The processes that this one has started."""
    tasks = Path("/proc/self/task").iterdir()
    started = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    return [pid for pid in started if b"decider" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@asynccontextmanager
async def nobody_waits(seconds: float) -> AsyncIterator[None]:
    """Within it the event loop turns, and never works at anything for so long."""
    gaps = [0.0]

    async def turn() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0.005)
            gaps.append(time.thread_time() - last)
            last = time.thread_time()

    turning = asyncio.create_task(turn())
    try:
        yield
    finally:
        turning.cancel()
    assert max(gaps) < seconds


async def test_what_takes_no_time_is_evaluated_here(evaluations: Evaluations) -> None:
    assert await evaluations.evaluate(closed(".a + $b", {"a": 1}, b=2)) == 3
    with pytest.raises(ExpressionError, match="cannot be added"):
        await evaluations.evaluate(closed(". + 1", "text"))
    assert beside() == []


async def test_what_takes_long_comes_to_its_result_while_others_go_on(evaluations: Evaluations) -> None:
    async with nobody_waits(0.2):
        assert await evaluations.evaluate(closed(f"{SLOW} + .a", {"a": 2})) == 1_000_001
        for _ in range(3):
            assert await evaluations.evaluate(closed(f'"{{$t}}" + ({SLOW} | tostring)', t=1)) == "{$t}999999"
    assert len(beside()) == 1


async def test_what_never_ends_fails_after_as_long_as_in_a_decision(evaluations: Evaluations) -> None:
    await evaluations.evaluate(closed(SLOW))  # so that the process is there
    began = time.monotonic()
    async with nobody_waits(0.2):
        with pytest.raises(ExpressionError, match="took too long"):
            await evaluations.evaluate(closed(ENDLESS))
    assert EXPRESSION_SECONDS / 2 < time.monotonic() - began < LONGEST_SECONDS
    assert await evaluations.evaluate(closed(SLOW)) == 999_999


async def test_what_never_ends_amid_a_text_with_a_secret_fails_as_well(evaluations: Evaluations) -> None:
    parts = ["token ", {"program": f"$secrets.a + ({ENDLESS} | tostring)"}]
    sealed = {"at": [], "kind": "text", "parts": parts, "value": None, "bind": {}}
    with pytest.raises(ExpressionError, match="took too long"):
        await evaluations.evaluate(opened(sealed, {"a": "secret"}))


async def test_what_eats_memory_fails(evaluations: Evaluations) -> None:
    with pytest.raises(ExpressionError, match="needs too much memory"):
        await evaluations.evaluate(closed('[range(40) | "x" * 30000000 + tostring]'))


async def test_a_process_that_is_killed_is_replaced_and_asked_again(evaluations: Evaluations) -> None:
    asked = asyncio.create_task(evaluations.evaluate(closed("last(range(5000000))")))
    await eventually(beside)
    os.kill(beside()[0], signal.SIGKILL)
    assert await asked == 4_999_999


async def test_a_process_that_dies_of_it_each_time_fails_the_expression(evaluations: Evaluations) -> None:
    asked = asyncio.create_task(evaluations.evaluate(closed(ENDLESS)))
    killed = 0
    while not asked.done():
        for pid in beside():
            os.kill(pid, signal.SIGKILL)
            killed += 1
        await asyncio.sleep(0.05)
    assert killed >= 2
    with pytest.raises(ExpressionError, match="died"):
        await asked


async def test_what_nobody_wants_any_more_leaves_no_answer_to_others(evaluations: Evaluations) -> None:
    await evaluations.evaluate(closed(SLOW))
    asked = asyncio.create_task(evaluations.evaluate(closed(ENDLESS)))
    await asyncio.sleep(0.2)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await evaluations.evaluate(closed(f"{SLOW} + 1")) == 1_000_000


async def test_what_cannot_be_interrupted_is_given_up() -> None:
    async with Evaluations(DecisionWatch(), 300, longest_seconds=0.3) as impatient:
        with pytest.raises(ExpressionError, match=r"it took more than 0\.3 seconds"):
            await impatient.evaluate(closed(ENDLESS))
        assert await impatient.evaluate(closed(". + 1", 1)) == 2
    assert beside() == []


@contextmanager
def secret_folder(folder: Path) -> Iterator[Path]:
    (folder / "secrets").mkdir()
    (folder / "secrets" / "service").write_text("canary-0123456789")
    yield folder / "secrets"


async def test_an_endless_expression_that_reads_a_secret_fails_its_task_alone(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, tmp_path: Path
) -> None:
    headers = {"X": f"${{ $secrets.service + ({ENDLESS} | tostring) }}"}
    ask = {"call": "http", "with": {"method": "get", "endpoint": "http://127.0.0.1:9/", "headers": headers}}
    define(connection, [{"ask": ask}], use={"secrets": ["service"]})
    with secret_folder(tmp_path) as folder:
        async with in_process_worker(secrets_dir=folder):
            started = start(connection)
            async with nobody_waits(0.3):
                row = await has_ended(connection, started)
    assert row["error"]["type"].endswith("/expression")
    assert row["error"]["detail"] == "an expression that reads secrets failed"
    assert violations(connection) == []


@pytest.mark.parametrize("where", ["filter", "while", "until"])
async def test_an_endless_expression_of_a_subscription_fails_its_task_alone(
    where: str, connection: psycopg.Connection, in_process_worker: InProcessWorker, tmp_path: Path
) -> None:
    endless = f"${{ {ENDLESS} == $context }}"
    subscription: dict[str, object] = {"consume": {"amount": 2}}
    if where == "filter":
        subscription["filter"] = endless
    else:
        subscription["consume"] = {where: endless}
    async with Feed().open(tmp_path) as feed, in_process_worker(resources_dir=tmp_path):
        document = {"endpoint": "file://news.json"}
        given = {"document": document, "operation": "news", "subscription": subscription}
        define(connection, [{"news": {"call": "asyncapi", "with": given}}])
        row = await has_ended(connection, start(connection))
    assert row["error"]["type"].endswith("/expression")
    assert "took too long" in row["error"]["detail"]
    assert feed.connections <= 1
    assert violations(connection) == []


def test_an_executor_bounds_the_expressions_that_it_evaluates() -> None:
    parts = [{"program": f"$secrets.a + ({ENDLESS} | tostring)"}]
    sealed = {"at": ["body"], "kind": "expression", "parts": parts, "value": None, "bind": {}}
    asked = {"activity": "http", "arguments": {}, "sealed": [sealed], "declared": ["a"]}
    with executor(PGWORKER_SECRET_A="canary-0123456789") as url:
        status, answer = posted(url, request_of(asked, "w:7"))
    assert status == 200
    with pytest.raises(Fault) as caught:
        outcome_of(json.dumps(answer).encode())
    assert caught.value.kind is FaultKind.EXPRESSION
