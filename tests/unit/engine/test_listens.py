"""``listen``: which CloudEvents are consumed, when it is enough, and what comes out."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.engine.commands import Consume, FireTimer, Subscribe, Unsubscribe
from pgworker.engine.state import Status
from pgworker.types import JsonValue
from tests.support.post import Post, of_kind
from tests.support.pure import Play, cloud_event, error_kind, play

A = "{with: {type: a}}"
B = "{with: {type: b}}"
C = "{with: {type: c}}"


def listen(to: str, rest: str = "", value: JsonValue = None) -> Play:
    """A workflow that listens, and then gives what came out."""
    return play(f"do: [{{l: {{listen: {{to: {to}}}{rest}}}}}]", value)


def post(to: str, rest: str = "", value: JsonValue = None) -> Post:
    """The same with a post office around it."""
    return Post(listen(to, rest, value))


def test_one_event_is_waited_for() -> None:
    one = listen(f"{{one: {A}}}")
    assert one.status is Status.RUNNING
    assert one.types[1:] == [events.TASK_STARTED, events.LISTEN_STARTED]
    one.receives(cloud_event("b", 1), cloud_event("a", 2), cloud_event("a", 3))
    assert one.output == [2]
    assert one.types[3:] == [
        events.EVENT_RECEIVED,
        events.LISTEN_COMPLETED,
        events.TASK_COMPLETED,
        events.WORKFLOW_COMPLETED,
    ]


def test_a_listen_tells_how_its_events_are_found_and_forgets_it_at_its_end() -> None:
    one = play(f"do: [{{l: {{listen: {{to: {{one: {A}}}}}}}}}, {{w: {{wait: P1D}}}}]")
    (subscribe,) = of_kind(one.commands, Subscribe)
    assert isinstance(subscribe, Subscribe)
    assert (subscribe.start, subscribe.filter, subscribe.type, subscribe.keys) == (2, 0, "a", [])
    one.receives(cloud_event("a"))
    assert one.commands[1:3] == [Consume(2, "/test a null"), Unsubscribe(2)]
    assert isinstance(one.commands[3], FireTimer)


def test_any_without_until_is_over_with_the_first() -> None:
    one = post(f"{{any: [{A}, {B}]}}").publish(cloud_event("c"), cloud_event("b", 1), cloud_event("a", 2))
    assert one.output == [1]


def test_any_of_nothing_matches_every_event() -> None:
    one = post("{any: []}").publish(cloud_event("whatever", {"x": 1}))
    assert one.output == [{"x": 1}]


def test_any_of_nothing_goes_on_until_its_end() -> None:
    one = post("{any: [], until: '. | length == 3'}").publish(*(cloud_event(t, t) for t in "xyz"))
    assert one.output == ["x", "y", "z"]


def test_all_takes_one_for_each_filter_in_the_order_of_their_coming() -> None:
    one = post(f"{{all: [{A}, {B}]}}")
    assert one.publish(cloud_event("b", 1), cloud_event("b", 2)).status is Status.RUNNING
    assert one.publish(cloud_event("a", 3)).output == [1, 3]


def test_two_filters_that_match_the_same_take_an_event_each() -> None:
    one = post(f"{{all: [{A}, {A}]}}")
    assert one.publish(cloud_event("a", 1)).status is Status.RUNNING
    assert one.publish(cloud_event("a", 2)).output == [1, 2]


def test_all_of_nothing_is_over_at_once() -> None:
    one = listen("{all: []}")
    assert one.output == []
    assert one.commands == []


def test_until_an_expression_says_that_it_is_enough() -> None:
    one = post(f"{{any: [{A}], until: '${{ (map(.n) | add) >= $workflow.input.most }}'}}", value={"most": 5})
    for n in (1, 2):
        assert one.publish(cloud_event("a", {"n": n})).status is Status.RUNNING
    assert one.publish(cloud_event("a", {"n": 3}), cloud_event("a", {"n": 4})).output == [
        {"n": 1},
        {"n": 2},
        {"n": 3},
    ]


def test_an_until_that_fails_fails_the_listen_which_has_consumed_the_event() -> None:
    one = post(f"{{any: [{A}], until: '.[0].x.y'}}").publish(cloud_event("a", {"x": 1}))
    assert error_kind(one.error) == "expression"
    assert one.types[-3:] == [events.EVENT_RECEIVED, events.TASK_FAILED, events.WORKFLOW_FAILED]


def test_until_a_strategy_has_been_satisfied_whose_events_are_no_part_of_the_output() -> None:
    one = post(f"{{any: [{A}], until: {{one: {B}}}}}")
    assert one.publish(cloud_event("a", 1), cloud_event("a", 2)).status is Status.RUNNING
    assert one.publish(cloud_event("b", 3), cloud_event("a", 4)).output == [1, 2]
    assert [event.data.get("until") for event in one.one.of(events.EVENT_RECEIVED)] == [None, None, True]


def test_until_all_of_some_events_have_come() -> None:
    one = post(f"{{any: [{A}], until: {{all: [{B}, {C}]}}}}")
    one.publish(cloud_event("b"), cloud_event("a", 1), cloud_event("b", 2))
    assert one.publish(cloud_event("a", 3)).status is Status.RUNNING
    assert one.publish(cloud_event("c")).output == [1, 3]


def test_until_any_of_some_events_has_come() -> None:
    assert post(f"{{any: [{A}], until: {{any: [{B}, {C}]}}}}").publish(cloud_event("c")).output == []


def test_an_event_that_also_ends_the_listening_ends_it() -> None:
    one = post("{any: [], until: {one: {with: {type: end}}}}")
    assert one.publish(cloud_event("x", 1), cloud_event("end", 2)).output == [1]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        ("data", {"n": 1}),
        ("raw", {"n": 1}),
        ("envelope", cloud_event("a", {"n": 1}, subject="s", extra=True)),
    ],
)
def test_what_of_an_event_is_read(read: str, expected: JsonValue) -> None:
    one = play(f"do: [{{l: {{listen: {{to: {{one: {A}}}, read: {read}}}}}}}]")
    assert one.receives(cloud_event("a", {"n": 1}, subject="s", extra=True)).output == [expected]


def test_an_event_without_data_is_read_as_null() -> None:
    assert listen(f"{{one: {A}}}").receives(cloud_event("a")).output == [None]


def test_until_sees_the_events_as_they_are_read() -> None:
    one = play(
        f"do: [{{l: {{listen: {{to: {{any: [{A}], until: '.[-1].subject == \"last\"'}}, read: envelope}}}}}}]"
    )
    one.receives(cloud_event("a", 1))
    assert one.status is Status.RUNNING
    last = cloud_event("a", 2, subject="last")
    assert one.receives(last).output == [cloud_event("a", 1), last]


def test_the_output_is_transformed_and_exported_like_that_of_every_task() -> None:
    rest = ", output: {as: '{sum: add}'}, export: {as: '{seen: .sum}'}"
    one = listen(f"{{all: [{A}, {A}]}}", rest).receives(cloud_event("a", 1), cloud_event("a", 2))
    assert one.output == {"sum": 3}
    assert one.state.context == {"seen": 3}
    (ended,) = one.of(events.TASK_COMPLETED)
    assert ended.data["result"] == [1, 2]


def test_an_event_is_consumed_once_by_a_workflow_however_often_it_is_told() -> None:
    one = listen(f"{{all: [{A}, {A}]}}")
    event = cloud_event("a", 1)
    one.receives(event, event)
    assert one.status is Status.RUNNING
    assert len(one.of(events.EVENT_RECEIVED)) == 1


def test_publishing_the_same_event_twice_is_one_event() -> None:
    one = post(f"{{all: [{A}, {A}]}}")
    for _ in range(2):
        assert one.publish(cloud_event("a", 1)).status is Status.RUNNING
    assert one.publish(cloud_event("a", 1, source="/other")).output == [1, 1]


def test_nothing_is_lost_between_two_listens() -> None:
    office = Post(
        play(
            f"""
