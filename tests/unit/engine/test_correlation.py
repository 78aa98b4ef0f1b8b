"""Filters: attributes, and keys by which CloudEvents belong together."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.engine.commands import Subscribe
from pgworker.engine.correlating import Correlation, comparable, correlation_view, value_digest
from pgworker.engine.state import Status
from pgworker.types import JsonObject, JsonValue
from tests.support.post import Post, of_kind
from tests.support.pure import Play, cloud_event, error_kind, play


def listen(filter_: str, value: JsonValue = None) -> Play:
    """A workflow that waits for one event."""
    return play(f"do: [{{l: {{listen: {{to: {{one: {filter_}}}}}}}}}]", value)


def passes(filter_: str, event: JsonObject, value: JsonValue = None) -> bool:
    """Whether the filter lets the event pass; found by its correlation as well as told directly."""
    found = Post(listen(filter_, value)).publish(event).status is Status.COMPLETED
    assert found is (listen(filter_, value).receives(event).status is Status.COMPLETED)
    return found


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("{type: order.created}", True),
        ("{type: order-created}", False),
        ("{type: 'order[.].*'}", True),
        ("{type: 'order|created'}", False),
        ("{type: 'order.*'}", True),
        ("{type: 'rder.created$'}", False),
        ("{source: /shop}", True),
        ("{source: '/(shop|bank)'}", True),
        ("{source: /shops}", False),
        ("{subject: '${ . == $workflow.input.subject }'}", True),
        ("{subject: '${ $workflow.input.subject }'}", True),
        ("{subject: 'order-${ $workflow.input.n }'}", True),
        ("{subject: 'order-${ $workflow.input.n + 1 }'}", False),
        ("{subject: '${ startswith(\"order\") }'}", True),
        ("{subject: '${ null }'}", False),
        ("{id: e1, source: /shop, subject: order-7}", True),
        ("{id: e1, source: /shop, subject: order-8}", False),
        ("{data: '${ .total > 10 }'}", True),
        ("{data: '${ .total > 100 }'}", False),
        ("{data: {total: 12, id: 7}}", True),
        ("{data: {total: 12}}", False),
        ("{data: {total: '${ .total }', id: 7}}", True),
        ("{priority: 5}", True),
        ("{priority: 6}", False),
        ("{priority: '${ . > 4 }'}", True),
        ("{absent: x}", False),
        ("{absent: '.*'}", False),
        ("{absent: '${ . == null }'}", True),
        ("{absent: '${ $workflow.input.none }'}", False),
        ("{datacontenttype: application/vnd.shop+json}", True),
        ("{dataschema: 'https://shop.test/s?v=(1)'}", True),
        ("{time: '2024-01-01T00:00:00Z'}", True),
    ],
)
def test_attributes(attributes: str, expected: bool) -> None:
    event = cloud_event(
        "order.created",
        {"total": 12, "id": 7},
        id="e1",
        source="/shop",
        subject="order-7",
        priority=5,
        datacontenttype="application/vnd.shop+json",
        dataschema="https://shop.test/s?v=(1)",
        time="2024-01-01T00:00:00Z",
    )
    assert passes(f"{{with: {attributes}}}", event, {"subject": "order-7", "n": 7}) is expected


def test_a_pattern_is_held_against_the_whole_text_only() -> None:
    assert not passes("{with: {subject: 'a+'}}", cloud_event("x", subject="aa\n"))
    assert not passes("{with: {subject: 'a+|b'}}", cloud_event("x", subject="ab"))
    assert not passes("{with: {subject: '[0-9]+'}}", cloud_event("x", subject=12))


def test_a_failing_expression_of_a_filter_fails_the_listen() -> None:
    one = listen("{with: {type: a, data: '${ .a.b }'}}").receives(cloud_event("a", {"a": 1}))
    assert error_kind(one.error) == "expression"
    assert one.of(events.EVENT_RECEIVED) == []


def test_an_event_of_another_type_is_not_looked_at_any_closer() -> None:
    one = listen("{with: {data: '${ .a.b }', type: a}}").receives(cloud_event("b", {"a": 1}))
    assert one.status is Status.RUNNING


ORDER = "{with: {type: a}, correlate: {id: {from: .order, expect: '${ .id }'}}}"


def test_an_expected_value_is_that_of_the_listen_s_input() -> None:
    assert passes(ORDER, cloud_event("a", {"order": 7}), {"id": 7})
    assert not passes(ORDER, cloud_event("a", {"order": 8}), {"id": 7})
    assert not passes(ORDER, cloud_event("a", {}), {"id": 7})
    assert not passes(ORDER, cloud_event("a"), {"id": 7})


@pytest.mark.parametrize(
    ("found", "expected"), [(7, "7"), ("7", 7), (7.0, 7), ({"b": 1, "a": [2]}, {"a": [2], "b": 1})]
)
def test_values_are_compared_as_they_read(found: JsonValue, expected: JsonValue) -> None:
    assert passes(ORDER, cloud_event("a", {"order": found}), {"id": expected})


def test_an_expectation_of_null_lets_nothing_pass() -> None:
    for data in ({"order": 7}, {"order": None}, {}):
        assert not passes(ORDER, cloud_event("a", dict(data)), {})


def test_an_expectation_may_be_a_constant() -> None:
    constant = ORDER.replace("'${ .id }'", "seven")
    assert passes(constant, cloud_event("a", {"order": "seven"}))
    assert not passes(constant, cloud_event("a", {"order": "eight"}))


def test_an_expectation_is_evaluated_once_when_the_listen_starts() -> None:
    one = play(
        f"""
