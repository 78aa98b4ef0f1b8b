"""Subscriptions with ``foreach``: one message after the other, counted by the engine."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.engine.commands import Drop, LookAgain, Perform, Unsubscribe
from pgworker.errors import Rule
from pgworker.types import JsonObject, JsonValue
from tests.support.pure import Play, error_kind, play, problems_of, resumed

NEWS = """
do:
- news:
    call: asyncapi
    with:
      document: {endpoint: 'https://news.test/asyncapi.json'}
      operation: news
      subscription:
        filter: .payload != $context.unwanted
        consume: {%s}
        foreach: %s
"""
NAP = "{do: [{nap: {wait: PT1S}}, {tell: {set: {got: '${ [$item.payload, $index, .] }'}}}]}"


def message(payload: JsonValue) -> JsonObject:
    return {"payload": payload, "headers": {}}


def asked(one: Play) -> JsonObject:
    """What the activity that was scheduled last is given of the subscription."""
    performs = [command for command in one.commands if isinstance(command, Perform)]
    arguments = performs[-1].data["arguments"]
    assert isinstance(arguments, dict)
    subscription = arguments["subscription"]
    assert isinstance(subscription, dict)
    return subscription


def test_each_message_is_dealt_with_before_the_next_is_asked_for() -> None:
    one = play(NEWS % ("amount: 2", NAP), {"i": 1})
    one.returns([message("a")])
    with pytest.raises(ValueError, match="not enough values"):
        one.calling()
    one.fires().returns([message("b")]).fires()
    assert one.output == [{"got": ["a", 0, {"i": 1}]}, {"got": ["b", 1, {"i": 1}]}]


def test_the_tasks_of_each_message_begin_with_the_input_of_the_call() -> None:
    one = play(NEWS % ("amount: 2", "{do: [{t: {set: {seen: '${ .i }'}}}]}"), {"i": 1})
    assert one.returns([message("a")]).returns([message("b")]).output == [{"seen": 1}, {"seen": 1}]


def test_without_tasks_the_output_is_the_messages() -> None:
    one = play(NEWS % ("amount: 1", "{output: {as: .payload}}"))
    assert one.returns([message("a")]).output == ["a"]


def test_the_variables_are_named_by_the_document() -> None:
    one = play(NEWS % ("amount: 1", "{item: m, at: n, do: [{t: {set: {s: '${ [$m.payload, $n] }'}}}]}"))
    assert one.returns([message("a")]).output == [{"s": ["a", 0]}]


def test_all_activities_of_a_subscription_belong_together_and_ask_for_one_message() -> None:
    one = play(NEWS % ("amount: 2", "{}"))
    first = asked(one)
    second = asked(one.returns([message("a")]))
    assert first["consume"] == {"amount": 1}
    assert first["session"] == second["session"]


def test_the_filter_sees_what_was_exported_last() -> None:
    one = play(NEWS % ("amount: 2", "{export: {as: '{unwanted: .payload}'}}"))
    one.returns([message("a")])
    filter_ = asked(one)["filter"]
    assert filter_ == {"program": ".payload != $context.unwanted", "bind": {"context": {"unwanted": "a"}}}


@pytest.mark.parametrize(
    "lifetime",
    [
        "while: 'length < 2'",
        "until: 'length == 2'",
        "while: '($context.consumedMessages | length) < 2'",
        "until: '($context.messages | length) == 2'",
        "until: '$context.seen == 2'",
    ],
)
def test_conditions_are_asked_between_the_messages(lifetime: str) -> None:
    one = play(NEWS % (lifetime, "{export: {as: '{seen: ($context.seen + 1)}'}, output: {as: .payload}}"))
    assert one.returns([message("a")]).returns([message("b")]).output == ["a", "b"]


@pytest.mark.parametrize("lifetime", ["amount: 0", "while: 'false'", "until: '.', for: PT0S"])
def test_what_wants_nothing_asks_nobody(lifetime: str) -> None:
    one = play(NEWS % (lifetime, NAP))
    assert one.output == []
    assert one.commands == []


def test_the_time_counts_from_the_start_of_the_call() -> None:
    one = play(NEWS % ("amount: 9, for: PT10S", NAP))
    assert asked(one)["consume"] == {"amount": 1, "for": {"milliseconds": 10_000}}
    one.returns([message("a")]).fires()
    assert asked(one)["consume"] == {"amount": 1, "for": {"milliseconds": 8_000}}
    assert one.returns([]).output == [{"got": ["a", 0, {}]}]


def test_a_message_that_came_in_time_is_dealt_with_to_the_end() -> None:
    one = play(NEWS % ("amount: 9, for: PT2S", NAP))
    one.returns([message("a")]).fires()
    assert one.output == [{"got": ["a", 0, {}]}]


def test_a_failed_activity_fails_the_call() -> None:
    one = play(NEWS % ("amount: 2", NAP)).fails("no broker")
    assert (error_kind(one.error), one.error["detail"]) == ("communication", "no broker")


def test_an_error_in_an_iteration_fails_the_call() -> None:
    one = play(NEWS % ("amount: 2", "{do: [{t: {set: {x: '${ error(\"no\") }'}}}]}")).returns([message(1)])
    assert error_kind(one.error) == "expression"


def test_a_condition_that_fails_fails_the_call() -> None:
    one = play(NEWS % ("until: '.[0].payload.x'", "{}")).returns([message(1)])
    assert error_kind(one.error) == "expression"


def test_a_timeout_ends_the_activity() -> None:
    text = (NEWS % ("amount: 2", NAP)).replace("call: asyncapi", "timeout: {after: PT5S}\n    call: asyncapi")
    one = play(text)
    start = one.calling()
    one.fires("timeout")
    assert error_kind(one.error) == "timeout"
    assert Drop(start) in one.commands


def test_no_cloud_events_are_asked_for() -> None:
    one = play(NEWS % ("amount: 1", "{}")).returns([message("a")])
    assert not [command for command in one.commands if isinstance(command, LookAgain | Unsubscribe)]
    assert one.of(events.ITERATION_COMPLETED)


def test_another_process_goes_on_from_the_history() -> None:
    one = play(NEWS % ("amount: 2", "{output: {as: .payload}}")).returns([message("a")])
    other = resumed(one, one.history)
    assert other.returns([message("b")]).output == ["a", "b"]


@pytest.mark.parametrize(
    ("filter_", "lifetime"),
    [("filter: $secrets.a", "amount: 1"), ("", "while: $secrets.a"), ("", "until: $secrets.a")],
)
def test_conditions_that_read_secrets_are_refused(filter_: str, lifetime: str) -> None:
    text = NEWS.replace("filter: .payload != $context.unwanted", "%s") % (filter_, lifetime, "{}")
    assert [problem.rule for problem in problems_of("use: {secrets: [a]}" + text)] == [Rule.EXPRESSION]
