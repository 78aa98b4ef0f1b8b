"""A workflow that is exported and imported is the same workflow; a file that is not whole is refused."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgworker.client import Client
from pgworker.errors import Conflict, ImportRefused, NotFound, PgworkerError, StoreRefused
from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.stub import Stub
from tests.support.twenty_tasks import define_twenty_tasks, start_twenty_tasks
from tests.support.workflows import HELLO, Task, call, define, ended, start

THERE = "elsewhere"
RELATIONS = {
    "workflows": "id, namespace, name, version, status, input, output, error, last_seq, parent_id, labels,"
    " idempotency_key, priority, created_at, started_at, ended_at, parent_seq, parent_waits",
    "events": "*",
    "consumptions": "*",
    "definitions": "namespace, name, version, version_order, document, digest, created_at, created_by",
    "history": "*",
    "tasks": "*",
}


@pytest.fixture
def elsewhere(database_url: str) -> str:
    """Another schema in which nothing is."""
    migrate(Database(database_url, THERE))
    return THERE


async def exported(url: str, workflow_id: str, schema: str = "pgworker") -> list[str]:
    async with Client(url, schema) as client:
        return [line async for line in client.export(workflow_id)]


async def imported(url: str, lines: Sequence[str]) -> Sequence[str]:
    async with Client(url, THERE) as client:
        return await client.import_(lines)


def everything(connection: psycopg.Connection, schema: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of what is carried, as text, so that nothing is equal that only looks so in Python."""
    return {
        name: sorted(
            connection.execute(f"select row_to_json(r)::text from (select {columns} from {schema}.{name}) r")
        )
        for name, columns in RELATIONS.items()
    }


def sealed(lines: Sequence[str]) -> list[str]:
    """Changed lines with the checksum that they then have, as somebody who means it would write them."""
    head, *body, _ = lines
    digest = hashlib.sha256("".join(f"{line}\n" for line in body).encode()).hexdigest()
    return [head, *body, json.dumps({"pgworker_export_end": {"lines": len(body), "sha256": digest}})]


def changed(lines: Sequence[str], kind: str, change: Callable[[dict[str, Any]], None]) -> list[str]:
    """The lines with the first of a kind changed."""
    found = list(lines)
    (place, line) = next((n, json.loads(line)) for n, line in enumerate(lines) if f'"{kind}": ' in line)
    change(line[kind])
    found[place] = json.dumps(line)
    return found


@pytest.fixture
def done(connection: psycopg.Connection, worker_process: WorkerFactory) -> str:
    """A workflow that has completed."""
    define(connection)
    worker_process()
    started = start(connection)
    ended(connection, started)
    return started


async def test_workflows_of_every_kind_come_as_they_were_with_those_that_they_started(
    connection: psycopg.Connection,
    database_url: str,
    worker_process: WorkerFactory,
    stub: Stub,
    elsewhere: str,
) -> None:
    define_twenty_tasks(connection, stub.url)
    define(
        connection, [{"fails": {"raise": {"error": {"type": "a:b", "status": 500, "title": "No"}}}}], "fails"
    )
    define(connection, [{"waits": {"wait": {"hours": 1}}}], "waits")
    odd: Task = {"keep": {"set": "${ . }"}}
    define(connection, [odd], "odd")
    worker_process(concurrency=20)
    going = [*start_twenty_tasks(connection, 3), start(connection, "fails"), start(connection, "fails")]
    odd_input = Jsonb({"null": None, "large": 12345678901234567890123, "é": "\u2028", "deep": [[[{}]]]})
    (one,) = connection.execute(
        "select pgworker.start_workflow('odd', %s, priority => 7, labels => '{\"a\": \"b\"}',"
        " idempotency_key => 'once')::text",
        [odd_input],
    ).fetchone() or ("",)
    nothing = connection.execute("select pgworker.start_workflow('odd', 'null')::text").fetchone()
    assert nothing is not None
    waits = start(connection, "waits")
    connection.execute("select pgworker.append_event(%s, 'a.note', '[1.0, 1.50]')", [waits])
    connection.execute("select pgworker.cancel_workflow(%s, 'enough')", [waits])
    ended(connection, going[-1])
    connection.execute("select pgworker.retry_workflow(%s)", [going[-1]])
    for workflow_id in [*going, one, nothing[0], waits]:
        ended(connection, workflow_id, seconds=30)
    for workflow_id in [*going, one, nothing[0], waits]:
        assert (await imported(database_url, await exported(database_url, workflow_id)))[0] == workflow_id
    assert everything(connection, elsewhere) == everything(connection, "pgworker")
    assert violations(connection) == []
    async with Client(database_url, elsewhere) as client:
        assert [flaw async for verified in client.verify() for flaw in verified.flaws] == []
    again = [await exported(database_url, one, schema) for schema in ("pgworker", elsewhere)]
    assert again[0] == again[1]


