"""Deciding in general: limits, purity, what events look like, what the fold does with them."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta

import orjson
import pytest

from pgworker.engine import events
from pgworker.engine.codec import encode
from pgworker.engine.decide import MAX_EVENTS, decide
from pgworker.engine.events import Event
from pgworker.engine.evolve import evolve, replay
from pgworker.engine.state import State, Status
from pgworker.errors import Fault
from pgworker.values import MAX_BYTES, canonical
from tests.support.pure import NOW, WORKFLOW_ID, begin, error_kind, plan_of, play, stored

MANY = """
do:
  - a: {set: {n: 0}}
  - l:
      for: {in: '[range(20)]'}
      do:
        - b: {set: {n: '${ .n + $item }'}}
        - c: {if: .n > 50, set: {n: '${ .n }', big: true}}
        - d: {do: [{e: {switch: [{f: {when: .big, then: exit}}]}}]}
  - z: {set: {n: '${ .n }'}, export: {as: .n}}
"""


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50, 1000])
def test_a_limit_only_cuts_the_work_into_pieces(limit: int) -> None:
    whole, pieces = play(MANY), play(MANY, limit=limit)
    assert pieces.history == whole.history
    assert pieces.encoded == whole.encoded
    assert pieces.state == whole.state
    assert pieces.output == {"n": 190}


def test_being_told_that_it_is_enough_cuts_the_work_into_pieces_of_one_step_and_changes_nothing_else() -> (
    None
):
    whole, pieces = play(MANY), begin(MANY)
    pieces.enough = lambda: True
    record = pieces.step()
    assert record.goes_on
    pieces.decide()
    assert pieces.history == whole.history
    assert pieces.encoded == whole.encoded
    assert pieces.state == whole.state


NESTED = """
timeout: {after: PT5S}
do:
  - a: {do: [{b: {do: [{c: {set: {n: 1}, then: end}}]}}]}
