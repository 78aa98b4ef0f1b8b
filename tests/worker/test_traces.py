"""Traces: one for each workflow, whoever carried it out, and nothing of what it worked on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import psycopg
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from psycopg.types.json import Jsonb

from tests.conftest import WorkerFactory
from tests.support.collector import Collector
from tests.support.executing import TOKEN, executor
from tests.support.serving import serving
from tests.support.waiting import eventually
from tests.support.workflows import Task, are_ended, call, define, history, start, workflow


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    async with serving(collector.application) as port:
        collector.url = f"http://127.0.0.1:{port}"
        yield collector


CHILD: Task = {"run": {"workflow": {"namespace": "default", "name": "child", "version": "1.0.0"}}}


async def _ended(connection: psycopg.Connection, *ids: str) -> None:
    await eventually(lambda: are_ended(connection, list(ids)), seconds=30, what="the end of all")


async def test_a_workflow_is_one_trace_of_nested_spans_that_its_calls_and_children_belong_to(
    connection: psycopg.Connection, worker_process: WorkerFactory, collector: Collector
) -> None:
    ask = call(f"{collector.url}/service", method="post", body={"secret-question": 1})
    define(connection, [{"pay": ask}], name="child")
    define(
        connection, [{"all": {"do": [{"ask": ask}, {"nap": {"wait": {"milliseconds": 50}}}, {"c": CHILD}]}}]
    )
    worker_process(otel_endpoint=collector.url)
    started = start(connection, input={"secret-input": 1})
    await _ended(connection, started)
    await eventually(lambda: len(collector.named("workflow default/sample")) == 1, what="the trace")

    assert {span.trace_id.hex() for span in collector.spans} == {started.replace("-", "")}
    spans = {span.span_id: span for span in collector.spans}
    assert len(spans) == len(collector.spans)
    (root,) = [span for span in collector.spans if not span.parent_span_id]
    assert root.name == "workflow default/sample"
    parents = {span.name: spans[span.parent_span_id].name for span in collector.spans if span is not root}
    assert parents == {
        "task all": "workflow default/sample",
        "task ask": "task all",
        "http ask": "task ask",
        "task nap": "task all",
        "task c": "task all",
        "workflow default/child": "task c",
        "task pay": "workflow default/child",
        "http pay": "task pay",
    }
    (nap,) = collector.named("task nap")
    assert nap.end_time_unix_nano - nap.start_time_unix_nano >= 50_000_000
    calls = collector.named("http ask") + collector.named("http pay")
    assert [f"00-{s.trace_id.hex()}-{s.span_id.hex()}-01" for s in calls] == collector.traceparents
    assert all(span.status.code == Status.STATUS_CODE_OK for span in collector.spans)
    assert b"secret" not in collector.raw


async def test_branches_and_extensions_have_spans_that_what_is_in_them_belongs_to(
    connection: psycopg.Connection, worker_process: WorkerFactory, collector: Collector
) -> None:
    log = {"extend": "set", "before": [{"look": {"wait": {"milliseconds": 1}}}]}
    branches = [{"one": {"do": [{"low": {"set": {"a": 1}}}]}}, {"two": {"wait": {"milliseconds": 1}}}]
    define(connection, [{"split": {"fork": {"branches": branches}}}], use={"extensions": [{"log": log}]})
    worker_process(otel_endpoint=collector.url)
    await _ended(connection, start(connection))
    await eventually(lambda: len(collector.named("workflow default/sample")) == 1, what="the trace")
    spans = {span.span_id: span for span in collector.spans}
    nested = {(span.name, spans[span.parent_span_id].name) for span in spans.values() if span.parent_span_id}
    assert nested == {
        ("task split", "workflow default/sample"),
        ("branch split", "task split"),
        ("task one", "branch split"),
        ("extension low", "task one"),
        ("task look", "extension low"),
        ("task low", "extension low"),
        ("task two", "branch split"),
    }
    assert len(collector.named("branch split")) == 2


async def test_of_what_the_caller_does_not_sample_nothing_is_sent_and_calls_say_so(
    connection: psycopg.Connection, worker_process: WorkerFactory, collector: Collector
) -> None:
    define(connection, [{"ask": call(f"{collector.url}/service", method="post")}])
    worker_process(otel_endpoint=collector.url)
    unsampled = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"}
    row = connection.execute(
        "select pgworker.start_workflow('sample', labels => %s)::text", [Jsonb(unsampled)]
    ).fetchone()
    assert row is not None
    await _ended(connection, row[0])
    await _ended(connection, other := start(connection))
    await eventually(lambda: len(collector.named("workflow default/sample")) == 1, what="the other's trace")
    assert {span.trace_id.hex() for span in collector.spans} == {other.replace("-", "")}
    assert [(one[3:35] == "a" * 32, one[-2:]) for one in collector.traceparents] == [
        (True, "00"),
        (False, "01"),
    ]


async def test_the_type_of_an_error_that_an_author_made_up_is_not_told(
    connection: psycopg.Connection, worker_process: WorkerFactory, collector: Collector
) -> None:
    error = {"type": "${ .secret }", "status": 418, "title": "no tea"}
    define(connection, [{"bad": {"raise": {"error": error}}}])
    worker_process(otel_endpoint=collector.url)
    await _ended(connection, start(connection, input={"secret": "https://secret.test/value"}))
    await eventually(lambda: len(collector.named("workflow default/sample")) == 1, what="the trace")
    (bad,) = collector.named("task bad")
    told = {one.key: one.value for one in bad.attributes}
    assert (told["error.type"].string_value, told["pgworker.error.status"].int_value) == ("_OTHER", 418)
    assert b"secret" not in collector.raw


async def test_a_callers_trace_goes_on_and_an_error_is_told_without_its_words(
    connection: psycopg.Connection, worker_process: WorkerFactory, collector: Collector
) -> None:
    define(connection, [{"ask": call(f"{collector.url}/service?status=404", method="post")}])
    worker_process(otel_endpoint=collector.url)
    trace, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    row = connection.execute(
        "select pgworker.start_workflow('sample', labels => %s)::text",
        [Jsonb({"traceparent": f"00-{trace}-{span_id}-01"})],
    ).fetchone()
    assert row is not None
    await _ended(connection, row[0])
    await eventually(lambda: len(collector.spans) == 3, what="the trace")
    assert {span.trace_id.hex() for span in collector.spans} == {trace}
    (root,) = collector.named("workflow default/sample")
    assert root.parent_span_id.hex() == span_id
    assert all(span.status.code == Status.STATUS_CODE_ERROR for span in collector.spans)
    told = {one.key: one.value for one in root.attributes}
    assert told["pgworker.error.status"].int_value == 404
    assert told["error.type"].string_value.endswith("/communication")
    assert b"secret-answer" not in collector.raw


def emitting(type_: str, **more: str) -> Task:
    return {"emit": {"event": {"with": {"source": "/s", "type": type_, **more}}}}


def published(connection: psycopg.Connection) -> dict[str, str | None]:
    """The ``traceparent`` of each CloudEvent, by its type."""
    rows = connection.execute("select type, extensions ->> 'traceparent' from pgworker.cloud_events")
    return dict(rows.fetchall())


async def test_an_event_that_is_emitted_carries_the_context_of_its_task_unless_it_has_one(
    connection: psycopg.Connection, worker_process: WorkerFactory, collector: Collector
) -> None:
    own = f"00-{'a' * 32}-{'b' * 16}-01"
    changed = emitting("changed") | {"output": {"as": "${ .type }"}}
    define(connection, [{"low": emitting("low")}], name="child")
    tasks = [{"say": emitting("said")}, {"change": changed}, {"own": emitting("own", traceparent=own)}]
    define(connection, [*tasks, {"c": CHILD}])
    worker_process(otel_endpoint=collector.url)
    started = start(connection)
    await _ended(connection, started)
    await eventually(lambda: len(collector.named("workflow default/sample")) == 1, what="the trace")
    spans = [collector.named(f"task {name}")[0] for name in ("say", "change", "low")]
    contexts = [f"00-{started.replace('-', '')}-{span.span_id.hex()}-01" for span in spans]
    assert published(connection) == {
        **dict(zip(("said", "changed", "low"), contexts, strict=True)),
        "own": own,
    }
    (said,) = [event for event in history(connection, started) if event.task == "/do/0/say"]
    assert "traceparent" not in said.data["output"]


async def test_without_traces_an_event_carries_nothing(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, [{"say": emitting("said")}])
    worker_process()
    await _ended(connection, start(connection))
    assert published(connection) == {"said": None}


async def test_a_call_that_an_executor_makes_belongs_to_the_workflows_trace(
    connection: psycopg.Connection, worker_process: WorkerFactory, collector: Collector
) -> None:
    define(connection, [{"ask": call(f"{collector.url}/service", method="post")}])
    with executor() as url:
        worker_process(otel_endpoint=collector.url, executor_url=url, executor_token=TOKEN)
        await _ended(connection, start(connection))
        await eventually(lambda: len(collector.named("workflow default/sample")) == 1, what="the trace")
    (attempt,) = collector.named("http ask")
    assert collector.traceparents == [f"00-{attempt.trace_id.hex()}-{attempt.span_id.hex()}-01"]


async def test_what_another_worker_goes_on_with_is_the_same_trace(
    connection: psycopg.Connection, worker_process: WorkerFactory, collector: Collector
) -> None:
    """The killed worker's attempt is never told of; the task's span begins where history says."""
    define(connection, [{"ask": call(f"{collector.url}/service?seconds=1.5", method="post")}])
    first = worker_process(otel_endpoint=collector.url, lease_seconds=1)
    started = start(connection)
    await eventually(lambda: len(collector.traceparents) == 1, what="the first call")
    first.kill()
    first.wait()
    worker_process(otel_endpoint=collector.url, lease_seconds=1, poll_seconds=0.1)
    await _ended(connection, started)
    await eventually(lambda: len(collector.spans) == 3, what="the trace")
    (task,), (attempt,) = collector.named("task ask"), collector.named("http ask")
    assert len(set(collector.traceparents)) == 2
    assert {one.split("-")[1] for one in collector.traceparents} == {attempt.trace_id.hex()}
    assert collector.traceparents[1].split("-")[2] == attempt.span_id.hex()
    began = workflow(connection, started)["started_at"].timestamp()
    assert task.start_time_unix_nano / 1e9 == pytest.approx(began, abs=0.5)
    assert attempt.start_time_unix_nano - task.start_time_unix_nano > 500_000_000


async def test_a_collector_that_is_not_there_costs_spans_and_nothing_else(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection)
    worker = worker_process(otel_endpoint="http://127.0.0.1:9", log_format="json")
    began = time.monotonic()
    started = [start(connection) for _ in range(200)]
    await _ended(connection, *started)
    assert time.monotonic() - began < 10
    await eventually(lambda: "the collector of traces does not take them" in worker.log, what="the warning")
    worker.terminate()
    assert await asyncio.to_thread(worker.wait) == 0
    lines = [json.loads(line) for line in worker.log.splitlines()]  # those of the library, too
    assert any(line.get("logger", "").startswith("opentelemetry.") for line in lines)
