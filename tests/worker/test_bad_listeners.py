"""Workflows and schedules whose events or expressions go wrong hurt nobody but themselves."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import until
from tests.support.workflows import Task, define, document, ended, start, workflow

ENDLESS = "last(range(1e15))"


def _publish(connection: psycopg.Connection, type_: str, data: object = None) -> None:
    connection.execute("select pgworker.publish_event(%s, %s)", [type_, Jsonb(data)])


def _schedule(connection: psycopg.Connection, name: str, filter_: dict[str, Any], **more: object) -> None:
    defined = document([{"one": {"set": {"a": 1}}}], name=name, schedule={"on": {"one": filter_, **more}})
    connection.execute("select pgworker.define_workflow(%s)", [Jsonb(defined)])


def _runs(connection: psycopg.Connection, name: str) -> int:
    row = connection.execute("select runs from pgworker.schedules where name = %s", [name]).fetchone()
    assert row is not None
    return int(row[0])


def _problem(connection: psycopg.Connection, name: str) -> str | None:
    row = connection.execute("select problem from pgworker.schedules where name = %s", [name]).fetchone()
    assert row is not None
    return row[0]


def _listen(filter_: dict[str, Any]) -> Task:
    return {"listen": {"to": {"one": filter_}}}


def test_schedules_that_cannot_be_settled_say_why_and_the_others_go_on(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    key = {"k": {"from": ".k", "expect": '${ "a" | tonumber }'}}
    _schedule(connection, "fails", {"with": {"type": "s"}, "correlate": key})
    _schedule(connection, "endless", {"with": {"type": "s", "data": f"${{ {ENDLESS} > 1 }}"}})
    _schedule(connection, "good", {"with": {"type": "s"}})
    worker = worker_process(poll_seconds=0.2)
    until(lambda: _problem(connection, "fails"))
    until(lambda: connection.execute("select from pgworker.subscriptions").rowcount == 2)
    for _ in range(3):
        _publish(connection, "s")
    until(lambda: _runs(connection, "good") == 3)
    until(lambda: "too long" in (_problem(connection, "endless") or ""))
    define(connection, name="other")
    assert ended(connection, start(connection, "other"))["status"] == "COMPLETED"
    assert worker.poll() is None
    assert violations(connection) == []


def test_an_event_that_no_workflow_can_start_with_is_passed_over(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    deep: object = 1
    for _ in range(128):
        deep = [deep]
    _schedule(connection, "deep", {"with": {"type": "s"}})
    worker_process(poll_seconds=0.2)
    until(lambda: connection.execute("select from pgworker.subscriptions").rowcount == 1)
    _publish(connection, "s", deep)
    until(lambda: "nested deeper" in (_problem(connection, "deep") or ""))
    _publish(connection, "s", 1)
    until(lambda: _runs(connection, "deep") == 1)


def test_a_correlation_that_does_not_end_stops_no_other(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(
        connection,
        [{"l": _listen({"with": {"type": "e"}, "correlate": {"k": {"from": ENDLESS, "expect": "1"}}})}],
        "endless",
    )
    define(connection, [{"l": _listen({"with": {"type": "g"}})}], "good")
    worker_process(poll_seconds=0.2)
    start(connection, "endless")
    good = start(connection, "good")
    until(lambda: connection.execute("select from pgworker.subscriptions").rowcount == 2)
    for _ in range(15):
        _publish(connection, "e")
    _publish(connection, "g", "here")
    assert ended(connection, good)["output"] == ["here"]


def test_what_is_emitted_under_too_long_a_name_fails_its_task_and_can_be_caught(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    emit = {"emit": {"event": {"with": {"type": "${ .type }", "id": "${ .id }"}}}}
    define(
        connection,
        [{"t": {"try": [{"e": emit}], "catch": {"as": "e", "do": [{"s": {"set": "${ $e.status }"}}]}}}],
    )
    worker_process(poll_seconds=0.2)
    started = [
        start(connection, input={"type": "t", "id": "x" * 3000}),
        start(connection, input={"type": "語" * 400, "id": "1"}),
    ]
    assert [ended(connection, one)["output"] for one in started] == [400, 400]


def test_the_oldest_event_comes_first_even_if_a_younger_one_was_correlated_before(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    listens = [{"first": _listen({"with": {"type": "o"}})}, {"second": _listen({"with": {"type": "o"}})}]
    kept = [{"keep": {"set": {"got": "${ [$context.a[0], .[0]] }"}}}]
    listens[0]["first"]["export"] = {"as": "{a: .}"}
    define(connection, [{"nap": {"wait": {"milliseconds": 1500}}}, *listens, *kept], "late")
    define(connection, [{"l": _listen({"with": {"type": "o"}})}], "early")
    worker_process(poll_seconds=0.2)
    late = start(connection, "late")
    until(lambda: workflow(connection, late)["status"] == "RUNNING")
    _publish(connection, "o", 1)
    early = start(connection, "early")
    until(lambda: connection.execute("select from pgworker.subscriptions").rowcount == 1)
    _publish(connection, "o", 2)
    assert ended(connection, early)["output"] == [2]
    assert ended(connection, late)["output"] == {"got": [1, 2]}


def test_what_a_listen_has_not_looked_at_is_not_lost_even_if_it_was_correlated_before(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    """It takes one event after the other, the oldest first, and the younger one has the lower position."""
    both = {"to": {"any": [{"with": {"type": "o"}}], "until": "${ length == 2 }"}}
    define(
        connection,
        [{"nap": {"wait": {"milliseconds": 1500}}}, {"l": {"listen": both, "foreach": {"item": "event"}}}],
        "late",
    )
    define(connection, [{"l": _listen({"with": {"type": "o"}})}], "early")
    worker_process(poll_seconds=0.2)
    late = start(connection, "late")
    until(lambda: workflow(connection, late)["status"] == "RUNNING")
    _publish(connection, "o", 1)
    early = start(connection, "early")
    until(lambda: connection.execute("select from pgworker.subscriptions").rowcount == 1)
    _publish(connection, "o", 2)
    assert ended(connection, early)["output"] == [2]
    assert ended(connection, late)["output"] == [1, 2]
    assert violations(connection) == []


def test_a_new_version_of_a_schedule_loses_no_event_of_the_one_before(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    _schedule(connection, "kept", {"with": {"type": "s"}})
    _publish(connection, "s", 1)
    newer = document([{"one": {"set": {"a": 2}}}], name="kept", version="1.1.0")
    newer["schedule"] = {"on": {"one": {"with": {"type": "s"}}}}
    connection.execute("select pgworker.define_workflow(%s)", [Jsonb(newer)])
    worker_process(poll_seconds=0.2)
    until(lambda: _runs(connection, "kept") == 1)
    row = connection.execute("select version, input from pgworker.workflows").fetchone()
    assert row == ("1.1.0", [1])


def test_a_child_consumes_nothing_that_was_emitted_before_it_was_started(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, [{"l": _listen({"with": {"type": "m"}})}], "child")
    run = {"run": {"workflow": {"namespace": "default", "name": "child", "version": "1.0.0"}}}
    define(connection, [{"e": {"emit": {"event": {"with": {"type": "m", "data": 1}}}}}, {"r": run}], "parent")
    worker_process(poll_seconds=0.2)
    parent = start(connection, "parent")
    until(lambda: connection.execute("select from pgworker.subscriptions").rowcount == 1)
    _publish(connection, "m", 2)
    assert ended(connection, parent)["output"] == [2]
