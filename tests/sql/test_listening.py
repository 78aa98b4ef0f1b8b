"""subscribe, correlate_events, mail_of and consume_events: who finds which CloudEvents, and how often."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import psycopg
import pytest

from tests.support.letters import (
    PAID,
    Round,
    Wanted,
    consume,
    correlate,
    mail,
    mail_ids,
    paid,
    publish,
    subscribe,
    subscribe_each,
    unsubscribe,
)
from tests.support.turns import Turns
from tests.support.waiting import until
from tests.support.workflows import define, jobs, start

SHIPPED = Wanted("order.shipped")


@pytest.fixture
def listener(connection: psycopg.Connection) -> str:
    """A workflow that listens for nothing yet, and whose first turn is over."""
    define(connection)
    return _started(connection)


def _started(connection: psycopg.Connection) -> str:
    workflow_id = start(connection)
    connection.execute("delete from pgworker.jobs where workflow_id = %s", [workflow_id])
    return workflow_id


def _told(connection: psycopg.Connection, listener: str) -> list[int]:
    """The positions of the CloudEvents that the listener has jobs for."""
    return sorted(-job.seq for job in jobs(connection, listener) if job.seq < 0)


def _correlate_jobs(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from pgworker.jobs where kind = 'correlate'").fetchone()
    assert row is not None
    return row[0]


# --- finding


def test_a_listener_finds_what_is_published_after_it_began(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, PAID)
    assert _told(connection, listener) == []
    event = publish(connection, data={"order": 7})
    assert mail(connection, listener) == []  # nobody has correlated it yet
    assert correlate(connection) == 1
    [letter] = mail(connection, listener)
    assert (letter.seq, letter.event_id) == (2, event)
    assert letter.cloud_event["data"] == {"order": 7}
    assert _told(connection, listener) == [letter.position]
    assert _correlate_jobs(connection) == 0


def test_events_are_found_oldest_first(connection: psycopg.Connection, listener: str) -> None:
    subscribe(connection, listener, PAID)
    events = [publish(connection) for _ in range(20)]
    correlate(connection, batch=7)
    events += [publish(connection) for _ in range(5)]
    correlate(connection)
    assert mail_ids(connection, listener) == events


def test_events_of_one_transaction_are_found_in_the_order_of_their_publication(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, PAID)
    with connection.transaction():
        events = [publish(connection) for _ in range(10)]
    correlate(connection, batch=3)
    assert mail_ids(connection, listener) == events


def test_only_events_of_the_type_and_value_are_found(connection: psycopg.Connection, listener: str) -> None:
    subscribe(connection, listener, paid(7))
    publish(connection, data={"order": 8})
    publish(connection, "order.shipped", {"order": 7})
    publish(connection, data={"item": 7})
    wanted = publish(connection, data={"order": 7})
    correlate(connection)
    assert mail_ids(connection, listener) == [wanted]
    assert len(_told(connection, listener)) == 1


def test_a_number_is_what_it_reads_as_with_or_without_quotes(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, paid(7))
    events = [publish(connection, data={"order": order}) for order in (7, "7", 7.0)]
    correlate(connection)
    assert mail_ids(connection, listener) == events


def test_a_number_of_any_length_can_be_a_value(connection: psycopg.Connection, listener: str) -> None:
    long = 10**300
    subscribe(connection, listener, paid(long))
    event = publish(connection, data={"order": long})
    correlate(connection)
    assert mail_ids(connection, listener) == [event]


def test_a_listener_for_every_type_finds_every_event(connection: psycopg.Connection, listener: str) -> None:
    subscribe(connection, listener, Wanted(None))
    events = [publish(connection, type_) for type_ in ("a", "b", "c")]
    correlate(connection)
    assert mail_ids(connection, listener) == events


def test_an_event_that_several_filters_want_is_one_letter_and_one_job(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, PAID, paid(7), Wanted(None))
    event = publish(connection, data={"order": 7})
    correlate(connection)
    assert mail_ids(connection, listener) == [event]
    assert len(_told(connection, listener)) == 1


def test_filters_that_want_different_types_see_them_in_one_order(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, PAID, SHIPPED)
    events = [publish(connection, f"order.{('paid', 'shipped')[n % 2]}") for n in range(10)]
    correlate(connection, batch=3)
    assert mail_ids(connection, listener) == events


def test_each_of_many_listeners_is_told_once(connection: psycopg.Connection) -> None:
    define(connection)
    listeners = [_started(connection) for _ in range(10)]
    subscribe(connection, listeners, PAID)
    event = publish(connection)
    correlate(connection)
    for listener in listeners:
        assert mail_ids(connection, listener) == [event]
        assert len(_told(connection, listener)) == 1


def test_a_claimed_listener_is_handed_its_mail(connection: psycopg.Connection, listener: str) -> None:
    subscribe(connection, listener, PAID)
    event = publish(connection)
    correlate(connection)
    turns = Turns(connection)
    [claimed] = turns.claim()
    turns.rollback()
    assert [letter[2] for letter in claimed.mail] == [event]
    assert claimed.due == [-mail(connection, listener)[0].position]


def test_a_long_queue_is_handed_over_in_pieces(connection: psycopg.Connection, listener: str) -> None:
    subscribe(connection, listener, PAID, Wanted(None), SHIPPED)
    events = [publish(connection, f"order.{('paid', 'shipped')[n % 2]}") for n in range(25)]
    correlate(connection)
    seen: list[str] = []
    while letters := mail(connection, listener, most=4):
        assert len(letters) <= 4
        seen += [letter.event_id for letter in letters]
        consume(connection, listener, seen=letters[-1].position)
    assert seen == events


# --- since when


def test_nothing_from_before_the_workflows_creation_is_found(connection: psycopg.Connection) -> None:
    define(connection)
    publish(connection)
    older = _started(connection)
    subscribe(connection, older, PAID)
    correlate(connection)
    publish(connection)
    correlate(connection)
    publish(connection)  # correlated only after the workflow is there
    newer = _started(connection)
    subscribe(connection, newer, PAID)
    correlate(connection)
    assert mail(connection, newer) == []
    event = publish(connection)
    correlate(connection)
    assert mail_ids(connection, newer) == [event]


def test_what_was_published_between_the_creation_and_the_listen_is_found(
    connection: psycopg.Connection, listener: str
) -> None:
    before = publish(connection)
    assert correlate(connection) == 1  # by nothing: nobody listens
    uncorrelated = publish(connection)
    subscribe(connection, listener, PAID)
    correlate(connection)
    assert mail_ids(connection, listener) == [before, uncorrelated]


def test_a_correlation_that_others_know_is_found_at_once(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, _started(connection), PAID)
    later = _started(connection)
    event = publish(connection)
    correlate(connection)
    subscribe(connection, later, PAID)
    assert _correlate_jobs(connection) == 0
    assert mail_ids(connection, later) == [event]
    assert len(_told(connection, later)) == 1


def test_an_older_workflow_makes_a_known_correlation_reach_further_back(
    connection: psycopg.Connection, listener: str
) -> None:
    first = publish(connection, data={"order": 7})
    correlate(connection)
    newer = _started(connection)
    subscribe(connection, newer, paid(7))
    second = publish(connection, data={"order": 7})
    correlate(connection)
    assert mail_ids(connection, newer) == [second]
    subscribe(connection, listener, paid(7))
    correlate(connection)
    assert set(mail_ids(connection, listener)) == {first, second}
    assert mail_ids(connection, newer) == [second]
    row = connection.execute(
        "select c.since = w.created_at from pgworker.correlations c, pgworker.workflows w where w.id = %s",
        [listener],
    ).fetchone()
    assert row == (True,)


def test_a_late_correlation_makes_others_not_look_twice(
    connection: psycopg.Connection, listener: str
) -> None:
    """Those who have been told of a CloudEvent are not told again because it is correlated anew."""
    other = _started(connection)
    subscribe(connection, listener, PAID)
    publish(connection, data={"order": 7})
    correlate(connection)
    connection.execute("delete from pgworker.jobs")  # the listener's turn is over, and it was busy
    subscribe(connection, other, paid(7))
    assert correlate(connection) == 1
    assert len(_told(connection, other)) == 1
    assert _told(connection, listener) == []


def test_the_backlog_of_a_late_correlation_is_found_oldest_first(
    connection: psycopg.Connection, listener: str
) -> None:
    events = [publish(connection, data={"order": 7}) for _ in range(15)]
    correlate(connection)
    events += [publish(connection, data={"order": 7}) for _ in range(3)]
    subscribe(connection, listener, paid(7))
    events += [publish(connection, data={"order": 7}) for _ in range(3)]
    correlate(connection, batch=4)
    assert mail_ids(connection, listener) == events


def test_two_workers_that_correlate_at_once_keep_the_order(
    connect: Callable[[], psycopg.Connection], connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, PAID)
    events = [publish(connection) for _ in range(4)]
    one, other = Round(connect()), Round(connect())
    first = one.claim(batch=2)
    assert first == events[:2]
    second = other.claim(batch=2)
    for round_, claimed in ((other, second), (one, first)):
        if claimed:
            round_.evaluate()
            assert round_.write()
        round_.commit()
    correlate(connection)
    assert mail_ids(connection, listener) == events


def test_a_correlation_that_is_new_since_the_values_were_read_is_asked_for(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], listener: str
) -> None:
    event = publish(connection, data={"order": 7})
    round_ = Round(connect())
    assert round_.claim() == [event]
    round_.evaluate()
    assert round_.values == []
    subscribe(connection, listener, paid(7))
    assert not round_.write()
    assert _told(connection, listener) == []
    round_.evaluate()
    assert round_.write()
    round_.commit()
    assert mail_ids(connection, listener) == [event]
    assert correlate(connection) == 0


@pytest.mark.parametrize("type_", ["order.paid", None])
def test_a_correlation_of_another_type_is_not_asked_for(
    connection: psycopg.Connection,
    connect: Callable[[], psycopg.Connection],
    listener: str,
    type_: str | None,
) -> None:
    publish(connection)
    round_ = Round(connect())
    round_.claim()
    round_.evaluate()
    subscribe(connection, listener, SHIPPED if type_ else Wanted(None))
    assert round_.write() is (type_ is not None)
    round_.connection.execute("rollback")


# --- publishing


def test_a_duplicate_is_found_once(connection: psycopg.Connection, listener: str) -> None:
    subscribe(connection, listener, PAID)
    events = {publish(connection, id="7", source="/shop") for _ in range(3)}
    correlate(connection)
    assert {publish(connection, id="7", source="/shop")} == events
    assert correlate(connection) == 0
    assert mail_ids(connection, listener) == list(events)


def test_a_duplicate_waits_for_the_first_publisher_and_is_the_same_event(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], listener: str
) -> None:
    subscribe(connection, listener, PAID)
    first = connect()
    first.execute("begin")
    publish(first, id="7", source="/shop")
    first.execute("rollback")
    event = publish(connection, id="7", source="/shop")
    correlate(connection)
    assert mail_ids(connection, listener) == [event]


def test_a_publisher_that_commits_late_is_found_by_those_who_listen(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], listener: str
) -> None:
    """Its CloudEvents take their place when they can be seen: what others had then was before them."""
    subscribe(connection, listener, PAID)
    publisher = connect()
    publisher.execute("begin")
    late = publish(publisher)
    early = publish(connection)
    correlate(connection)
    [letter] = mail(connection, listener)
    assert letter.event_id == early
    consume(connection, listener, [early], seen=letter.position)
    publisher.execute("commit")
    correlate(connection)
    assert mail_ids(connection, listener) == [late]


def test_a_publisher_that_commits_late_is_found_by_who_began_to_listen_meanwhile(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], listener: str
) -> None:
    publisher = connect()
    publisher.execute("begin")
    late = publish(publisher, data={"order": 7})
    subscribe(connection, listener, paid(7))
    correlate(connection)
    publisher.execute("commit")
    correlate(connection)
    assert mail_ids(connection, listener) == [late]


def test_an_event_that_is_correlated_while_a_listen_begins_is_found(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], listener: str
) -> None:
    """Who correlates cannot see yet who listens, and waits until it can."""
    event = publish(connection, data={"order": 7})
    listening = connect()
    listening.execute("begin")
    subscribe(listening, listener, paid(7))
    correlating = Thread(target=correlate, args=[connect()])
    correlating.start()
    waits = "select from pg_locks where locktype = 'advisory' and not granted"
    until(lambda: connection.execute(waits).rowcount or not correlating.is_alive())
    listening.execute("commit")
    correlating.join(20)
    correlate(connection)
    assert mail_ids(connection, listener) == [event]


# --- consuming


def test_a_workflow_consumes_an_event_once(connection: psycopg.Connection, listener: str) -> None:
    subscribe(connection, listener, PAID)
    event = publish(connection)
    correlate(connection)
    consume(connection, listener, [event], seen=mail(connection, listener)[-1].position)
    with pytest.raises(psycopg.errors.UniqueViolation):
        consume(connection, listener, [event], seq=9)


def test_a_consumed_event_is_found_by_no_other_listen_of_the_workflow(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, PAID, seq=2)
    subscribe(connection, listener, PAID, seq=3)
    first, second = publish(connection), publish(connection)
    correlate(connection)
    assert [(letter.seq, letter.event_id) for letter in mail(connection, listener)] == [
        (2, first),
        (3, first),
        (2, second),
        (3, second),
    ]
    consume(connection, listener, [first], seq=2, seen=mail(connection, listener)[0].position)
    unsubscribe(connection, listener, seq=2)
    assert mail_ids(connection, listener) == [second]
    subscribe(connection, listener, PAID, seq=4)
    assert {letter.event_id for letter in mail(connection, listener)} == {second}


def test_different_workflows_consume_the_same_event(connection: psycopg.Connection, listener: str) -> None:
    other = _started(connection)
    subscribe(connection, [listener, other], PAID)
    event = publish(connection)
    correlate(connection)
    for one in (listener, other):
        consume(connection, one, [event])
        assert mail(connection, one) == []


def test_between_two_listens_nothing_is_lost(connection: psycopg.Connection, listener: str) -> None:
    subscribe(connection, listener, PAID, seq=2)
    first = publish(connection)
    correlate(connection)
    consume(connection, listener, [first], seen=mail(connection, listener)[-1].position)
    unsubscribe(connection, listener, seq=2)
    connection.execute("delete from pgworker.jobs")  # the turn is over
    while_deaf = publish(connection)
    correlate(connection)
    subscribe(connection, listener, PAID, seq=5)
    assert [(letter.seq, letter.event_id) for letter in mail(connection, listener)] == [(5, while_deaf)]
    assert len(_told(connection, listener)) == 1


def test_what_an_earlier_listen_passed_over_is_offered_to_the_next(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, PAID, seq=2)
    event = publish(connection)
    correlate(connection)
    consume(connection, listener, seen=mail(connection, listener)[-1].position)
    assert mail(connection, listener) == []
    unsubscribe(connection, listener, seq=2)
    subscribe(connection, listener, PAID, seq=5)
    assert mail_ids(connection, listener) == [event]


def test_who_has_looked_at_everything_is_told_nothing_and_who_has_more_is_told(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, PAID)
    for _ in range(2):
        publish(connection)
    correlate(connection)
    first, second = mail(connection, listener)
    connection.execute("delete from pgworker.jobs")
    consume(connection, listener, [first.event_id], seen=first.position)
    assert _told(connection, listener) == [second.position]
    connection.execute("delete from pgworker.jobs")
    consume(connection, listener, [second.event_id], seen=second.position)
    assert _told(connection, listener) == []


# --- ending


def test_who_listens_no_more_is_told_nothing(connection: psycopg.Connection, listener: str) -> None:
    subscribe(connection, listener, PAID, SHIPPED)
    unsubscribe(connection, listener)
    publish(connection)
    correlate(connection)
    assert mail(connection, listener) == []
    assert _told(connection, listener) == []


def test_a_cancelled_workflow_listens_no_more_and_keeps_what_it_consumed(
    connection: psycopg.Connection, listener: str
) -> None:
    subscribe(connection, listener, PAID)
    event = publish(connection)
    correlate(connection)
    consume(connection, listener, [event])
    publish(connection)
    correlate(connection)
    connection.execute("select pgworker.cancel_workflow(%s)", [listener])
    publish(connection)
    correlate(connection)
    assert jobs(connection, listener) == []
    assert connection.execute("select from pgworker.subscriptions").fetchall() == []
    assert connection.execute("select workflow_id::text from pgworker.consumptions").fetchall() == [
        (listener,)
    ]


def test_many_workflows_that_listen_by_different_values_are_told_of_their_own(
    connection: psycopg.Connection,
) -> None:
    define(connection)
    listeners = [_started(connection) for _ in range(20)]
    subscribe_each(connection, [(one, 0, paid(place)) for place, one in enumerate(listeners)])
    events = [publish(connection, data={"order": order}) for order in range(20)]
    correlate(connection, batch=6)
    assert [mail_ids(connection, one) for one in listeners] == [[event] for event in events]
    assert connection.execute("select count(*) from pgworker.correlations").fetchone() == (1,)


def test_the_priority_of_a_workflow_is_that_of_its_mail(connection: psycopg.Connection) -> None:
    define(connection)
    urgent = start(connection, priority=5)
    subscribe(connection, urgent, PAID)
    publish(connection)
    correlate(connection)
    assert {job.priority for job in jobs(connection, urgent)} == {5}