do:
  - s: {{set: {{x: 1}}, export: {{as: '7'}}}}
  - l:
      listen: {{to: {{any: [{ORDER.replace(".id", "$context")}], until: '. | length == 2'}}}}
      foreach: {{export: {{as: .other}}}}
"""
    )
    office = Post(one)
    office.publish(cloud_event("a", {"order": 7, "other": 8}), cloud_event("a", {"order": 8}))
    assert one.state.context == 8
    assert one.status is Status.RUNNING
    assert office.publish(cloud_event("a", {"order": 7})).status is Status.COMPLETED


def test_an_expectation_that_fails_fails_the_listen_before_it_begins() -> None:
    one = listen(ORDER.replace(".id", ".a.b"), {"a": 1})
    assert error_kind(one.error) == "expression"
    assert one.commands == []


FREE = "{with: {type: TYPE}, correlate: {id: {from: .order}}}"


def test_without_an_expectation_the_first_event_s_value_becomes_it() -> None:
    both = ", ".join(FREE.replace("TYPE", type_) for type_ in "ab")
    one = play(f"do: [{{l: {{listen: {{to: {{all: [{both}]}}}}}}}}]")
    office = Post(one)
    office.publish(cloud_event("a", {"order": 1}), cloud_event("b", {"order": 2}))
    assert one.status is Status.RUNNING
    assert office.publish(cloud_event("b", {"order": "1"})).output == [{"order": 1}, {"order": "1"}]
    assert [event.data.get("learned") for event in one.of(events.EVENT_RECEIVED)] == [{"id": 1}, None]
    (completed,) = one.of(events.LISTEN_COMPLETED)
    assert completed.data["correlation"] == {"id": 1}


def test_each_listen_learns_for_itself() -> None:
    one = play(
        f"""
do:
  - f:
      for: {{in: '[1, 2]'}}
      do: [{{l: {{listen: {{to: {{one: {FREE.replace("TYPE", "a")}}}}}}}}}]
