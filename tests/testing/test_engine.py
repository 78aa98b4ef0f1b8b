"""What people do with the engine in memory when they test their workflows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pgworker.errors import (
    Conflict,
    DocumentError,
    NotFound,
    PgworkerError,
    StoreRefused,
    ValueRefused,
)
from pgworker.testing import Engine, UnansweredCall
from pgworker.testing.definitions import version_order
from tests.support.workflows import Task, document

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CHARGE: Task = {
    "call": "http",
    "with": {"method": "post", "endpoint": "https://pay.test/charges", "body": {"n": 1}},
}
RETRIED: Task = {
    "try": [{"charge": CHARGE}],
    "catch": {"retry": {"delay": {"seconds": 10}, "limit": {"attempt": {"count": 3}}}},
}
HEAR: Task = {"listen": {"to": {"one": {"with": {"type": "paid"}}}}}


@pytest.fixture
def engine() -> Engine:
    return Engine()


def test_a_retry_comes_when_its_time_has_come_and_not_before(engine: Engine) -> None:
    engine.on_call("charge").fails(503).returns({"id": 7})
    order = engine.run(document([{"pay": RETRIED}]))
    assert order.status == "RUNNING"
    engine.advance(seconds=9.9)
    assert len(engine.calls("charge")) == 1
    engine.advance(seconds=0.1)
    assert order.output == {"id": 7}
    assert [call.attempt for call in engine.calls("charge")] == [1, 2]
    assert len({call.idempotency_key for call in engine.calls()}) == 2


def test_a_call_is_seen_with_what_it_was_given(engine: Engine) -> None:
    engine.on_call(method="post", url="https://pay.test/*").does(lambda call: {"echo": call.body})
    order = engine.run(document([{"charge": CHARGE}]))
    (call,) = engine.calls()
    assert (call.task, call.name, call.kind, call.method) == ("/do/0/charge", "charge", "http", "POST")
    assert call.endpoint == "https://pay.test/charges"
    assert (call.body, call.headers, call.workflow_id) == ({"n": 1}, {}, order.id)
    assert order.output == {"echo": {"n": 1}}


def test_a_call_that_the_test_does_not_answer_says_so_and_how_to_answer_it(engine: Engine) -> None:
    with pytest.raises(UnansweredCall, match=r"the http call of charge \(/do/0/charge\)") as caught:
        engine.run(document([{"charge": CHARGE}]))
    assert str(caught.value.hint).startswith('Say what it gets: engine.on_call("charge")')


def test_a_call_that_takes_longer_than_its_limit_times_out(engine: Engine) -> None:
    engine.on_call("charge").takes(minutes=5).returns()
    order = engine.run(document([{"charge": {**CHARGE, "timeout": {"after": {"minutes": 1}}}}]))
    engine.advance(hours=1)
    assert (order.error or {})["status"] == 408
    assert order.task("charge").ended_at == engine.now - timedelta(minutes=59)


def test_the_last_answer_that_matches_counts(engine: Engine) -> None:
    engine.on_call().returns("any")
    engine.on_call("charge").returns("this")
    engine.on_call("charge", method="get").returns("another method")
    assert engine.run(document([{"charge": CHARGE}])).output == "this"


def test_secrets_are_those_of_the_test(engine: Engine) -> None:
    task = {**CHARGE, "with": {**CHARGE["with"], "headers": {"X-Key": "${ $secrets.key }"}}}
    safe = Engine(secrets={"key": "s3cret"})
    safe.on_call().returns()
    order = safe.run(document([{"charge": task}], use={"secrets": ["key"]}))
    assert safe.calls()[0].headers == {"X-Key": "s3cret"}
    assert "s3cret" not in str(order.history)
    engine.on_call().returns()
    refused = engine.run(document([{"charge": task}], use={"secrets": ["key"]}))
    assert (refused.error or {})["status"] == 403


def test_a_python_function_is_called_by_its_name() -> None:
    engine = Engine(functions=["score"])
    engine.on_call("rate").does(lambda call: {"called": call.kind, **call.arguments})
    order = engine.run(document([{"rate": {"call": "score", "with": {"amount": 3}}}]))
    assert order.status == "COMPLETED"
    assert engine.calls()[0].name == "rate"


def test_workflows_tell_each_other_and_the_test_both(engine: Engine) -> None:
    emit: Task = {"emit": {"event": {"with": {"type": "paid", "source": "/shop", "data": {"n": 1}}}}}
    hears = engine.run(document([{"hear": HEAR}], "hears"))
    assert hears.status == "RUNNING"
    engine.run(document([{"say": emit}], "says"))
    assert hears.output == [{"n": 1}]
    assert [event["type"] for event in engine.published] == ["paid"]
    later = engine.start("hears")
    assert later.status == "RUNNING"
    engine.publish("paid", {"n": 2}, id="once")
    assert later.output == [{"n": 2}]
    assert engine.publish("paid", {"n": 2}, id="once") == engine.publish("paid", {"n": 2}, id="once")


def test_a_schedule_starts_workflows_as_the_clock_goes_on(engine: Engine) -> None:
    engine.define(document([{"s": {"set": {"n": 1}}}], "daily", schedule={"cron": "0 9 * * *"}))
    engine.advance(days=3)
    assert [w.history[0].at.hour for w in engine.workflows] == [9, 9, 9]
    assert [w.status for w in engine.workflows] == ["COMPLETED"] * 3


def test_a_child_runs_and_is_cancelled_with_its_parent(engine: Engine) -> None:
    engine.define(document([{"nap": {"wait": {"days": 1}}}], "child"))
    run: Task = {"run": {"workflow": {"namespace": "default", "name": "child", "version": "1.0.0"}}}
    parent = engine.run(document([{"run": run}], "parent"))
    (child,) = parent.children
    assert (parent.status, child.status) == ("RUNNING", "RUNNING")
    assert parent.cancel("enough")
    assert (parent.status, child.status) == ("CANCELLED", "CANCELLED")
    assert not parent.cancel()


def test_workflows_are_paused_resumed_and_retried(engine: Engine) -> None:
    order = engine.run(document([{"nap": {"wait": {"hours": 1}}}, {"charge": CHARGE}]))
    assert order.pause()
    assert not order.pause()
    engine.advance(hours=2)
    assert order.status == "PAUSED"
    engine.on_call("charge").fails(500).returns("paid")
    assert order.resume()
    assert order.status == "FAILED"
    with pytest.raises(LookupError, match="those that have: nap, charge"):
        order.task("pack")
    with pytest.raises(NotFound, match="has run no task pack"):
        order.retry("pack")
    assert order.retry()
    assert order.output == "paid"
    assert not order.retry()


def test_the_same_key_is_the_same_workflow_and_the_newest_version_is_started(engine: Engine) -> None:
    for version in ("1.9.0", "1.10.0", "1.10.0-rc.1"):
        engine.define(document([{"s": {"set": {"v": version}}}], version=version))
    first = engine.start("sample", idempotency_key="k", labels={"team": "a"})
    assert first.output == {"v": "1.10.0"}
    assert engine.start("sample", idempotency_key="k").id == first.id
    assert engine.start("sample", version="1.9.0").output == {"v": "1.9.0"}
    assert (first.labels, first.input, engine.get(first.id).id) == ({"team": "a"}, {}, first.id)


def test_a_workflow_that_starts_later_is_pending_until_then(engine: Engine) -> None:
    engine.define(document([{"s": {"set": {"n": 1}}}]))
    later = engine.start("sample", start_at=engine.now + timedelta(hours=1))
    assert later.status == "PENDING"
    engine.advance(hours=1)
    assert later.output == {"n": 1}


def test_what_cannot_be_is_one_clear_error(engine: Engine) -> None:
    with pytest.raises(DocumentError):
        engine.define({"do": []})
    with pytest.raises(NotFound, match="no workflow is defined as default/nobody"):
        engine.start("nobody")
    with pytest.raises(NotFound, match="there is no workflow"):
        engine.get("nobody")
    engine.define(document([{"s": {"set": {"n": 1}}}]))
    with pytest.raises(Conflict, match="with other content"):
        engine.define(document([{"s": {"set": {"n": 2}}}]))
    with pytest.raises(Conflict, match="is COMPLETED"):
        engine.start("sample").append_event("note")
    with pytest.raises(ValueError, match="not back"):
        engine.advance(seconds=-1)
    uses = {"catalogs": {"here": {"endpoint": {"uri": "https://catalog.test"}}}}
    with pytest.raises(PgworkerError, match="which the test does not give"):
        engine.define(document([{"log": {"call": "log:1.0.0@here"}}], "logs", use=uses))


def test_a_document_may_use_what_the_test_gives_for_what_is_outside(engine: Engine) -> None:
    uses = {"catalogs": {"here": {"endpoint": {"uri": "https://catalog.test"}}}}
    log = document([{"log": {"call": "log:1.0.0@here", "with": {"message": "hello"}}}], use=uses)
    function = {"do": [{"say": {"set": {"said": "${ .message }"}}}]}
    with pytest.raises(PgworkerError) as caught:
        engine.define(log)
    address = caught.value.message.split()[4].rstrip(",")
    engine.define(log, resources={address: function})
    assert engine.start("sample").output == {"said": "hello"}


def test_each_run_of_a_test_gives_the_same_history(engine: Engine) -> None:
    def told() -> str:
        engine = Engine()
        engine.on_call().fails(503).returns(1)
        order = engine.run(document([{"pay": RETRIED}, {"hear": HEAR}]))
        engine.advance(minutes=1)
        engine.publish("paid")
        return order.describe()

    assert told() == told()


def test_the_tasks_are_listed_as_they_ran(engine: Engine) -> None:
    engine.on_call().fails(404)
    caught: Task = {"try": [{"charge": CHARGE}], "catch": {"do": [{"sorry": {"set": {"ok": False}}}]}}
    order = engine.run(
        document([{"pay": caught}, {"never": {"if": "${ false }", "set": {"n": 1}}}, {"hear": HEAR}])
    )
    assert [(run.name, run.kind, run.status) for run in order.tasks] == [
        ("pay", "try", "COMPLETED"),
        ("charge", "call", "FAILED"),
        ("sorry", "set", "COMPLETED"),
        ("never", "set", "SKIPPED"),
        ("hear", "listen", "RUNNING"),
    ]
    assert (order.task("/do/0/pay/try/0/charge").error or {})["status"] == 404


@pytest.mark.parametrize("name", ["hello", "countdown", "loop"])
def test_the_examples_run(engine: Engine, name: str) -> None:
    assert engine.run(EXAMPLES / f"{name}.yaml").status == "COMPLETED"


def test_a_wait_of_thirty_days_takes_no_time(engine: Engine) -> None:
    wait = engine.run(EXAMPLES / "long-wait.yaml", {"question": "Tea?"})
    engine.advance(days=30)
    assert wait.output == {"answer": "Tea? Yes."}


def test_versions_sort_as_semantic_versions_do() -> None:
    ordered = [
        "0.9",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.2",
        "1.10",
    ]
    assert sorted(set(ordered), key=version_order) == ordered


def test_a_later_start_outlasts_a_pause() -> None:
    engine = Engine()
    engine.define(document([{"one": {"set": {"a": 1}}}]))
    workflow = engine.start("sample", start_at=engine.now + timedelta(hours=5))
    assert (workflow.pause(), workflow.resume(), workflow.status) == (True, True, "PENDING")
    workflow.pause()
    engine.advance(hours=6)
    assert workflow.status == "PAUSED"
    workflow.resume()
    assert workflow.status == "COMPLETED"


def test_events_are_refused_as_the_database_refuses_them() -> None:
    engine = Engine()
    workflow = engine.run(document([{"nap": {"wait": {"hours": 1}}}]))
    with pytest.raises(Conflict, match="written by the engine alone"):
        workflow.append_event("task.completed", {"start": 2, "output": 5})
    with pytest.raises(StoreRefused, match="has a type"):
        workflow.append_event("")
    with pytest.raises(ValueRefused):
        workflow.append_event("paid", {1, 2})  # type: ignore[arg-type]
    with pytest.raises(ValueRefused):
        engine.publish("paid", {1, 2})  # type: ignore[arg-type]
    workflow.append_event("paid", [1, {"start": 2}])
    assert "paid" in workflow.describe()
    assert [run.status for run in workflow.tasks] == ["RUNNING"]


def test_values_are_not_shared_with_the_test() -> None:
    engine = Engine()
    value: dict[str, Any] = {"x": 1}
    engine.on_call("ask").returns(value)
    asks = {"ask": {"call": "http", "with": {"method": "get", "endpoint": "https://x.test"}}}
    workflow = engine.run(document([{"nap": {"wait": {"hours": 1}}}, asks]), value)
    value["x"] = 99
    engine.advance(hours=1)
    workflow.output["x"] = 7  # type: ignore[index,call-overload]
    assert (workflow.input, workflow.output) == ({"x": 1}, {"x": 1})


def test_no_input_is_an_empty_object_and_null_is_null() -> None:
    engine = Engine()
    engine.define(document([{"one": {"set": {"a": "${ . }"}}}]))
    assert engine.start("sample").input == {}
    assert engine.start("sample", None).input is None


def test_a_call_that_was_not_answered_is_asked_again_when_the_test_goes_on() -> None:
    engine = Engine()
    asks = {"call": "http", "with": {"method": "get", "endpoint": "https://x.test"}}
    engine.define(document([{"ask": asks}]))
    with pytest.raises(UnansweredCall):
        engine.start("sample")
    (workflow,) = engine.workflows
    assert workflow.status == "RUNNING"
    engine.on_call("ask").does(lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        engine.advance(seconds=1)
    engine.on_call("ask").returns({"ok": True})
    engine.advance(seconds=1)
    assert workflow.output == {"ok": True}


def test_what_is_said_wrongly_of_an_answer_is_told() -> None:
    engine = Engine()
    asks = {"call": "http", "with": {"method": "get", "endpoint": "https://x.test/a?filter[name]=ada"}}
    engine.define(document([{"ask": asks}]))
    with pytest.raises(ValueError, match="no standard error is called 'comunication'"):
        engine.on_call("ask").fails(kind="comunication")
    engine.on_call(url="https://x.test/a?filter[name]=*").returns(1)
    assert engine.start("sample").output == 1
    engine.on_call(url="https://x.test/aXfilter[name]=ada").returns(2)
    assert engine.start("sample").output == 1
    engine.on_call("ask").returns(1).takes(seconds=30)
    with pytest.raises(PgworkerError, match="`takes` is about the answer that comes after it"):
        engine.start("sample")


def test_tasks_are_told_as_the_view_tells_them_after_a_retry_and_a_cancellation() -> None:
    engine = Engine()
    asks = {"call": "http", "with": {"method": "get", "endpoint": "https://x.test"}}
    engine.on_call("ask").fails().returns(1)
    workflow = engine.run(document([{"outer": {"do": [{"ask": asks}, {"nap": {"wait": {"hours": 1}}}]}}]))
    assert [run.status for run in workflow.tasks] == ["FAILED", "FAILED"]
    with pytest.raises(NotFound, match="has run no task nope"):
        workflow.retry("nope")
    workflow.retry()
    assert [(run.name, run.status) for run in workflow.tasks] == [
        ("outer", "RUNNING"),
        ("ask", "FAILED"),
        ("ask", "COMPLETED"),
        ("nap", "RUNNING"),
    ]
    workflow.cancel()
    assert {run.ended_at for run in workflow.tasks if run.status == "CANCELLED"} == {engine.now}
