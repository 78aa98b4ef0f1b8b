"""define_workflow: a version's content never changes."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.refusals import refused
from tests.support.waiting import until
from tests.support.workflows import HELLO, define, document, start, workflow

DEFINE = "select pgworker.define_workflow(%s)"


def test_it_returns_namespace_name_and_version(connection: psycopg.Connection) -> None:
    row = connection.execute(DEFINE, [Jsonb(document(HELLO, name="hi", version="1.2.3"))]).fetchone()
    assert row == ("default/hi:1.2.3",)


def test_the_same_content_again_changes_nothing(connection: psycopg.Connection) -> None:
    define(connection)
    connection.execute("update pgworker.definitions set problems = 'kept'")
    define(connection)
    assert connection.execute("select problems from pgworker.definitions").fetchall() == [("kept",)]


def test_the_order_of_members_is_no_difference(connection: psycopg.Connection) -> None:
    written = document(HELLO)
    connection.execute(DEFINE, [Jsonb(written)])
    connection.execute(DEFINE, [Jsonb(dict(reversed(written.items())))])
    assert connection.execute("select count(*) from pgworker.definitions").fetchone() == (1,)


def test_other_content_under_the_same_version_is_refused(connection: psycopg.Connection) -> None:
    define(connection)
    with refused("PW003", "defined already, with other content", hint="new version"):
        define(connection, do=[{"other": {"set": {"a": 1}}}])


def test_two_transactions_may_define_the_same_at_once(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    other = connect()
    connection.execute("begin")
    define(connection)
    waiting = Thread(target=define, args=[other])
    waiting.start()
    until(lambda: _waits(connection, other))
    connection.execute("commit")
    waiting.join(10)
    assert connection.execute("select count(*) from pgworker.definitions").fetchone() == (1,)


@pytest.mark.parametrize(("letter", "longest"), [("a", 255), ("\u6f22", 160), ("\U0001f600", 120)])
def test_names_as_long_as_they_may_be_are_found_by_all_indexes(
    connection: psycopg.Connection, letter: str, longest: int
) -> None:
    long = letter * longest
    header = {"dsl": "1.0.3", "namespace": long, "name": long, "version": long}
    connection.execute(DEFINE, [Jsonb({"document": header, "do": HELLO})])
    key = "".join(chr(0x1F600 + n % 80) for n in range(255))
    started = start(connection, long, namespace=long, idempotency_key=key)
    assert start(connection, long, namespace=long, idempotency_key=key) == started


@pytest.mark.parametrize("name", ["a" * 256, "\u6f22" * 250, "\U0001f600" * 200])
def test_a_name_that_no_index_takes_is_refused(connection: psycopg.Connection, name: str) -> None:
    header = {"dsl": "1.0.3", "namespace": name, "name": name, "version": name}
    with refused("PW001", "255 characters at most, and 1530 bytes together"):
        connection.execute(DEFINE, [Jsonb({"document": header, "do": HELLO})])


def test_a_rolled_back_definition_leaves_nothing(connection: psycopg.Connection) -> None:
    with connection.transaction(force_rollback=True):
        define(connection)
    assert connection.execute("select count(*) from pgworker.definitions").fetchone() == (0,)
    with refused("PW002", "no workflow is defined as default/sample", hint="deploy"):
        start(connection)


@pytest.mark.parametrize("definition", [None, [], "text", 1])
def test_what_is_no_object_is_refused(connection: psycopg.Connection, definition: object) -> None:
    with refused("PW001", "a definition is a JSON object", hint="converted to JSON"):
        connection.execute(DEFINE, [None if definition is None else Jsonb(definition)])


@pytest.mark.parametrize(
    ("header", "lacks"),
    [
        ({"version": "1.0.0"}, "name"),
        ({"name": "", "version": "1.0.0"}, "name"),
        ({"name": "a"}, "version"),
        ({"name": "a", "version": ""}, "version"),
    ],
)
def test_a_definition_without_name_or_version_is_refused(
    connection: psycopg.Connection, header: dict[str, str], lacks: str
) -> None:
    with refused("PW001", f"lacks its {lacks}", hint="document.name"):
        connection.execute(DEFINE, [Jsonb({"document": header})])


def test_a_definition_of_version_0_8_is_known_by_its_id(connection: psycopg.Connection) -> None:
    row = connection.execute(
        DEFINE, [Jsonb({"id": "old", "version": "1.0", "specVersion": "0.8"})]
    ).fetchone()
    assert row == ("default/old:1.0",)


def test_a_name_belongs_to_its_namespace(connection: psycopg.Connection) -> None:
    for namespace in ("here", "there"):
        written = document([{"say": {"set": {"where": namespace}}}])
        written["document"]["namespace"] = namespace
        connection.execute(DEFINE, [Jsonb(written)])
    assert workflow(connection, start(connection, namespace="there"))["namespace"] == "there"
    with refused("PW002"):
        start(connection)


def _waits(watcher: psycopg.Connection, other: psycopg.Connection) -> bool:
    row = watcher.execute(
        "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s", [other.info.backend_pid]
    ).fetchone()
    return row == (True,)
