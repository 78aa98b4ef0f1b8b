"""The Python API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from pgworker.client import Client
from pgworker.errors import (
    Conflict,
    DatabaseUnavailable,
    DocumentError,
    NotFound,
    PgworkerError,
    SettingsError,
    StoreRefused,
    ValueRefused,
    WaitTimedOut,
    WorkflowFailed,
)

HELLO = """
document: {dsl: '1.0.3', namespace: test, name: hello, version: '1.0.0'}
do:
  - greet: {set: {greeting: '${ "Hello " + .name }'}}
"""
WAITS = """
document: {dsl: '1.0.3', namespace: test, name: waits, version: '1.0.0'}
do:
  - nap: {wait: {hours: 1}}
"""
FAILS = """
document: {dsl: '1.0.3', namespace: test, name: fails, version: '1.0.0'}
do:
  - boom: {raise: {error: {type: 'https://example.com/boom', status: 418, title: Boom, detail: no tea}}}
"""


@pytest.fixture
async def client(database_url):
    async with Client(database_url, "pgworker") as client:
        yield client


@pytest.fixture
def login(connection, server):
    """A connection string of a login that may do what clients do, and no more."""
    name = f"{connection.info.dbname}_client"
    connection.execute(f"create role {name} login password 'secret' in role pgworker_client")
    yield server.url(connection.info.dbname, user=name, password="secret")
    connection.execute(f"drop role {name}")


async def test_who_starts_workflows_need_not_be_allowed_to_read_them(login, in_process_worker):
    async with Client(login, "pgworker") as client:
        for document in (HELLO, FAILS, WAITS):
            await client.define(document)
        waits = await client.start("waits", namespace="test")
        assert (await client.outcome(waits)).is_finished is False
        with pytest.raises(WaitTimedOut, match="is still PENDING after 0 s"):
            await client.result(waits, timeout=0)
        async with in_process_worker():
            hello = await client.start("hello", {"name": "Ada"}, namespace="test")
            assert await client.result(hello, timeout=20) == {"greeting": "Hello Ada"}
            with pytest.raises(WorkflowFailed, match="no tea"):
                await client.result(await client.start("fails", namespace="test"), timeout=20)
        assert await client.retry(hello) is False
        assert await client.cancel(waits) is True
        with pytest.raises(WorkflowFailed, match="CANCELLED") as cancelled:
            await client.result(waits)
        assert cancelled.value.cancelled
        with pytest.raises(NotFound):
            await client.result(str(uuid4()))
        with pytest.raises(StoreRefused, match="permission denied") as refused:
            await client.wait(hello)
        assert "pgworker_reader" in (refused.value.hint or "")


async def test_a_workflow_is_defined_started_and_waited_for(client, in_process_worker):
    assert await client.define(HELLO) == "test/hello:1.0.0"
    async with in_process_worker():
        workflow_id = await client.start("hello", {"name": "Ada"}, namespace="test", labels={"team": "blue"})
        assert await client.result(workflow_id, timeout=20) == {"greeting": "Hello Ada"}
    workflow = await client.get(workflow_id)
    assert (workflow.status, workflow.labels, workflow.is_finished) == ("COMPLETED", {"team": "blue"}, True)
    assert [task.name for task in await client.tasks(workflow_id)] == ["greet"]
    assert [row.seq for row in await client.history(workflow_id)] == [1, 2, 3]
    assert [row.seq for row in await client.history(workflow_id, after_seq=2)] == [3]
    assert [row.type async for row in client.follow(workflow_id)][-1] == "workflow.completed"


@pytest.mark.parametrize("form", ["path", "bytes", "value"])
async def test_documents_come_in_every_form(client, tmp_path: Path, form):
    path = tmp_path / "hello.yaml"
    path.write_text(HELLO)
    value = {
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "hello", "version": "1.0.0"},
        "do": [{"greet": {"set": {"greeting": '${ "Hello " + .name }'}}}],
    }
    document = {"path": path, "bytes": HELLO.encode(), "value": value}[form]
    assert await client.define(document) == "test/hello:1.0.0"
    assert await client.define(HELLO) == "test/hello:1.0.0", "the same content is no conflict"


async def test_a_document_is_compiled_before_it_is_defined(client):
    with pytest.raises(DocumentError) as refusal:
        await client.define(HELLO.replace("set:", "sett:"))
    assert refusal.value.problems[0].line == 4
    with pytest.raises(NotFound):
        await client.start("hello", namespace="test")


async def test_a_version_never_changes(client):
    await client.define(HELLO)
    with pytest.raises(Conflict, match="defined already"):
        await client.define(HELLO.replace("Hello ", "Goodbye "))


async def test_a_failed_workflow_raises_its_problem(client, in_process_worker):
    await client.define(FAILS)
    async with in_process_worker():
        with pytest.raises(WorkflowFailed, match="no tea") as failure:
            await client.result(await client.start("fails", namespace="test"), timeout=20)
    assert failure.value.problem["status"] == 418
    assert not failure.value.cancelled


async def test_a_cancelled_workflow_raises_too(client):
    await client.define(WAITS)
    workflow_id = await client.start("waits", namespace="test")
    assert await client.cancel(workflow_id, "enough")
    assert not await client.cancel(workflow_id)
    with pytest.raises(WorkflowFailed, match="enough") as failure:
        await client.result(workflow_id)
    assert failure.value.cancelled


async def test_waiting_ends_when_the_time_is_over(client):
    await client.define(WAITS)
    with pytest.raises(WaitTimedOut, match=r"still PENDING after 0\.05 s"):
        await client.result(await client.start("waits", namespace="test"), timeout=0.05)


async def test_events_are_appended(client):
    await client.define(WAITS)
    workflow_id = await client.start("waits", namespace="test")
    assert await client.append_event(workflow_id, "order.paid", {"amount": 3}) == 2
    assert await client.append_event(workflow_id, "order.noted") == 3
    assert [(row.type, row.data) for row in await client.history(workflow_id, after_seq=1)] == [
        ("order.paid", {"amount": 3}),
        ("order.noted", {}),
    ]


async def test_events_are_published_once_for_each_source_and_id(client, connection):
    time = datetime(2026, 1, 31, 9, tzinfo=UTC)
    first, again = [
        await client.publish(
            "order.paid", {"n": 1}, source="/a", id="7", subject="s", time=time, extensions={"tenant": "a"}
        )
        for _ in range(2)
    ]
    assert first == again
    bare = await client.publish("order.noted")
    rows = connection.execute(
        "select id::text, type, data, source, event_id, subject, extensions"
        " from pgworker.cloud_events order by type"
    ).fetchall()
    assert rows == [
        (bare, "order.noted", None, "/sql", bare, None, {}),
        (first, "order.paid", {"n": 1}, "/a", "7", "s", {"tenant": "a"}),
    ]
    assert connection.execute("select time from pgworker.cloud_events where event_id = '7'").fetchone() == (
        time,
    )


async def test_events_that_cannot_be_published_are_refused(client):
    with pytest.raises(StoreRefused, match="has a type"):
        await client.publish("")
    for event, pointer in [
        ({"type": "a", "data": {"x": float("inf")}}, "/x"),
        ({"type": "a\0"}, "/type"),
        ({"type": "a", "subject": "\ud800"}, "/subject"),
        ({"type": "a", "extensions": {"x": float("nan")}}, "/x"),
    ]:
        with pytest.raises(ValueRefused) as refusal:
            await client.publish(**event)
        assert refusal.value.pointer == pointer


async def test_the_lifecycle_of_a_workflow_is_told_as_cloud_events(client):
    await client.define(WAITS)
    workflow_id = await client.start("waits", namespace="test")
    await client.cancel(workflow_id)
    rows = await client.lifecycle(workflow_id)
    assert [(row.seq, row.type) for row in rows] == [
        (1, "io.serverlessworkflow.workflow.started.v1"),
        (2, "io.serverlessworkflow.workflow.cancelled.v1"),
    ]
    assert rows[0].cloud_event["data"] == rows[0].data
    assert rows[0].data["name"] == f"waits-{workflow_id}.test"
    assert await client.lifecycle(str(uuid4())) == []


async def test_an_input_that_json_cannot_hold_is_refused_with_its_place(client):
    await client.define(HELLO)
    with pytest.raises(ValueRefused) as refusal:
        await client.start("hello", {"a": [float("nan")]}, namespace="test")
    assert refusal.value.pointer == "/a/0"


async def test_an_input_that_contains_itself_is_refused(client):
    await client.define(HELLO)
    array, object_ = [], {}
    array.append(array)
    object_["self"] = [object_]
    for circle in (array, object_, {"a": array}):
        with pytest.raises(ValueRefused, match="nested deeper"):
            await client.start("hello", circle, namespace="test")


async def test_what_is_not_there_is_not_found(client):
    for call in (client.get, client.result, client.cancel):
        with pytest.raises(NotFound):
            await call(str(uuid4()))
    assert await client.list(name="nobody") == []


async def test_the_list_is_filtered_and_paged(client):
    await client.define(HELLO)
    ids = [await client.start("hello", namespace="test", labels={"n": str(n)}) for n in range(3)]
    assert [row.id for row in await client.list()] == ids[::-1]
    assert [row.id for row in await client.list(limit=1, before=ids[1])] == [ids[0]]
    assert [row.id for row in await client.list(labels={"n": "1"})] == [ids[1]]
    assert await client.list(statuses=["FAILED"], namespace="test") == []
    assert await client.list(before=ids[0]) == []
    with pytest.raises(NotFound):
        await client.list(before=str(uuid4()))
    with pytest.raises(StoreRefused, match="no workflow has the status 'nonsense'"):
        await client.list(statuses=["nonsense"])


async def test_what_no_call_can_take_is_one_clear_error(client):
    await client.define(HELLO)
    workflow_id = await client.start("hello", namespace="test")
    assert await client.timeline(workflow_id, 10**10) == []
    with pytest.raises(NotFound, match="has no event"):
        await client.state_at(workflow_id, 2**70)
    with pytest.raises(ValueError, match="not a number of seconds"):
        await client.wait(workflow_id, timeout=float("nan"))
    with pytest.raises(StoreRefused, match="half a character"):
        await client.append_event(workflow_id, "a\ud800")
    with pytest.raises(NotFound, match="there is no workflow"):
        _ = [one async for one in client.verify(str(uuid4()))]


async def test_time_travel_takes_local_times_and_those_with_a_zone(client):
    await client.define(HELLO)
    workflow_id = await client.start("hello", namespace="test")
    now = datetime.now(UTC) + timedelta(seconds=1)
    for at in (1, now, now.astimezone().replace(tzinfo=None)):
        assert (await client.moment(workflow_id, at)).seq == 1
        assert await client.state_at(workflow_id, at) == []
    for travel in (client.moment, client.state_at):
        with pytest.raises(NotFound, match=r"there was no workflow .* at 2000-"):
            await travel(workflow_id, datetime(2000, 1, 1, 12, tzinfo=UTC))
        with pytest.raises(NotFound, match="has no event 2"):
            await travel(workflow_id, 2)


async def test_workers_and_jobs_can_be_seen(client, in_process_worker):
    await client.define(HELLO)
    workflow_id = await client.start("hello", namespace="test", priority=7)
    assert [(job.workflow_id, job.kind, job.priority) for job in await client.jobs()] == [
        (workflow_id, "decide", 7)
    ]
    async with in_process_worker(worker_id="somebody"):
        assert [worker.id for worker in await client.workers()] == ["somebody"]


async def test_a_client_that_cannot_work_says_why(database_url):
    with pytest.raises(DatabaseUnavailable, match="refused"):
        await Client("postgresql://127.0.0.1:1/none", "pgworker").__aenter__()
    with pytest.raises(StoreRefused, match="no schema elsewhere"):
        await Client(database_url, "elsewhere").__aenter__()
    with pytest.raises(SettingsError, match="connection string"):
        await Client("mysql://host/db", "pgworker").__aenter__()
    with pytest.raises(PgworkerError, match="not open"):
        await Client(database_url, "pgworker").get(str(uuid4()))


async def test_the_settings_say_where(monkeypatch, database_url):
    monkeypatch.setenv("PGWORKER_DATABASE_URL", database_url)
    async with Client() as client:
        assert await client.list() == []


CALLS = """
document: {dsl: '1.0.3', namespace: test, name: calls, version: '1.0.0'}
do:
  - f: {call: score, with: {customer: Ada}}
"""


async def test_a_document_that_calls_a_function_is_defined_once_the_function_is_declared(client):
    with pytest.raises(DocumentError, match="`score` is no protocol and no function"):
        await client.define(CALLS)
    assert await client.define(CALLS, functions=["score"]) == "test/calls:1.0.0"
    assert await client.functions() == ["score"]
    assert await client.define(CALLS) == "test/calls:1.0.0"
    with pytest.raises(StoreRefused, match="no function can be called 'a@b'"):
        await client.define(CALLS, functions=["a@b"])
