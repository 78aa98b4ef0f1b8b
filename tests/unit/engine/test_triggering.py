"""Which CloudEvents start a workflow, batch by batch."""

from __future__ import annotations

import pytest

from pgworker.engine.correlating import Correlation
from pgworker.engine.inputs import CloudEventArrived
from pgworker.engine.triggering import subscriptions, trigger
from pgworker.plan.listening import Read, Strategy
from pgworker.types import JsonObject, JsonValue
from tests.support.pure import cloud_event, plan_of

A, B, C = (f"{{with: {{type: {name}}}}}" for name in "abc")


def strategy_of(written: str) -> Strategy:
    """The strategy of a schedule."""
    schedule = plan_of(f"schedule: {{on: {written}}}\ndo: [{{s: {{set: {{x: 1}}}}}}]").schedule
    assert schedule is not None
    assert schedule.on is not None
    return schedule.on


class Trigger:
    """A schedule and what it has been told, as the database keeps it between two batches."""

    def __init__(self, written: str, read: Read = Read.DATA) -> None:
        self.strategy = strategy_of(written)
        self.read = read
        self.listens: JsonObject = {}
        self.inputs: list[list[JsonValue]] = []
        self.mail: list[CloudEventArrived] = []
        self.consumed: set[str] = set()
        self.seen = 0

    def hears(self, *cloud_events: JsonObject, batch: int = 100) -> list[list[JsonValue]]:
        """Publishes CloudEvents; returns the inputs of the workflows that follow."""
        for event in cloud_events:
            position = len(self.mail) + 1
            self.mail.append(CloudEventArrived(1, position, f"{event['id']}", event))
        before = len(self.inputs)
        while True:
            letters = [m for m in self.mail if m.position > self.seen and m.event_id not in self.consumed]
            if not letters:
                return self.inputs[before:]
            triggered = trigger(self.strategy, self.read, self.listens, letters[:batch])
            assert triggered.seen is not None
            self.inputs += triggered.inputs
            self.listens, self.seen = triggered.listens, triggered.seen
            self.consumed |= set(triggered.consumed)


def test_one_workflow_for_each_event() -> None:
    trigger = Trigger(f"{{one: {A}}}")
    assert trigger.hears(cloud_event("a", 1), cloud_event("b", 2), cloud_event("a", 3)) == [[1], [3]]
    assert trigger.consumed == {"a 1", "a 3"}
    assert trigger.seen == 3


def test_any_is_one_workflow_for_each_event_too() -> None:
    assert Trigger(f"{{any: [{A}, {B}]}}").hears(*(cloud_event(t, t) for t in "abc")) == [["a"], ["b"]]
    assert Trigger("{any: []}").hears(*(cloud_event(t, t) for t in "abc")) == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("read", "expected"),
    [(Read.DATA, 1), (Read.RAW, 1), (Read.ENVELOPE, cloud_event("a", 1))],
)
def test_what_of_an_event_becomes_input(read: Read, expected: JsonValue) -> None:
    assert Trigger(f"{{one: {A}}}", read).hears(cloud_event("a", 1)) == [[expected]]


def test_all_is_one_workflow_when_all_have_come_however_many_batches_that_takes() -> None:
    trigger = Trigger(f"{{all: [{A}, {B}, {C}]}}")
    assert trigger.hears(cloud_event("c", 1)) == []
    assert trigger.hears(cloud_event("x", 2), cloud_event("a", 3)) == []
    assert trigger.hears(cloud_event("b", 4), cloud_event("b", 5)) == [[1, 3, 4]]
    assert trigger.hears(cloud_event("a", 6), cloud_event("c", 7)) == [[5, 6, 7]]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_what_came_twice_before_all_had_come_is_left_for_the_next_workflow(batch: int) -> None:
    trigger = Trigger(f"{{all: [{A}, {B}]}}")
    arrived = [cloud_event("a", 1), cloud_event("a", 2), cloud_event("a", 3), cloud_event("b", 4)]
    assert trigger.hears(*arrived, batch=batch) == [[1, 4]]
    assert trigger.hears(cloud_event("b", 5), cloud_event("b", 6), cloud_event("b", 7), batch=batch) == [
        [2, 5],
        [3, 6],
    ]
    assert trigger.hears(cloud_event("a", 8), batch=batch) == [[7, 8]]


OF_A, OF_B = (f"{{with: {{type: {name}}}, correlate: {{id: {{from: .order}}}}}}" for name in "ab")


def test_what_belongs_to_another_key_is_left_for_the_next_workflow() -> None:
    trigger = Trigger(f"{{all: [{OF_A}, {OF_B}]}}")
    one, two = {"order": 1}, {"order": 2}
    assert trigger.hears(cloud_event("a", one), cloud_event("a", two), cloud_event("b", two)) == []
    assert trigger.hears(cloud_event("b", one)) == [[one, one], [two, two]]


def test_a_key_is_learned_anew_for_each_workflow() -> None:
    trigger = Trigger(f"{{one: {OF_A}}}")
    assert len(trigger.hears(cloud_event("a", {"order": 1}), cloud_event("a", {"order": 2}))) == 2


def test_until_an_expression_says_so() -> None:
    trigger = Trigger(f"{{any: [{A}], until: '. | length == 2'}}")
    assert trigger.hears(cloud_event("a", 1)) == []
    assert trigger.hears(cloud_event("a", 2), cloud_event("a", 3), cloud_event("a", 4)) == [[1, 2], [3, 4]]


def test_until_a_strategy_is_satisfied() -> None:
    trigger = Trigger(f"{{any: [{A}], until: {{one: {B}}}}}")
    assert trigger.hears(cloud_event("a", 1), cloud_event("a", 2)) == []
    assert trigger.hears(cloud_event("b", 3), cloud_event("a", 4), cloud_event("b", 5)) == [[1, 2], [4]]
    assert trigger.consumed == {"a 1", "a 2", "b 3", "a 4", "b 5"}


def test_an_expression_that_fails_lets_its_event_not_pass() -> None:
    trigger = Trigger("{one: {with: {type: a, data: '${ .x.y }'}}}")
    assert trigger.hears(cloud_event("a", {"x": 1}), cloud_event("a", {"x": {"y": True}})) == [
        [{"x": {"y": True}}]
    ]
    assert Trigger(f"{{any: [{A}], until: '.[0].x.y'}}").hears(cloud_event("a", {"x": 1})) == []


def test_nothing_of_a_workflow_is_known_before_it_has_started() -> None:
    written = "{one: {with: {type: a, data: '${ $workflow == null and $runtime.name == \"pgworker\" }'}}}"
    assert Trigger(written).hears(cloud_event("a", 1)) == [[1]]


def test_without_mail_nothing_changes() -> None:
    triggered = trigger(strategy_of(f"{{all: [{A}, {B}]}}"), Read.DATA, {}, [])
    assert (triggered.inputs, triggered.consumed, triggered.seen) == ([], [], None)


def test_a_schedule_s_subscriptions() -> None:
    wanted = subscriptions(
        strategy_of(
            "{any: [{with: {type: a}, correlate: {k: {from: .k, expect: '5'}}}],"
            " until: {one: {with: {type: b}}}}"
        )
    )
    assert [(w.start, w.filter, w.type, w.keys) for w in wanted] == [(1, 0, "a", [".k"]), (1, 1, "b", [])]
    assert Correlation("a", (".k",)).value_of(cloud_event("a", {"k": 5})) == wanted[0].value