"""
    )
    office = Post(one)
    assert office.publish(cloud_event("a", {"order": 1}), cloud_event("a", {"order": 2})).output == [
        {"order": 2}
    ]


def test_an_event_without_the_key_does_not_pass() -> None:
    assert not passes(FREE.replace("TYPE", "a"), cloud_event("a", {"other": 1}))


def test_what_ends_the_listening_is_held_to_what_was_learned() -> None:
    any_, until = FREE.replace("TYPE", "a"), FREE.replace("TYPE", "b")
    one = play(f"do: [{{l: {{listen: {{to: {{any: [{any_}], until: {{one: {until}}}}}}}}}}}]")
    office = Post(one)
    office.publish(cloud_event("a", {"order": 1}), cloud_event("b", {"order": 2}))
    assert one.status is Status.RUNNING
    assert office.publish(cloud_event("b", {"order": 1})).output == [{"order": 1}]


def test_several_keys_all_have_to_fit() -> None:
    two = (
        "{with: {type: a}, correlate: {id: {from: .order, expect: '${ .id }'}, who: {from: '${ .subject }'}}}"
    )
    assert passes(two, cloud_event("a", {"order": 7}, subject="me"), {"id": 7})
    assert not passes(two, cloud_event("a", {"order": 7}), {"id": 7})
    assert not passes(two, cloud_event("a", {"order": 8}, subject="me"), {"id": 7})


@pytest.mark.parametrize(
    "source", [".order", ".data.order", ".subject", "[.subject][0]", '.data.subject | sub("x"; "")']
)
def test_a_key_is_read_from_attributes_and_data_alike(source: str) -> None:
    filter_ = f"{{with: {{type: a}}, correlate: {{k: {{from: '{source}', expect: '7'}}}}}}"
    assert passes(filter_, cloud_event("a", {"order": 7, "subject": "x7"}, subject="7"))


def test_an_attribute_goes_before_a_member_of_the_data_of_the_same_name() -> None:
    event = cloud_event("a", {"type": "inner", "n": 1})
    assert correlation_view(event) == {**event, "n": 1}
    assert correlation_view(cloud_event("a", [1])) == cloud_event("a", [1])


def test_a_source_may_read_variables_and_is_then_found_by_its_type_alone() -> None:
    filter_ = (
        "{with: {type: a}, correlate: {k: {from: '.items[$workflow.input.at]', expect: '${ .wanted }'}}}"
    )
    one = listen(filter_, {"at": 1, "wanted": "y"})
    (subscribe,) = of_kind(one.commands, Subscribe)
    assert isinstance(subscribe, Subscribe)
    assert subscribe.keys == []
    assert passes(filter_, cloud_event("a", {"items": ["x", "y"]}), {"at": 1, "wanted": "y"})
    assert not passes(filter_, cloud_event("a", {"items": ["y", "x"]}), {"at": 1, "wanted": "y"})
    assert not passes(filter_, cloud_event("a", {"items": ["y", "x"]}), {"at": 1})


def test_a_source_that_fails_fails_the_listen() -> None:
    one = listen("{with: {type: a}, correlate: {k: {from: .a.b}}}").receives(cloud_event("a", {"a": 1}))
    assert error_kind(one.error) == "expression"


def test_listens_for_the_same_share_a_correlation_and_differ_in_its_value() -> None:
    first, second, other = (
        of_kind(listen(filter_, {"id": n}).commands, Subscribe)[0]
        for filter_, n in ((ORDER, 1), (ORDER, 2), (ORDER.replace("type: a", "type: b"), 1))
    )
    assert isinstance(first, Subscribe)
    assert isinstance(second, Subscribe)
    assert isinstance(other, Subscribe)
    assert first.correlation == second.correlation != other.correlation
    assert first.value != second.value
    assert first.value == other.value


def test_a_value_that_cannot_be_read_is_none() -> None:
    correlation = Correlation("a", (".a.b",))
    assert correlation.value_of(cloud_event("a", {"a": 1})) is None
    assert correlation.value_of(cloud_event("a", {"a": {}})) is None
    assert correlation.value_of(cloud_event("a", {"a": {"b": 2}})) == value_digest([2])
    assert Correlation(None, ()).value_of(cloud_event("a")) == value_digest([])


def test_comparable_values_tell_truth_from_numbers() -> None:
    assert comparable(True) != comparable(1)
    assert comparable("true") == comparable(True)
    assert comparable(1.5) == comparable("1.5")