async def test_a_definition_comes_without_its_schedule(
    connection: psycopg.Connection, database_url: str, worker_process: WorkerFactory, elsewhere: str
) -> None:
    define(connection, HELLO, schedule={"every": {"seconds": 1}})
    worker_process()
    started = start(connection)
    ended(connection, started)
    await imported(database_url, await exported(database_url, started))
    assert connection.execute(f"select count(*) from {elsewhere}.schedules").fetchone() == (0,)
    assert connection.execute(f"select count(*) from {elsewhere}.jobs").fetchone() == (0,)


async def test_a_definition_that_came_by_an_import_gets_its_schedule_when_it_is_defined(
    connection: psycopg.Connection, database_url: str, worker_process: WorkerFactory, elsewhere: str
) -> None:
    define(connection, HELLO, schedule={"every": {"hours": 1}})
    worker_process()
    started = start(connection)
    ended(connection, started)
    await imported(database_url, await exported(database_url, started))
    document = connection.execute("select document::text from pgworker.definitions").fetchone()
    assert document is not None
    for _ in range(2):
        connection.execute(f"select {elsewhere}.define_workflow(%s)", document)
        assert connection.execute(f"select version from {elsewhere}.schedules").fetchall() == [("1.0.0",)]


async def test_what_is_here_already_is_not_taken_in_again(
    connection: psycopg.Connection, database_url: str, done: str, elsewhere: str
) -> None:
    lines = await exported(database_url, done)
    await imported(database_url, lines)
    with pytest.raises(Conflict, match="is here already"):
        await imported(database_url, lines)
    connection.execute(f"delete from {elsewhere}.workflows")
    connection.execute(f"delete from {elsewhere}.events")
    document = next(json.loads(line) for line in lines if '"definition": ' in line)["definition"]["document"]
    connection.execute(f"delete from {elsewhere}.definitions")
    connection.execute(
        f"select {elsewhere}.define_workflow(%s)", [Jsonb({**document, "do": [{"x": {"set": {}}}]})]
    )
    with pytest.raises(Conflict, match="defined here already, with other content"):
        await imported(database_url, lines)
    assert connection.execute(f"select count(*) from {elsewhere}.events").fetchone() == (0,)


async def test_a_key_that_has_started_another_workflow_is_a_conflict(
    connection: psycopg.Connection, database_url: str, worker_process: WorkerFactory, elsewhere: str
) -> None:
    define(connection)
    worker_process()
    started = start(connection, idempotency_key="once")
    ended(connection, started)
    lines = await exported(database_url, started)
    document = next(json.loads(line) for line in lines if '"definition": ' in line)["definition"]["document"]
    connection.execute(f"select {elsewhere}.define_workflow(%s)", [Jsonb(document)])
    connection.execute(f"select {elsewhere}.start_workflow('sample', idempotency_key => 'once')")
    with pytest.raises(Conflict, match="the idempotency key once of default/sample"):
        await imported(database_url, lines)


async def test_a_workflow_that_has_not_ended_is_exported_and_not_imported(
    connection: psycopg.Connection, database_url: str, elsewhere: str
) -> None:
    define(connection)
    lines = await exported(database_url, start(connection))
    with pytest.raises(ImportRefused, match="is PENDING, and only what has ended"):
        await imported(database_url, lines)


async def test_a_workflow_that_is_not_there_cannot_be_exported(database_url: str) -> None:
    with pytest.raises(NotFound):
        await exported(database_url, "00000000-0000-0000-0000-000000000001")


