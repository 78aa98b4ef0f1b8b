"""``listen``: which CloudEvents are consumed, when it is enough, and what comes of them."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.engine.commands import Consume, LookAgain, Subscribe, Unsubscribe
from pgworker.engine.correlating import Correlation
from pgworker.engine.inputs import CloudEventArrived
from pgworker.engine.state import Status
from pgworker.types import JsonObject, JsonValue
from tests.support.pure import Play, error_kind, play


def listen(to: str, more: str = "", value: JsonValue = None) -> Play:
    return play(f"do: [{{l: {{listen: {{to: {to}}}{more}}}}}]", value)


def event(type_: str, data: JsonValue = None, **attributes: JsonValue) -> JsonObject:
    return {"type": type_, "data": data, **attributes}


def test_one_is_satisfied_by_the_first_that_passes() -> None:
    one = listen("{one: {with: {type: a}}}").hears(event("b", 1), event("a", 2), event("a", 3))
    assert one.output == [2]


def test_any_without_an_end_is_satisfied_by_the_first_that_passes_one_of_the_filters() -> None:
    assert listen("{any: [{with: {type: a}}, {with: {type: b}}]}").hears(event("b", 1)).output == [1]


def test_any_of_nothing_is_every_cloud_event() -> None:
    assert listen("{any: []}").hears(event("whatever", {"x": 1})).output == [{"x": 1}]


def test_each_filter_of_all_takes_one_cloud_event() -> None:
    one = listen("{all: [{with: {type: a}}, {with: {type: a}}, {with: {type: b}}]}")
    one.hears(event("b", 1), event("b", 2), event("a", 3))
    assert one.status is Status.RUNNING
    assert one.hears(event("a", 4)).output == [1, 3, 4]


def test_all_of_nothing_ends_at_once() -> None:
    assert listen("{all: []}").output == []


def test_until_an_expression_holds_on_what_was_consumed() -> None:
    one = listen("{any: [], until: '(map(.n) | add) > 5'}").hears(event("a", {"n": 2}), event("a", {"n": 3}))
    assert one.status is Status.RUNNING
    assert one.hears(event("a", {"n": 1}), event("a", {"n": 9})).output == [{"n": 2}, {"n": 3}, {"n": 1}]


def test_what_ends_the_listening_is_no_part_of_its_output() -> None:
    one = listen("{any: [], until: {all: [{with: {type: x}}, {with: {type: y}}]}}")
    one.hears(event("a", 1), event("x", 2), event("b", 3), event("y", 4))
    assert one.output == [1, 3]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        ("data", {"x": 1}),
        ("raw", {"x": 1}),
        ("envelope", {"specversion": "1.0", "id": "1", "source": "/test", "type": "a", "data": {"x": 1}}),
    ],
)
def test_what_is_read_of_a_cloud_event(read: str, expected: JsonValue) -> None:
    one = play(f"do: [{{l: {{listen: {{to: {{any: []}}, read: {read}}}}}}}]")
    assert one.hears(event("a", {"x": 1})).output == [expected]


@pytest.mark.parametrize(
    ("attributes", "passing", "failing"),
    [
        ("{type: a.b}", event("a.b"), event("axb")),
        ("{type: 'a.*'}", event("a.b"), event("xa.b")),
        ("{type: a, subject: '[0-9]+'}", event("a", subject="12"), event("a", subject="12x")),
        ("{type: a, subject: s}", event("a", subject="s"), event("a")),
        ("{type: a, data: '${ .t > 38 }'}", event("a", {"t": 39}), event("a", {"t": 38})),
        ("{type: a, data: {x: 1}}", event("a", {"x": 1}), event("a", {"x": 1, "y": 2})),
        ("{type: a, subject: '${ $workflow.input.id }'}", event("a", subject="7"), event("a", subject="8")),
        ("{type: a, tenant: x}", event("a", tenant="x"), event("a", tenant="y")),
        ("{type: a, source: '(a+)+$'}", event("a", source="aa"), event("a", source="a" * 5000 + "!")),
    ],
)
def test_a_filter_lets_pass_what_fits(attributes: str, passing: JsonObject, failing: JsonObject) -> None:
    one = listen(f"{{one: {{with: {attributes}}}}}", value={"id": "7"})
    assert one.hears(failing).status is Status.RUNNING
    assert one.hears(passing).status is Status.COMPLETED


def test_a_filter_that_fails_raises_an_expression_error() -> None:
    one = listen("{one: {with: {type: a, data: '${ .x.y }'}}}").hears(event("a", {"x": 1}))
    assert error_kind(one.error) == "expression"
    assert one.error["instance"] == "/do/0/l"


def test_what_is_expected_is_settled_when_the_listen_starts() -> None:
    to = "{one: {with: {type: a}, correlate: {k: {from: .order, expect: '${ .order }'}}}}"
    one = listen(to, value={"order": 7}).hears(
        event("a", {"order": 8}), event("a"), event("a", {"order": "7"})
    )
    assert one.output == [{"order": "7"}]
    assert one.of(events.LISTEN_COMPLETED)[0].data["correlation"] == {"k": "7"}


def test_the_first_cloud_event_settles_what_is_expected_of_the_others() -> None:
    filters = ", ".join(f"{{with: {{type: {t}}}, correlate: {{k: {{from: .order}}}}}}" for t in "ab")
    one = listen(f"{{all: [{filters}]}}").hears(event("b", {"order": 1}), event("a", {"order": 2}))
    assert one.status is Status.RUNNING
    assert one.hears(event("a", {"order": 1, "n": 2})).output == [{"order": 1}, {"order": 1, "n": 2}]


def test_keys_are_read_from_attributes_first_and_then_from_data() -> None:
    to = "{one: {with: {type: a}, correlate: {k: {from: .subject, expect: s}}}}"
    one = listen(to).hears(event("a", {"subject": "s"}, subject="other"), event("a", {"subject": "s"}))
    assert one.output == [{"subject": "s"}]


FOREACH = ", foreach: {item: e, at: i, do: [{x: {set: {v: '${ $e }', i: '${ $i }'}}}]}"


def test_foreach_runs_its_tasks_for_each_and_gives_what_they_made() -> None:
    one = listen("{any: [], until: 'length > 1'}", FOREACH).hears(event("a", "p")).hears(event("b", "q"))
    assert one.output == [{"v": "p", "i": 0}, {"v": "q", "i": 1}]


def test_while_an_iteration_runs_nothing_is_taken_and_afterwards_it_looks_again() -> None:
    foreach = ", foreach: {do: [{w: {wait: PT1S}}]}"
    one = listen("{any: [], until: 'length > 1'}", foreach).hears(event("a", 1), event("b", 2))
    assert len(one.of(events.EVENT_RECEIVED)) == 1
    one.fires()
    assert LookAgain(2) in one.commands
    assert one.hears(event("b", 2)).fires().status is Status.COMPLETED


def test_foreach_without_tasks_transforms_and_exports() -> None:
    foreach = ", foreach: {output: {as: '$item * 2'}, export: {as: '[.]'}}"
    one = listen("{one: {with: {type: a}}}", foreach).hears(event("a", 3))
    assert one.output == [6]
    assert one.state.context == [6]


def test_an_error_in_an_iteration_fails_the_listen() -> None:
    foreach = ", foreach: {do: [{x: {raise: {error: {type: oops, status: 400}}}}]}"
    one = listen("{any: [], until: 'false'}", foreach).hears(event("a"))
    assert one.error["instance"] == "/do/0/l/foreach/do/0/x"


def test_a_cloud_event_is_consumed_by_one_listen_of_a_workflow_alone() -> None:
    branches = ", ".join(f"{{{n}: {{listen: {{to: {{one: {{with: {{type: a}}}}}}}}}}}}" for n in "xy")
    one = play(f"do: [{{f: {{fork: {{branches: [{branches}]}}}}}}]").hears(event("a", 1))
    assert len(one.of(events.EVENT_RECEIVED)) == 1
    assert one.hears(event("a", 2)).output == [[1], [2]]


def test_a_late_letter_to_a_listen_that_is_over_changes_nothing() -> None:
    one = listen("{one: {with: {type: a}}}").hears(event("a", 1))
    before = list(one.history)
    one.tell(CloudEventArrived(2, 99, "x", event("a", 2)))
    assert one.history == before


def test_a_timeout_ends_the_listening_and_can_be_caught() -> None:
    one = play(
        """
