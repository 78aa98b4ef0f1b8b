"""A CloudEvent is published, correlated, looked for and consumed by indexes, however many listen."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support.letters import publish
from tests.support.plans import Cost, changed, cost

FEW = 80
"""Pages that any of it may read for one event or listener."""


def listener(crowded: psycopg.Connection, number: int = 10) -> Any:
    """One of those who listen: for the order of its number."""
    row = crowded.execute("select id from crowd where n = %s", [number]).fetchone()
    assert row is not None
    return row[0]


def is_found_by_indexes(taken: Cost) -> None:
    assert taken.pages <= FEW
    assert taken.whole_tables == set()


def test_an_event_is_published_and_claimed(crowded: psycopg.Connection) -> None:
    is_found_by_indexes(cost(crowded, "select pgworker.publish_event('paid', '{\"order\": 10}')"))
    with crowded.transaction(force_rollback=True):
        publish(crowded, "paid", {"order": 10})
        is_found_by_indexes(cost(crowded, "select * from pgworker.claim_events(200)"))


def test_a_few_events_are_claimed_from_a_long_queue(crowded: psycopg.Connection) -> None:
    with changed(crowded, "jobs"):
        crowded.execute(
            "insert into pgworker.jobs (workflow_id, seq, kind, due_at)"
            " select id, 0, 'correlate', published_at from pgworker.cloud_events"
        )
        taken = cost(crowded, "select * from pgworker.claim_events(200)")
    assert taken.pages <= 200 * 10
    assert taken.whole_tables == set()


def test_an_event_finds_its_listener(crowded: psycopg.Connection) -> None:
    with crowded.transaction(force_rollback=True):
        event = publish(crowded, "paid", {"order": 10})
        taken = cost(
            crowded,
            "select pgworker.correlate_events(array[%(event)s::uuid], '{known}', array[%(event)s::uuid],"
            " '{known}', '{order 10}')",
            {"event": event},
        )
        assert cost(crowded, "select * from pgworker.correlations_for('{paid}')").pages <= FEW
    is_found_by_indexes(taken)


def test_a_correlation_that_was_missing_is_found_among_a_thousand(crowded: psycopg.Connection) -> None:
    with crowded.transaction(force_rollback=True):
        event = publish(crowded, "type 500", {"order": 10})
        is_found_by_indexes(
            cost(
                crowded,
                "select pgworker.correlate_events(array[%s::uuid], '{}', '{}', '{}', '{}')",
                [event],
            )
        )


@pytest.mark.parametrize("seen", [0, 1_000_000_000])
def test_a_listener_finds_its_mail(crowded: psycopg.Connection, seen: int) -> None:
    one = listener(crowded)
    with changed(crowded, "correlated_events"):
        crowded.execute(
            "insert into pgworker.correlated_events select 'known', 'order 10', 1000000000 + n, id, now()"
            " from crowd where n % 10 = 2"
        )
        crowded.execute("update pgworker.subscriptions set seen = %s where workflow_id = %s", [seen, one])
        is_found_by_indexes(cost(crowded, "select pgworker.mail_of(%s, 1)", [one]))


def test_a_workflow_begins_to_listen_consumes_and_listens_no_more(crowded: psycopg.Connection) -> None:
    ids = {"one": listener(crowded), "new": listener(crowded, 11), "event": listener(crowded, 21)}
    for statement in (
        "select pgworker.subscribe(array[%(new)s], '{2}', '{0}', '{known}', '{paid}',"
        " array['[\".order\"]'::jsonb], '{order 7}')",
        "select pgworker.consume_events(array[%(one)s], '{2}', array[%(event)s],"
        " array[%(one)s], '{2}', '{5000}', array[%(one)s], '{2}')",
        "select pgworker.unsubscribe(array[%(one)s], '{2}')",
        "select pgworker.workflows_ended(array[%(one)s])",
    ):
        is_found_by_indexes(cost(crowded, statement, ids))