do:
  - first: {{listen: {{to: {{one: {A}}}}}}}
  - pause: {{wait: PT1H}}
  - second: {{listen: {{to: {{all: [{A}, {B}]}}}}, output: {{as: '{{second: .}}'}}}}
"""
        )
    )
    one = office.publish(cloud_event("b", 1), cloud_event("a", 2), cloud_event("a", 3), cloud_event("a", 4))
    one.fires()
    assert office.deliver().output == {"second": [1, 3]}


def test_two_listens_at_once_do_not_consume_the_same_event() -> None:
    office = Post(
        play(
            f"do: [{{f: {{fork: {{branches: [{{x: {{listen: {{to: {{one: {A}}}}}}}}},"
            f" {{y: {{listen: {{to: {{one: {A}}}}}}}}}]}}}}}}]"
        )
    )
    assert office.publish(cloud_event("a", 1)).status is Status.RUNNING
    assert office.publish(cloud_event("a", 2)).output == [[1], [2]]


def test_how_far_a_listen_has_looked_is_told_even_where_nothing_passed() -> None:
    one = listen(f"{{one: {A}}}")
    one.receives(cloud_event("x"), cloud_event("y"))
    assert one.examined == {one.listening(): 2}
    assert one.types[-1] == events.LISTEN_STARTED


def test_an_event_for_a_listen_that_is_over_does_nothing() -> None:
    one = play(f"do: [{{l: {{listen: {{to: {{one: {A}}}}}}}}}, {{w: {{wait: P1D}}}}]")
    letters = one.letters(cloud_event("a", 1), cloud_event("a", 2))
    one.tell(letters[0])
    before = len(one.history)
    one.tell(letters[1])
    assert len(one.history) == before


def test_an_event_for_what_is_no_listen_does_nothing() -> None:
    one = play(f"do: [{{l: {{listen: {{to: {{one: {A}}}}}}}}}, {{d: {{do: [{{w: {{wait: P1D}}}}]}}}}]")
    (letter,) = one.letters(cloud_event("a", 1))
    one.tell(letter)
    for start in (*one.state.frames, *one.state.activations):
        one.tell(letter.__class__(start, 9, "x", cloud_event("a")))
    assert one.types[-1] == events.TIMER_SET


def test_a_skipped_listen_listens_for_nothing() -> None:
    one = listen(f"{{one: {A}}}", ", if: 'false'", {"n": 1})
    assert one.output == {"n": 1}
    assert one.commands == []