DAMAGE: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "nothing": (lambda lines: [], "no export of a workflow"),
    "something else": (lambda lines: ['{"a": 1}'], "no export of a workflow"),
    "half a character": (lambda lines: ["\udc80", *lines], "not UTF-8"),
    "a consumption of nobody": (
        lambda lines: sealed(
            [
                *lines[:-1],
                '{"consumption": {"workflow_id": "00000000-0000-0000-0000-000000000001", "seq": 3,'
                ' "event_id": "00000000-0000-0000-0000-000000000002"}}',
                lines[-1],
            ]
        ),
        "is of no kind that is known here",
    ),
    "no JSON": (lambda lines: ["hello"], "line 1 is not JSON"),
    "another format": (lambda lines: ['{"pgworker_export": 2}', *lines[1:]], "has format 2"),
    "cut off": (lambda lines: lines[:-1], "its last line is not there"),
    "cut in a line": (lambda lines: [*lines[:-1], lines[-1][:10]], "is not JSON"),
    "a line lost": (lambda lines: [*lines[:3], *lines[4:]], "checksum"),
    "a byte changed": (
        lambda lines: [line.replace("Hello, you", "Hello, yov") for line in lines],
        "checksum",
    ),
    "more after its end": (lambda lines: [*lines, lines[1]], "comes after the end"),
    "an unknown kind": (lambda lines: sealed([lines[0], '{"odd": {}}', *lines[1:]]), "line 2 is of no kind"),
    "an event lost": (lambda lines: sealed([*lines[:4], *lines[5:]]), "is not sound|not as an export has it"),
    "an event of nobody": (
        lambda lines: sealed(
            changed(
                lines, "event", lambda event: event.update(workflow_id="00000000-0000-0000-0000-000000000001")
            )
        ),
        "not as an export has it",
    ),
    "another output": (
        lambda lines: sealed(changed(lines, "workflow", lambda row: row.update(output={"greeting": "Bye"}))),
        "is not sound: replay gives another output",
    ),
    "another end": (
        lambda lines: sealed(
            changed(lines, "workflow", lambda row: row.update(status="CANCELLED", output=None))
        ),
        "is not sound",
    ),
    "data of another kind": (
        lambda lines: sealed(changed(lines, "event", lambda event: event.update(data=[]))),
        "the history cannot be replayed",
    ),
    "members of other kinds": (
        lambda lines: sealed([line.replace('"kind": "set"', '"start": "abc"') for line in lines]),
        "the history cannot be replayed",
    ),
    "a wrong number": (
        lambda lines: sealed(changed(lines, "workflow", lambda row: row.update(last_seq=100))),
        "is not sound",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_file_that_is_not_what_was_exported_is_refused_and_nothing_is_taken_in(
    connection: psycopg.Connection, database_url: str, done: str, elsewhere: str, damage: str
) -> None:
    damaged, said = DAMAGE[damage]
    lines = damaged(await exported(database_url, done))
    with pytest.raises(PgworkerError, match=said) as caught:
        await imported(database_url, lines)
    assert isinstance(caught.value, ImportRefused)
    assert all(not rows for rows in everything(connection, elsewhere).values())


async def test_only_the_owner_imports(
    connection: psycopg.Connection, direct_url: str, done: str, elsewhere: str
) -> None:
    lines = await exported(direct_url, done)
    connection.execute("create role importer login; grant pgworker_worker to importer")
    try:
        info = psycopg.conninfo.conninfo_to_dict(direct_url)
        with pytest.raises(StoreRefused, match="permission denied"):
            await imported(psycopg.conninfo.make_conninfo(**(info | {"user": "importer"})), lines)
    finally:
        connection.execute("drop role importer")


async def test_a_long_history_is_carried_in_little_memory(
    connection: psycopg.Connection, database_url: str, worker_process: WorkerFactory, elsewhere: str
) -> None:
    text = "x" * 20_000
    loop = {
        "for": {"each": "n", "in": "[range(1000)]"},
        "do": [{"one": {"set": {"n": "${ $n }", "text": text}}}],
    }
    define(connection, [{"loop": loop}])
    worker_process()
    started = start(connection)
    ended(connection, started, seconds=60)
    size = 0
    async with Client(database_url) as here, Client(database_url, elsewhere) as there:
        tracemalloc.start()
        try:
            lines = [line async for line in here.export(started)]
            size = sum(map(len, lines))
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            await there.import_(_one_after_the_other(lines))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert size > 20_000_000
    assert peak - before < size / 2


def _one_after_the_other(lines: Sequence[str]) -> Iterator[str]:
    yield from lines


async def test_an_activity_s_result_is_known_to_be_of_its_attempt_where_it_comes_to(
    connection: psycopg.Connection,
    database_url: str,
    worker_process: WorkerFactory,
    stub: Stub,
    elsewhere: str,
) -> None:
    define(connection, [{"ask": call(f"{stub.url}/count")}])
    worker_process()
    started = start(connection)
    ended(connection, started)
    await imported(database_url, await exported(database_url, started))
    rows = connection.execute(
        f"select data ->> 'attempt', data ? 'token' from {elsewhere}.events where type = 'task.completed'"
    )
    assert rows.fetchall() == [("1", True)]
