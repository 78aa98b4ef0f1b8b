"""publish_event, and what workflows emit."""

from __future__ import annotations

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.workflows import define, ended, start


def test_a_published_event_can_be_read_with_all_its_attributes(connection: psycopg.Connection) -> None:
    row = connection.execute(
        "select pgworker.publish_event('order.paid', '{\"amount\": 12}', source => '/shop', subject => 'o-1',"
        " id => '7', \"time\" => '2026-01-01T00:00:00Z', extensions => '{\"tenant\": \"a\"}')"
    ).fetchone()
    assert row is not None
    found = connection.execute(
        "select id, source, event_id, type, subject, time::text, data, extensions from pgworker.cloud_events"
    ).fetchall()
    assert found == [
        (row[0], "/shop", "7", "order.paid", "o-1", found[0][5], {"amount": 12}, {"tenant": "a"})
    ]


def test_the_same_source_and_id_is_the_same_event(connection: psycopg.Connection) -> None:
    publish = "select pgworker.publish_event('order.paid', id => '7', source => %s)"
    first, again, other = (connection.execute(publish, [source]).fetchone() for source in ("/a", "/a", "/b"))
    assert first == again != other
    assert connection.execute("select count(*) from pgworker.cloud_events").fetchone() == (2,)


def test_events_without_an_id_are_all_different(connection: psycopg.Connection) -> None:
    for _ in range(3):
        connection.execute("select pgworker.publish_event('order.paid')")
    assert connection.execute("select count(distinct event_id) from pgworker.cloud_events").fetchone() == (3,)


@pytest.mark.parametrize("type_", [None, ""])
def test_an_event_without_a_type_is_refused(connection: psycopg.Connection, type_: str | None) -> None:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute("select pgworker.publish_event(%s::text)", [type_])
    assert caught.value.sqlstate == "PW001"


@pytest.mark.parametrize(
    "attribute",
    [
        "source => ''",
        "id => ''",
        "\"time\" => 'infinity'",
        "\"time\" => '0044-03-15 12:00:00 BC'",
        "\"time\" => '10000-01-01'",
        "extensions => '{\"\": 1}'",
        "extensions => '[]'",
    ],
)
def test_an_attribute_that_no_cloud_event_has_is_refused(
    connection: psycopg.Connection, attribute: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(f"select pgworker.publish_event('order.paid', {attribute})")
    assert caught.value.sqlstate == "PW001"


def test_a_rolled_back_event_was_never_published(connection: psycopg.Connection) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("select pgworker.publish_event('order.paid')")
    assert connection.execute("select count(*) from pgworker.cloud_events").fetchone() == (0,)


def test_what_a_workflow_emits_is_published_once_with_its_turn(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, [{"tell": {"emit": {"event": {"with": {"type": "order.shipped", "data": {"n": 1}}}}}}])
    worker_process(poll_seconds=60)
    started = start(connection)
    row = ended(connection, started)
    found = connection.execute(
        "select event_id, type, data, published_by from pgworker.cloud_events"
    ).fetchall()
    assert found == [(row["output"]["id"], "order.shipped", {"n": 1}, started)]
