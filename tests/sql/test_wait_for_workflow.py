"""wait_for_workflow: the output, or the reason why there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Thread
from uuid import uuid4

import psycopg

from tests.support.refusals import refused
from tests.support.turns import Draft, Turns
from tests.support.workflows import define, start

WAIT = "select pgworker.wait_for_workflow(%s, %s::interval)"


def _end(connection: psycopg.Connection, status: str, output: str | None, error: str | None) -> None:
    turns = Turns(connection)
    [claimed] = turns.claim()
    draft = Draft(claimed)
    draft.event(f"workflow.{status.lower()}", "{}", task=None)
    turns.commit(draft.done(status, output=output, error=error))


def test_it_returns_the_output_of_a_completed_workflow(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    _end(connection, "COMPLETED", '{"answer": 42}', None)
    assert connection.execute(WAIT, [started, "1 s"]).fetchone() == ({"answer": 42},)


def test_it_returns_as_soon_as_the_workflow_has_ended(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    define(connection)
    started = start(connection)
    answers: list[object] = []
    waiter = connect()
    waiting = Thread(target=lambda: answers.append(waiter.execute(WAIT, [started, "20 s"]).fetchone()))
    waiting.start()
    _end(connection, "COMPLETED", "[1]", None)
    ended = time.monotonic()
    waiting.join(10)
    assert answers == [([1],)]
    assert time.monotonic() - ended < 1


def test_a_failed_workflow_raises_its_error(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    problem = {"type": "urn:x", "status": 400, "title": "Broken", "detail": "the reason"}
    _end(connection, "FAILED", None, json.dumps(problem))
    with refused("PW005", f"{started} is FAILED: the reason") as caught:
        connection.execute(WAIT, [started, "1 s"])
    assert json.loads(caught.value.diag.message_detail or "") == problem


def test_a_cancelled_workflow_raises_the_reason(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    connection.execute("select pgworker.cancel_workflow(%s, 'enough')", [started])
    with refused("PW006", "is CANCELLED: enough") as caught:
        connection.execute(WAIT, [started, "1 s"])
    assert json.loads(caught.value.diag.message_detail or "")["status"] == 499


def test_it_raises_when_the_time_is_over(connection: psycopg.Connection) -> None:
    define(connection)
    started = start(connection)
    began = time.monotonic()
    with refused("PW007", "is still PENDING after 00:00:00.2", hint="select * from workers"):
        connection.execute(WAIT, [started, "200 ms"])
    assert 0.2 <= time.monotonic() - began < 2


def test_an_unknown_workflow_is_refused(connection: psycopg.Connection) -> None:
    with refused("PW002", "there is no workflow", hint="after the commit"):
        connection.execute(WAIT, [uuid4(), "1 s"])


def test_within_the_transaction_of_the_start_it_times_out(connection: psycopg.Connection) -> None:
    define(connection)
    with refused("PW007"), connection.transaction():
        connection.execute(WAIT, [start(connection), "50 ms"])