do:
  - t:
      try: [{l: {listen: {to: {one: {with: {type: a}}}}, timeout: {after: PT1S}}}]
      catch: {do: [{c: {set: {status: '${ $error.status }'}}}]}
"""
    ).fires("timeout")
    assert one.output == {"status": 408}
    assert Unsubscribe(3) in one.commands


def test_a_listen_that_starts_subscribes_and_its_end_unsubscribes() -> None:
    one = play("do: [{l: {listen: {to: {one: {with: {type: a, source: /s}}}}}}, {w: {wait: PT1S}}]")
    (subscribed,) = [command for command in one.commands if isinstance(command, Subscribe)]
    assert (subscribed.type, subscribed.keys) == ("a", [".source"])
    one.hears(event("a", source="/s"))
    assert [c for c in one.commands if isinstance(c, Unsubscribe | Consume)] == [
        Consume(2, "00000000-0000-0000-0000-000000000001"),
        Unsubscribe(2),
    ]


@pytest.mark.parametrize(
    "data", ["'${ .order.id == $workflow.input.id }'", "'${ $input.id == .order.id }'"], ids=["left", "right"]
)
def test_a_comparison_with_the_input_finds_cloud_events_by_the_index(data: str) -> None:
    one = listen(f"{{one: {{with: {{type: a, data: {data}}}}}}}", value={"id": 7})
    (subscribed,) = [command for command in one.commands if isinstance(command, Subscribe)]
    correlation = Correlation(subscribed.type, tuple(str(key) for key in subscribed.keys))
    assert correlation.value_of(event("a", {"order": {"id": 7}})) == subscribed.value
    assert correlation.value_of(event("a", {"order": {"id": 8}})) != subscribed.value
    assert correlation.value_of(event("a", {"order": 7})) is None
    assert one.hears(event("a", {"order": {"id": 7}})).status is Status.COMPLETED