"""


def test_what_ends_the_workflow_is_not_cut_so_that_no_timer_comes_in_between() -> None:
    one = begin(NESTED, limit=1)
    while one.status is not Status.COMPLETED:
        record = one.step()
        assert one.status is Status.COMPLETED or not one.state.ending
    assert [event.type for event in record.events] == 3 * ["task.completed"] + ["workflow.completed"]
    assert one.state.timers == {}


def test_a_decision_says_whether_it_would_go_on() -> None:
    one = begin(MANY, limit=10)
    assert one.step().goes_on
    while one.state.status is Status.RUNNING:
        record = one.step()
    assert not record.goes_on
    waiting = begin("do: [{w: {wait: PT1S}}]")
    assert not waiting.step().goes_on


def test_an_endless_workflow_is_cut_off_at_the_limit() -> None:
    one = begin("do: [{a: {set: {n: '${ (.n // 0) + 1 }'}, then: b}}, {b: {switch: [{c: {then: a}}]}}]")
    record = one.step()
    assert len(record.events) == MAX_EVENTS
    assert record.goes_on


def test_nothing_is_decided_before_the_start_and_after_the_end() -> None:
    plan = plan_of(MANY)
    assert decide(WORKFLOW_ID, plan, State(), NOW).events == []
    one = play(MANY)
    assert decide(WORKFLOW_ID, plan, one.state, NOW).events == []


def test_the_same_arguments_give_the_same_events() -> None:
    first, second = play(MANY, {"x": [1.0]}), play(MANY, {"x": [1.0]})
    assert first.history == second.history
    assert first.encoded == second.encoded
    assert first.state == second.state


def test_the_time_of_the_events_is_the_one_that_was_given() -> None:
    later = NOW + timedelta(days=1)
    one = begin(MANY)
    one.now = later
    one.decide()
    assert {event.at for event in one.history[1:]} == {later}


def test_events_are_numbered_without_gaps() -> None:
    one = play(MANY)
    assert [event.seq for event in one.history] == list(range(1, len(one.history) + 1))
    assert one.state.seq == len(one.history)


def test_the_encoded_texts_are_those_of_the_events() -> None:
    one = play(MANY)
    assert [orjson.loads(text) for text in one.encoded] == [event.data for event in one.history[1:]]


def test_values_in_events_are_canonical() -> None:
    one = play("do: [{a: {set: '${ {bb: 1.0, a: [2.0]} }', export: {as: '{cc: 1.0, c: 1}'}}}]")
    for event in one.history:
        for value in event.data.values():
            assert canonical(value) is value


@pytest.mark.parametrize("task", ["{set: '${ error(1) }'}", "{wait: '${ 5 }'}"])
def test_errors_in_events_are_canonical(task: str) -> None:
    error = play(f"do: [{{a: {task}}}]").error
    assert list(error) == list(canonical(error))  # type: ignore[arg-type]


def test_deciding_changes_no_value_that_was_given_to_it() -> None:
    value = {"list": [1, {"a": 2}], "n": 1}
    before = deepcopy(value)
    plan = plan_of("do: [{a: {set: {x: '${ .list[1].a = 5 }'}}}, {b: {set: '${ .x.list += [1] }'}}]")
    definition = deepcopy(plan.definition)
    play(plan, value)  # type: ignore[arg-type]
    assert value == before
    assert plan.definition == definition


def test_the_state_can_be_had_from_the_history_alone() -> None:
    one = play(MANY)
    assert replay(one.history) == one.state
    assert replay(map(stored, one.history)) == one.state


def test_events_that_users_appended_only_take_a_number() -> None:
    one = play("do: [{w: {wait: PT1S}}, {s: {set: {x: 1}}}]")
    noted = Event(4, "operator.note", None, {"text": "hello", "start": 2}, NOW)
    before = deepcopy(one.state)
    evolve(one.state, noted)
    one.history.append(noted)
    before.seq = 4
    assert one.state == before
    assert one.fires().output == {"x": 1}
    after = Event(one.state.seq + 1, "operator.note", None, {}, NOW)
    evolve(one.state, after)
    assert one.status is Status.COMPLETED


@pytest.mark.parametrize("seq", [0, 1, 2, 4, -1])
def test_an_event_out_of_turn_is_refused(seq: int) -> None:
    one = begin(MANY)
    one.step()
    state = replay(one.history[:2])
    with pytest.raises(ValueError, match="does not follow"):
        evolve(state, Event(seq, "operator.note", None, {}, NOW))


def test_a_cancelled_workflow_stops_wherever_it_is() -> None:
    one = begin(MANY, limit=10)
    one.step()
    problem = {"type": "t", "status": 1}
    evolve(one.state, Event(one.state.seq + 1, events.WORKFLOW_CANCELLED, None, {"error": problem}, NOW))  # type: ignore[dict-item]
    assert (one.status, one.state.error, one.state.ready) == (Status.CANCELLED, problem, {})
    assert not one.step().events


def test_an_event_s_data_is_bounded() -> None:
    assert encode({"x": "y" * (MAX_BYTES - 8)})
    with pytest.raises(Fault, match="an event may hold"):
        encode({"x": "y" * (MAX_BYTES - 7)})


@pytest.mark.parametrize(
    "task",
    [
        "{set: {x: '${ .a * 9000000 }'}}",
        "{set: {x: 1}, export: {as: '$input.a * 9000000'}}",
        "{for: {in: '[.a * 9000000]'}, do: [{i: {set: {x: 1}}}]}",
        "{do: [{i: {set: {x: 1}}}], output: {as: '\"a\" * 9000000'}}",
        "{input: {from: '{a: (.a * 9000000)}'}, do: [{i: {set: {x: 1}}}]}",
        "{call: http, with: {method: get, endpoint: 'http://x', body: '${ .a * 9000000 }'}}",
        "{switch: [{c: {then: end}}], output: {as: '\"a\" * 9000000'}}",
    ],
)
def test_data_that_fits_into_no_event_fails_the_task(task: str) -> None:
    one = play(f"do: [{{t: {task}}}]", {"a": "x"})
    assert error_kind(one.error) == "runtime"
    assert one.error["instance"] == "/do/0/t"


@pytest.mark.parametrize(
    ("member", "where"),
    [("input: {from: '\"a\" * 9000000'}", "/input"), ("output: {as: '\"a\" * 9000000'}", "/output")],
)
def test_the_workflow_s_own_data_is_bounded_too(member: str, where: str) -> None:
    one = play(f"do: [{{t: {{set: {{x: 1}}}}}}]\n{member}")
    assert (error_kind(one.error), one.error["instance"]) == ("runtime", where)


def test_what_an_event_tells_does_not_depend_on_what_is_cached() -> None:
    text = (
        "do: [{a: {set: '${ 100000 }'}}, {w: {switch: [{c: {then: continue}}]}}, {b: {set: '${ 100000 }'}}]"
    )
    cached = play(text)
    fresh = begin(text, limit=1)
    while fresh.state.ready:
        fresh.state = replay(map(stored, fresh.history))
        fresh.step()
    assert fresh.history == cached.history


@pytest.mark.parametrize(
    "written", ["{set: {x: '${ {(\"a\\u0000\"): 1} }'}}", "{set: {x: 1}, export: {as: '{(\"\\u0000\"): 1}'}}"]
)
def test_an_error_about_a_key_can_be_stored(written: str) -> None:
    one = play(f"do: [{{t: {written}}}]")
    assert error_kind(one.error) == "validation"
    assert canonical(one.error) == one.error


@pytest.mark.parametrize(
    "program", ["9223372036854775807 * 4", "reduce range(300) as $i (1; [.])", "[nan]", "pow(10; 400)"]
)
@pytest.mark.parametrize(
    "written",
    ["{set: {x: 'v ${ PROGRAM }'}}", "{call: http, with: {method: get, endpoint: 'http://x/${ PROGRAM }'}}"],
)
def test_a_value_put_into_a_text_never_breaks_the_decision(program: str, written: str) -> None:
    one = play(f"do: [{{t: {written.replace('PROGRAM', program)}}}]")
    assert one.status is not Status.PENDING
    if one.status is Status.FAILED:
        assert error_kind(one.error) in ("expression", "validation")


def test_a_value_that_grows_level_by_level_is_refused_at_the_limit() -> None:
    one = play("do: [{l: {for: {in: '[range(140)]'}, do: [{t: {set: {x: '${ . }'}}}]}}]")
    assert error_kind(one.error) == "validation"
