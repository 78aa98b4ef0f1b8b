"""Whatever is run: history is the truth, and a decision depends on nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgworker.dsl.compile import compile_value
from pgworker.engine.commands import commands
from pgworker.engine.decide import decide
from pgworker.engine.events import Event
from pgworker.engine.evolve import replay
from pgworker.engine.inputs import Input
from pgworker.engine.state import State, Status
from pgworker.errors import DocumentError
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical
from tests.support.documents import STEP, Answers, answers, documents, inputs
from tests.support.pure import WORKFLOW_ID, Play, begin, stored

MOST_EVENTS = 60
"""Jumps backwards make endless workflows: of those the beginning is looked at."""

MOST_TURNS = 8

usual = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
long = settings(usual, max_examples=3000, derandomize=False)


class Told:
    """A workflow that was run, and at which event it was told what."""

    def __init__(self, one: Play, answers: Answers, limit: int) -> None:
        self.one = one
        self.turns: list[tuple[int, list[Input]]] = []
        self.points: list[tuple[int, int]] = []
        one.limit = limit
        self._go(())
        for index in range(MOST_TURNS):
            if one.state.status is not Status.RUNNING or len(one.history) >= MOST_EVENTS:
                return
            told = answers.turn(index, one)
            self.turns.append((len(one.history), told))
            one.now += STEP
            self._go(told)

    def _go(self, told: Iterable[Input]) -> None:
        """Decides to the end; every point between two decisions is noted with the turns told until then."""
        inputs = tuple(told)
        while True:
            record = self.one.step(*inputs)
            inputs = ()
            self.points.append((len(self.one.history), len(self.turns)))
            if not record.goes_on or len(self.one.history) >= MOST_EVENTS:
                return


def texts(events: Iterable[Event]) -> list[tuple[int, str, str | None, bytes, str]]:
    """Events as they would be compared in the database."""
    return [
        (event.seq, event.type, event.task, orjson.dumps(canonical(event.data)), event.at.isoformat())
        for event in events
    ]


def shown(value: object) -> object:
    """A state as plain values, numbers told apart by their type and the order of what is ready included."""
    if is_dataclass(value) and not isinstance(value, type):
        return [(part.name, shown(getattr(value, part.name))) for part in fields(value)]
    if isinstance(value, dict):
        return [(repr(key), shown(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shown(item) for item in value]
    return repr(value)


def run(document: JsonObject, value: JsonValue, answers: Answers, limit: int = MOST_EVENTS) -> Told | None:
    """The workflow, told what the world says; None if the document is refused."""
    try:
        plan = compile_value(document)
    except DocumentError:
        return None
    return Told(begin(plan, value), answers, limit)


def check_fold(told: Told) -> None:
    one = told.one
    assert shown(replay(one.history)) == shown(one.state)
    assert shown(replay(map(stored, one.history))) == shown(one.state)
    assert [orjson.dumps(event.data).decode() for event in one.history[1:]] == one.encoded


def check_points(told: Told) -> None:
    """From every point on, another process that knows the history only makes the same events."""
    one = told.one
    whole = texts(one.history)
    for place, turns_told in told.points:
        history = [stored(event) for event in one.history[:place]]
        state = replay(history)
        now = one.history[0].at + STEP * turns_told
        made = _go_on(one, state, now, told.turns[turns_told:], len(one.history))
        assert texts([*history, *made])[: len(whole)] == whole


def _go_on(
    one: Play, state: State, now: datetime, turns: list[tuple[int, list[Input]]], enough: int
) -> list[Event]:
    made: list[Event] = []
    for told in [[], *(told for _, told in turns)]:
        first: tuple[Input, ...] = tuple(told)
        while state.seq < enough or first:
            record = decide(WORKFLOW_ID, one.plan, state, now, inputs=first, max_events=1)
            first = ()
            made += record.events
            if not record.goes_on:
                break
        now = now + STEP
    return made


def check_commands(told: Told) -> None:
    """No job for what is over, and one for everything that is waited for."""
    one = told.one
    asked = {getattr(c, "start", None) or getattr(c, "timer", None) for c in commands(one.history)}
    if one.state.status is not Status.RUNNING:
        return
    waited = {key for key, activation in one.state.activations.items() if activation.activity}
    assert waited | set(one.state.timers) <= asked


def check_rest(told: Told) -> None:
    """A workflow either goes on, or waits for something, or is over."""
    state = told.one.state
    if state.status is Status.RUNNING and len(told.one.history) < MOST_EVENTS:
        assert state.ready or state.timers or any(a.activity for a in state.activations.values())
    if state.status.is_terminal:
        assert (state.ready, state.timers, state.activations, state.frames) == ({}, {}, {}, {})
    assert [event.seq for event in told.one.history] == list(range(1, state.seq + 1))


def check_everything(document: JsonObject, value: JsonValue, answers: Answers) -> None:
    whole = run(document, value, answers)
    if whole is None:
        return
    check_fold(whole)
    check_rest(whole)
    check_commands(whole)
    pieces = run(document, value, answers, limit=1)
    assert pieces is not None
    common = min(len(whole.one.history), len(pieces.one.history))
    assert common >= min(MOST_EVENTS, len(whole.one.history), len(pieces.one.history))
    assert texts(whole.one.history[:common]) == texts(pieces.one.history[:common])
    if common < MOST_EVENTS:
        assert len(whole.one.history) == len(pieces.one.history)
    check_points(pieces)


@usual
@given(documents(), inputs, answers)
def test_the_state_that_deciding_leads_to_is_the_fold_of_the_history(
    document: JsonObject, value: JsonValue, answers: Answers
) -> None:
    told = run(document, value, answers)
    if told is not None:
        check_fold(told)


@usual
@given(documents(), inputs, answers)
def test_from_every_point_a_stored_history_goes_on_with_the_same_events(
    document: JsonObject, value: JsonValue, answers: Answers
) -> None:
    told = run(document, value, answers, limit=1)
    if told is not None:
        check_points(told)


@usual
@given(documents(), inputs, answers)
def test_one_event_at_a_time_makes_the_same_history(
    document: JsonObject, value: JsonValue, answers: Answers
) -> None:
    whole, pieces = (run(document, value, answers, limit) for limit in (MOST_EVENTS, 1))
    if whole is None or pieces is None:
        return
    common = min(len(whole.one.history), len(pieces.one.history))
    assert texts(whole.one.history[:common]) == texts(pieces.one.history[:common])
    if common < MOST_EVENTS:
        assert shown(whole.one.state) == shown(pieces.one.state)


@usual
@given(documents(), inputs, answers)
def test_deciding_never_raises_and_never_leaves_a_workflow_without_a_next_step(
    document: JsonObject, value: JsonValue, answers: Answers
) -> None:
    told = run(document, value, answers)
    if told is not None:
        check_rest(told)
        check_commands(told)


@pytest.mark.soak
@long
@given(documents(), inputs, answers)
def test_all_of_it_holds_for_many_more_documents(
    document: JsonObject, value: JsonValue, answers: Answers
) -> None:
    check_everything(document, value, answers)


@usual
@given(documents(), inputs, answers, st.integers(0, 100))
def test_an_event_of_a_user_changes_nothing_but_the_numbers(
    document: JsonObject, value: JsonValue, answers: Answers, place: int
) -> None:
    told = run(document, value, answers)
    if told is None:
        return
    state = told.one.state
    noted = Event(state.seq + 1, "operator.note", None, {"text": "looked at"}, told.one.now)
    after = replay([*told.one.history, noted])
    assert shown(replace(after, seq=state.seq)) == shown(state)
