"""Workflows that listen, emit, run others and start by schedule, with real workers on a real database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.waiting import until
from tests.support.workflows import are_ended, define, ended, start, workflow


def publish(connection: psycopg.Connection, type_: str, data: object = None, **more: object) -> None:
    arguments = {"type": type_, "data": Jsonb(data), **more}
    named = ", ".join(f"{key} => %({key})s" for key in arguments)
    connection.execute(f"select pgworker.publish_event({named})", arguments)


def one(type_: str, key: str | None = None) -> dict[str, Any]:
    filter_: dict[str, Any] = {"with": {"type": type_}}
    if key is not None:
        filter_["correlate"] = {"key": {"from": f".{key}", "expect": f"${{ $workflow.input.{key} }}"}}
    return {"listen": {"to": {"one": filter_}}}


def count(connection: psycopg.Connection, table: str, where: str = "true") -> int:
    row = connection.execute(f"select count(*) from pgworker.{table} where {where}").fetchone()
    assert row is not None
    return int(row[0])


def nothing_is_left(connection: psycopg.Connection) -> bool:
    return count(connection, "jobs") == 0 and count(connection, "subscriptions") == 0


def test_each_workflow_gets_the_cloud_event_that_is_its_own(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process(poll_seconds=60)
    define(connection, [{"l": one("paid", "order")}])
    started = [start(connection, input={"order": order}) for order in range(20)]
    until(lambda: count(connection, "subscriptions") == 20)
    for order in reversed(range(20)):
        publish(connection, "paid", {"order": order, "by": f"c{order}"})
    until(lambda: are_ended(connection, started))
    outputs = [workflow(connection, one_)["output"] for one_ in started]
    assert outputs == [[{"order": order, "by": f"c{order}"}] for order in range(20)]
    until(lambda: nothing_is_left(connection))
    assert violations(connection) == []


def test_what_comes_between_two_listens_is_not_lost_and_what_came_before_the_start_is_not_heard(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    publish(connection, "b", "too early")
    define(connection, [{"x": one("a")}, {"nap": {"wait": {"milliseconds": 200}}}, {"y": one("b")}])
    started = start(connection)
    publish(connection, "b", "first", id="1", source="/s")
    publish(connection, "b", "again", id="1", source="/s")
    publish(connection, "b", "second")
    publish(connection, "a", "go")
    worker_process()
    assert ended(connection, started)["output"] == ["first"]
    assert count(connection, "consumptions") == 2


def test_a_cloud_event_that_is_emitted_reaches_every_workflow_that_listens(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process()
    worker_process()
    define(connection, [{"l": one("said")}], name="hears")
    hearing = [start(connection, "hears") for _ in range(10)]
    until(lambda: count(connection, "subscriptions") == 10)
    define(
        connection, [{"e": {"emit": {"event": {"with": {"type": "said", "data": {"x": 1}}}}}}], name="says"
    )
    start(connection, "says")
    until(lambda: are_ended(connection, hearing))
    assert [workflow(connection, one_)["output"] for one_ in hearing] == [[{"x": 1}]] * 10
    assert count(connection, "consumptions") == 10
    assert violations(connection) == []


def test_a_cloud_event_published_in_the_instant_in_which_the_listen_starts_is_never_lost(
    connection: psycopg.Connection, worker_process: WorkerFactory, connect: Callable[[], psycopg.Connection]
) -> None:
    """Many workflows start to listen while another connection publishes what they wait for."""
    for _ in range(2):
        worker_process()
    define(connection, [{"l": one("now", "n")}])
    others = connect()
    pairs = 1000

    def publishes() -> None:
        for n in range(pairs):
            publish(others, "now", {"n": n})
            time.sleep(0.0005)

    # the workflow is there before its event, and begins to listen at about the time at which that comes
    publisher = threading.Thread(target=publishes)
    started = [start(connection, input={"n": n}) for n in range(50)]
    publisher.start()
    started += [start(connection, input={"n": n}, workflow_id=None) for n in range(50, pairs)]
    publisher.join()
    missed = [n for n in range(pairs) if count_before(connection, started[n], n)]
    for n in missed:  # its event came before it was there: it gets another
        publish(connection, "now", {"n": n})
    until(lambda: are_ended(connection, started), seconds=60)
    assert violations(connection) == []


def count_before(connection: psycopg.Connection, workflow_id: str, n: int) -> bool:
    """Whether the one event of a workflow was published before that was created."""
    row = connection.execute(
        "select e.published_at < w.created_at from pgworker.cloud_events e, pgworker.workflows w"
        " where e.type = 'now' and e.data = %s and w.id = %s",
        [Jsonb({"n": n}), workflow_id],
    ).fetchone()
    assert row is not None
    return bool(row[0])


def test_a_child_gives_its_output_and_its_error_to_the_parent(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process()
    define(connection, [{"s": {"set": {"got": "${ .n + 1 }"}}}], name="good")
    define(connection, [{"r": {"raise": {"error": {"type": "bad", "status": 418}}}}], name="bad")
    runs = {"namespace": "default", "version": "1.0.0"}
    define(
        connection,
        [
            {"a": {"run": {"workflow": {**runs, "name": "good", "input": {"n": 1}}}}},
            {"b": {"try": [{"c": {"run": {"workflow": {**runs, "name": "bad"}}}}],
                   "catch": {"do": [{"d": {"set": {"status": "${ $error.status }"}}}]}}},
            {"e": {"run": {"await": False, "workflow": {**runs, "name": "good", "input": {"n": 2}}}}},
            {"f": {"run": {"workflow": {**runs, "name": "nobody"}}}},
        ],
        name="parent",
    )  # fmt: skip
    row = ended(connection, start(connection, "parent"))
    assert row["error"]["detail"] == "the workflow to run is not defined"
    assert row["error"]["instance"] == "/do/3/f"
    until(lambda: count(connection, "workflows", "status in ('PENDING', 'RUNNING')") == 0)
    assert count(connection, "workflows", f"parent_id = '{row['id']}'") == 3
    assert violations(connection) == []


def test_cancelling_a_parent_cancels_the_children_that_it_waits_for(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process()
    define(connection, [{"w": {"wait": {"hours": 1}}}], name="long")
    inner = {"run": {"workflow": {"namespace": "default", "name": "long", "version": "1.0.0"}}}
    define(connection, [{"c": inner}], name="middle")
    outer = {"run": {"workflow": {"namespace": "default", "name": "middle", "version": "1.0.0"}}}
    define(connection, [{"c": outer}], name="top")
    top = start(connection, "top")
    until(lambda: count(connection, "workflows", "name = 'long' and status = 'RUNNING'") == 1)
    connection.execute("select pgworker.cancel_workflow(%s)", [top])
    until(lambda: count(connection, "workflows", "status = 'CANCELLED'") == 3)
    until(lambda: nothing_is_left(connection))
    assert violations(connection) == []


def test_an_interval_starts_workflows_one_after_the_other(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process()
    worker_process()
    define(connection, [{"s": {"set": {"x": 1}}}], schedule={"every": {"milliseconds": 300}})
    until(lambda: count(connection, "workflows", "status = 'COMPLETED'") >= 4, seconds=10)
    row = connection.execute("select runs, problem from pgworker.schedules").fetchone()
    assert row is not None
    assert row[0] >= 4
    assert row[1] is None


def test_a_workflow_that_is_to_run_again_waits_for_its_own_end(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process()
    define(connection, [{"w": {"wait": {"milliseconds": 100}}}], schedule={"after": {"milliseconds": 100}})
    until(lambda: count(connection, "workflows", "status = 'COMPLETED'") >= 3, seconds=10)
    rows = connection.execute(
        "select created_at - lag(ended_at) over (order by created_at) >= '100 ms' from pgworker.workflows"
        " where ended_at is not null"
    ).fetchall()
    assert {later for (later,) in rows} <= {None, True}


def test_cloud_events_start_a_workflow_for_each_match(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    worker_process()
    filters = [
        {"with": {"type": "a"}, "correlate": {"k": {"from": ".k"}}},
        {"with": {"type": "b"}, "correlate": {"k": {"from": ".k"}}},
    ]
    define(connection, [{"s": {"set": "${ map(.k) }"}}], schedule={"on": {"all": filters}})
    until(lambda: count(connection, "subscriptions", "kind = 'schedule'") == 2)
    for type_, k in (("a", 1), ("b", 2), ("b", 1), ("b", 3), ("a", 3), ("a", 2)):
        publish(connection, type_, {"k": k})
    until(lambda: count(connection, "workflows", "status = 'COMPLETED'") == 3)
    rows = connection.execute("select output from pgworker.workflows order by output").fetchall()
    assert rows == [([1, 1],), ([2, 2],), ([3, 3],)]


def test_an_event_that_is_no_input_starts_nothing_and_holds_up_no_other_schedule(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    """As data it is nested as deeply as it may be, and in the input's array too deeply."""
    worker = worker_process()
    define(
        connection, [{"s": {"set": {"x": 1}}}], name="on", schedule={"on": {"one": {"with": {"type": "a"}}}}
    )
    define(connection, [{"s": {"set": {"x": 1}}}], name="every", schedule={"every": {"milliseconds": 300}})
    until(lambda: count(connection, "subscriptions") == 1)
    deep: object = 1
    for _ in range(128):
        deep = [deep]
    publish(connection, "a", deep)
    until(lambda: count(connection, "schedules", "problem like '%128 levels%'") == 1)
    runs = count(connection, "workflows", "name = 'every'")
    publish(connection, "a", 1)
    until(lambda: count(connection, "workflows", "name = 'on' and input = '[1]'") == 1)
    until(lambda: count(connection, "workflows", "name = 'every'") > runs + 1)
    assert count(connection, "schedules", "problem is not null") == 0
    worker.terminate()  # what is looked at statement by statement must not go on meanwhile
    worker.wait()
    assert violations(connection) == []


def test_the_schedule_of_the_newest_version_counts(connection: psycopg.Connection) -> None:
    define(connection, schedule={"cron": "0 0 * * *"})
    define(connection, version="2.0.0", schedule={"cron": "0 1 * * *"})
    rows = connection.execute("select version, schedule from pgworker.schedules").fetchall()
    assert rows == [("2.0.0", {"cron": "0 1 * * *"})]
    define(connection, version="3.0.0")
    assert count(connection, "schedules") == 0
    assert count(connection, "jobs") == 0


def test_a_history_of_thousands_goes_on_from_its_snapshot_in_another_process(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    loop = {"for": {"in": "[range(1500)]"}, "do": [{"s": {"set": {"n": "${ (.n // 0) + 1 }"}}}]}
    define(connection, [{"loop": loop}, {"l": one("go")}, {"heard": {"set": {"heard": "${ . }"}}}])
    started = start(connection)
    first = worker_process()
    until(lambda: count(connection, "subscriptions") == 1)
    first.kill()
    assert count(connection, "snapshots", "seq >= 3000") == 1
    worker_process()
    publish(connection, "go", 5)
    assert ended(connection, started)["output"] == {"heard": [5]}
    assert count(connection, "snapshots") == 0
    assert violations(connection) == []
