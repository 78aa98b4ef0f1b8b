"""Whatever is run: what is left to do is what the state waits for, at every point and after the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgworker.engine import events
from pgworker.engine.inputs import CancelWanted
from tests.support.drawn.cases import Case, cases, long, paces, sample, usual
from tests.support.jobs import NOTHING
from tests.support.told import Pace, Told


def check_open_work(told: Told) -> None:
    """Jobs, subscriptions and other workflows belong to what lives, and what lives has what it waits for."""
    assert told.jobs.complaints == []


def check_rest(told: Told) -> None:
    """A workflow either goes on, or waits for something, or is over."""
    state = told.one.state
    if state.status.is_terminal:
        assert (state.ready, state.timers, state.activations, state.frames) == ({}, {}, {}, {})
        assert told.jobs.open == NOTHING
    elif not told.is_cut:
        assert not state.ready
        assert told.jobs.open != NOTHING or any(not one.waits for one in state.activations.values())


def check_cancelling(told: Told) -> None:
    """A workflow that is to be cancelled leaves nothing to do, wherever it stands."""
    told.tell(CancelWanted())
    assert told.one.state.status.is_terminal
    assert told.jobs.open == NOTHING
    check_open_work(told)


def check_too_long(told: Told, most: int) -> None:
    """Nor does one that has become too long, at whatever event that was."""
    assert len(told.one.history) <= most or told.one.status.is_terminal
    check_open_work(told)
    check_rest(told)


@usual
@given(cases(), paces)
def test_what_is_open_belongs_to_what_lives_and_what_lives_has_what_it_waits_for(
    case: Case, pace: Pace
) -> None:
    check_open_work(case.run(pace))


@usual
@given(cases(), paces)
def test_a_workflow_goes_on_or_waits_for_something_or_is_over(case: Case, pace: Pace) -> None:
    check_rest(case.run(pace))


@usual
@given(cases(), paces)
def test_a_cancelled_workflow_leaves_nothing_to_do(case: Case, pace: Pace) -> None:
    check_cancelling(case.run(pace))


@usual
@given(cases(), paces, st.integers(2, 40))
def test_a_workflow_whose_history_is_too_long_leaves_nothing_to_do(case: Case, pace: Pace, most: int) -> None:
    check_too_long(case.run(pace, most), most)


def test_a_history_that_is_too_long_fails_many_a_workflow_of_the_sample() -> None:
    ends = [case.run(most=8).one.history[-1].type for case in sample(30)]
    assert ends.count(events.WORKFLOW_FAILED) >= 10


@pytest.mark.soak
@long
@given(cases(), paces, st.integers(2, 40))
def test_all_of_it_holds_for_many_more_documents(case: Case, pace: Pace, most: int) -> None:
    told = case.run(pace)
    check_open_work(told)
    check_rest(told)
    check_cancelling(told)
    check_too_long(case.run(pace, most), most)
