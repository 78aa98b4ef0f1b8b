"""Whatever is run: history is the truth, and a decision depends on nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgworker.engine.events import Event
from pgworker.engine.evolve import evolve, replay
from pgworker.store.snapshots import digest, restore, take
from tests.support.drawn.avoided import MENDED, compared
from tests.support.drawn.cases import Case, cases, long, sample, usual
from tests.support.drawn.digests import digest_of, written
from tests.support.pure import stored
from tests.support.told import HURRIED, MOST_EVENTS, PIECES, Point, Told, shown, texts

ROOT = Path(__file__).parents[3]

places = st.integers(0, MOST_EVENTS)
fewer = settings(usual, max_examples=30)


def check_fold(told: Told) -> None:
    """The state that deciding has led to is the fold of the history, as it was made and as it is stored."""
    one = told.one
    state = compared(one.state)
    assert shown(compared(replay(one.history))) == shown(state)
    assert shown(compared(replay(map(stored, one.history)))) == shown(state)
    assert [orjson.dumps(event.data).decode() for event in one.history[1:]] == one.encoded


def check_points(told: Told) -> None:
    """So it was at each point between two decisions."""
    history = iter(told.stored(len(told.one.history)))
    state = replay([])
    for point in told.points:
        while state.seq < point.place:
            evolve(state, next(history))
        assert digest(compared(state)) == point.digest


def check_successors(told: Told, points: list[Point]) -> None:
    """From each point on, another process that knows the history only makes the same events."""
    whole = texts(told.one.history)
    for point in points:
        history = told.stored(point.place)
        made = told.go_on(replay(history), point)
        assert texts([*history, *made])[: len(whole)] == whole


def check_snapshot(told: Told, place: int) -> None:
    """A snapshot of any prefix stands for it: what follows leads to the same state."""
    history = told.stored(len(told.one.history))
    place = place % len(history) + 1
    state = restore(take(replay(history[:place])))
    assert shown(state) == shown(replay(history[:place]))
    for event in history[place:]:
        evolve(state, event)
    assert digest(compared(state)) == digest(compared(told.one.state))


def check_pieces(whole: Told, pieces: Told) -> None:
    """One event at a time the same is made as in long decisions, and the same is left to do."""
    common = min(len(whole.one.history), len(pieces.one.history))
    assert texts(whole.one.history[:common]) == texts(pieces.one.history[:common])
    assert whole.is_cut == pieces.is_cut
    if whole.is_cut:
        return
    assert shown(whole.one.state) == shown(pieces.one.state)
    assert whole.jobs.open == pieces.jobs.open
    if MENDED:
        assert whole.jobs.alone == pieces.jobs.alone
    assert whole.jobs.published == pieces.jobs.published
    assert whole.jobs.consumed == pieces.jobs.consumed


@usual
@given(cases())
def test_the_state_that_deciding_leads_to_is_the_fold_of_the_history(case: Case) -> None:
    told = case.run()
    check_fold(told)
    check_points(told)


@fewer
@given(cases(), places)
def test_from_every_point_a_stored_history_goes_on_with_the_same_events(case: Case, place: int) -> None:
    told = case.run(PIECES)
    step = len(told.points) // 8 + 1
    check_successors(told, told.points[place % step :: step])


@fewer
@given(cases(), places)
def test_so_it_does_where_the_world_interferes(case: Case, place: int) -> None:
    told = case.run(HURRIED)
    check_points(told)
    step = len(told.points) // 8 + 1
    check_successors(told, told.points[place % step :: step])


@usual
@given(cases(), places)
def test_a_snapshot_of_any_prefix_stands_for_it(case: Case, place: int) -> None:
    check_snapshot(case.run(), place)


@fewer
@given(cases(), places)
def test_from_a_snapshot_at_any_point_the_same_events_follow(case: Case, place: int) -> None:
    told = case.run(PIECES)
    point = told.points[place % len(told.points)]
    made = told.go_on(restore(take(replay(told.stored(point.place)))), point)
    whole = texts(told.one.history)
    assert texts([*told.one.history[: point.place], *made])[: len(whole)] == whole


@usual
@given(cases())
def test_one_event_at_a_time_makes_the_same_history(case: Case) -> None:
    check_pieces(case.run(), case.run(PIECES))


@usual
@given(cases(), places)
def test_an_event_of_a_user_changes_nothing_but_the_numbers(case: Case, place: int) -> None:
    told = case.run()
    state = told.one.state
    noted = Event(state.seq + 1, "operator.note", None, {"text": "looked at"}, told.one.now)
    after = replay([*told.one.history, noted])
    assert shown(replace(after, seq=state.seq)) == shown(state)


def test_another_process_decides_the_same_whatever_its_hash_seed_and_its_place() -> None:
    some = list(sample(40))
    here = [digest_of(case) for case in some]
    for environment in (
        {"PYTHONHASHSEED": "1", "TZ": "America/New_York"},
        {"PYTHONHASHSEED": "2", "TZ": "Asia/Kolkata", "LC_ALL": "C", "PYTHONUTF8": "0"},
    ):
        there = subprocess.run(
            [sys.executable, "-m", "tests.support.drawn.digests"],
            input=written(some),
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        assert there.stdout.split() == here


@pytest.mark.soak
@long
@given(cases(), places)
def test_all_of_it_holds_for_many_more_documents(case: Case, place: int) -> None:
    whole, pieces, hurried = case.run(), case.run(PIECES), case.run(HURRIED)
    check_fold(whole)
    check_points(whole)
    check_points(pieces)
    check_points(hurried)
    check_successors(hurried, hurried.points)
    check_snapshot(whole, place)
    check_pieces(whole, pieces)
    check_successors(pieces, pieces.points)
