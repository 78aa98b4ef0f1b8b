"""Whatever is run: what every history keeps to."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given

from pgworker.engine import events
from pgworker.engine.events import Event, ended_jobs, integer
from tests.support.drawn.cases import Case, cases, long, paces, usual
from tests.support.told import Pace, Told

BEGINNINGS = {events.TASK_STARTED, events.BRANCH_STARTED, events.EXTENSION_STARTED}
ENDS = {
    *(events.TASK_COMPLETED, events.TASK_FAILED, events.TASK_CANCELLED),
    *(events.BRANCH_COMPLETED, events.BRANCH_FAILED, events.BRANCH_CANCELLED),
    *(events.EXTENSION_COMPLETED, events.EXTENSION_FAILED, events.EXTENSION_CANCELLED),
}
ANEW = {events.TASK_RETRIED, events.ERROR_CAUGHT}


def check_seqs(history: list[Event]) -> None:
    """The events count from 1 without gaps, their times never go back, and they refer to earlier ones."""
    assert [event.seq for event in history] == list(range(1, len(history) + 1))
    assert all(one.at <= next_.at for one, next_ in pairwise(history))
    for event in history:
        for member in ("from", "output_from", "start", "in", "timer"):
            assert integer(event.data.get(member, 0)) < event.seq
    assert [event.seq for event in history if event.type in events.TERMINAL] in ([], [len(history)])


def check_ends(history: list[Event]) -> None:
    """What begins ends once, inside of what it began in, and all of it before the workflow does."""
    live: dict[int, int] = {}
    for event in history:
        assert event.frame == 0 or event.frame in live
        if event.type in BEGINNINGS:
            live[event.seq] = event.start if event.type == events.BRANCH_STARTED else event.frame
        elif "start" in event.data and event.start != 0:
            assert event.start in live
            if event.type in ENDS:
                del live[event.start]
                assert event.start not in live.values()
    assert not live or history[-1].type not in events.TERMINAL


def check_jobs_end_once(history: list[Event]) -> None:
    """A timer fires or is void, once; an activity returns or is void, once."""
    over = Counter(job for event in history for job in ended_jobs(event))
    over.update(integer(event.data["timer"]) for event in history if event.type == events.TIMER_FIRED)
    over.update(event.start for event in history if "token" in event.data)
    assert [job for job, times in over.items() if times > 1] == []


def check_timeouts(history: list[Event]) -> None:
    """What has taken too long ends; a try does not catch its own timeout."""
    expired: set[int] = set()
    for event in history:
        if event.type == events.TIMER_FIRED and event.data["purpose"] == "timeout":
            expired.add(event.start)
        elif "start" in event.data and event.start in expired:
            assert event.type not in ANEW
            assert event.type != events.TASK_COMPLETED
    assert 0 not in expired or history[-1].type in (events.WORKFLOW_FAILED, events.WORKFLOW_CANCELLED)


def check_consumption(history: list[Event]) -> None:
    """A workflow consumes a CloudEvent once, whichever listen it was for."""
    received = Counter(str(e.data["received"]) for e in history if e.type == events.EVENT_RECEIVED)
    assert [event_id for event_id, times in received.items() if times > 1] == []


def check_the_end_is_the_end(told: Told) -> None:
    """Whatever a workflow was told once, and is told again after its end, changes nothing."""
    if told.one.status.is_terminal:
        before = list(told.one.history)
        told.tell(*(one for turn in told.turns for one in turn.told))
        assert told.one.history == before


def check_history(told: Told) -> None:
    history = told.one.history
    check_seqs(history)
    check_ends(history)
    check_jobs_end_once(history)
    if not told.is_cut:
        check_timeouts(history)
    check_consumption(history)
    check_the_end_is_the_end(told)


@usual
@given(cases(), paces)
def test_events_count_without_gaps_to_the_one_that_ends_the_workflow(case: Case, pace: Pace) -> None:
    told = case.run(pace)
    check_seqs(told.one.history)
    assert told.one.state.seq == len(told.one.history)


@usual
@given(cases(), paces)
def test_what_begins_ends_once_and_before_what_it_is_part_of(case: Case, pace: Pace) -> None:
    check_ends(case.run(pace).one.history)


@usual
@given(cases(), paces)
def test_timers_fire_once_and_activities_have_one_result(case: Case, pace: Pace) -> None:
    check_jobs_end_once(case.run(pace).one.history)


@usual
@given(cases(), paces)
def test_what_has_taken_too_long_ends(case: Case, pace: Pace) -> None:
    told = case.run(pace)
    if not told.is_cut:
        check_timeouts(told.one.history)


@usual
@given(cases(), paces)
def test_a_cloud_event_is_consumed_once(case: Case, pace: Pace) -> None:
    check_consumption(case.run(pace).one.history)


@usual
@given(cases(), paces)
def test_after_the_end_nothing_is_taken_in(case: Case, pace: Pace) -> None:
    check_the_end_is_the_end(case.run(pace))


@pytest.mark.soak
@long
@given(cases(), paces)
def test_all_of_it_holds_for_many_more_documents(case: Case, pace: Pace) -> None:
    check_history(case.run(pace))
