"""``wait``: when its timer is due, and what happens when it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pgworker.engine import events
from pgworker.engine.commands import FireTimer
from pgworker.engine.inputs import ActivityCompleted, ActivityFailed, TimerDue
from pgworker.engine.state import Status
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue
from tests.support.pure import NOW, error_kind, play


def due(written: str, value: JsonValue = None, at: datetime = NOW) -> datetime:
    (command,) = play(f"do: [{{w: {{wait: {written}}}}}]", value, at=at).commands
    assert isinstance(command, FireTimer)
    return command.due_at


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("PT30S", timedelta(seconds=30)),
        ("PT0.25S", timedelta(milliseconds=250)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("P2W", timedelta(weeks=2)),
        ("PT0S", timedelta()),
        ("{seconds: 30}", timedelta(seconds=30)),
        (
            "{days: 1, hours: 2, minutes: 3, seconds: 4, milliseconds: 5}",
            timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5),
        ),
        ("{seconds: '${ .n }'}", timedelta(seconds=7)),
        ("'${ .text }'", timedelta(minutes=5)),
        ("'${ .object }'", timedelta(hours=1)),
        ("'${ {minutes: .n} }'", timedelta(minutes=7)),
        ("'PT${ .n }M'", timedelta(minutes=7)),
        ("'${ {seconds: (.n * 2.0)} }'", timedelta(seconds=14)),
    ],
)
def test_a_duration_counts_from_the_recorded_time(written: str, length: timedelta) -> None:
    assert due(written, {"n": 7, "text": "PT5M", "object": {"hours": 1}}) == NOW + length


@pytest.mark.parametrize(
    ("written", "at", "expected"),
    [
        ("P1M", "2024-01-31T12:00:00+00:00", "2024-02-29T12:00:00+00:00"),
        ("P1M", "2023-01-31T12:00:00+00:00", "2023-02-28T12:00:00+00:00"),
        ("P1Y", "2024-02-29T12:00:00+00:00", "2025-02-28T12:00:00+00:00"),
        ("P13M", "2024-12-31T00:00:00+00:00", "2026-01-31T00:00:00+00:00"),
        ("P1MT1S", "2024-01-31T23:59:59+00:00", "2024-03-01T00:00:00+00:00"),
        ("P1M", "2024-01-31T23:30:00-05:00", "2024-03-01T04:30:00+00:00"),
        ("P1D", "2024-03-30T12:00:00+01:00", "2024-03-31T11:00:00+00:00"),
    ],
)
def test_months_and_years_are_steps_of_the_calendar_in_utc(written: str, at: str, expected: str) -> None:
    assert due(written, at=datetime.fromisoformat(at)).isoformat() == expected


def test_the_due_time_is_written_in_utc_whatever_the_session_s_zone() -> None:
    one = play("do: [{w: {wait: PT1S}}]", at=NOW.astimezone(timezone(timedelta(hours=-8))))
    (event,) = one.of(events.TIMER_SET)
    assert event.data["due_at"] == (NOW + timedelta(seconds=1)).astimezone(UTC).isoformat()
    assert str(event.data["due_at"]).endswith("+00:00")


def test_a_wait_gives_its_input_when_its_time_has_come() -> None:
    one = play("do: [{w: {input: {from: .a}, wait: PT1S}}, {s: {set: {r: '${ . }'}}}]", {"a": 5})
    assert one.status is Status.RUNNING
    assert one.types == [events.WORKFLOW_STARTED, events.TASK_STARTED, events.TIMER_SET]
    one.fires()
    assert one.output == {"r": 5}
    assert one.types[3:] == [
        events.TIMER_FIRED,
        events.TASK_COMPLETED,
        events.TASK_COMPLETED,
        events.WORKFLOW_COMPLETED,
    ]


def test_a_wait_may_transform_export_and_lead_elsewhere() -> None:
    one = play(
        "do: [{w: {wait: PT1S, output: {as: .a}, export: {as: '[.]'}, then: end}}, {s: {set: {x: 1}}}]",
        {"a": 5},
    )
    one.fires()
    assert one.output == 5
    assert one.state.context == [5]


def test_a_wait_s_transformation_may_fail() -> None:
    one = play("do: [{w: {wait: PT1S, output: {as: .a.b.c}}}]", {"a": 5}).fires()
    assert error_kind(one.error) == "expression"
    assert one.error["instance"] == "/do/0/w"


NO_DURATIONS = """
null
5
true
[]
[1]
{}
"soon"
"PT"
{second: 5}
{seconds: -1}
{seconds: 1.5}
{seconds: "5"}
{seconds: null}
{seconds: nan}
{seconds: infinite}
{seconds: 1e300}
{years: 1}
{days: 1e12}
"P9999Y"
"""


@pytest.mark.parametrize("program", NO_DURATIONS.split("\n")[1:-1])
def test_what_is_no_duration_raises_configuration(program: str) -> None:
    one = play(f"do: [{{w: {{wait: '${{ {program} }}'}}}}]")
    assert error_kind(one.error) == "configuration"
    assert one.error["instance"] == "/do/0/w"
    assert "no usable duration" in str(one.error["detail"])


@pytest.mark.parametrize("written", ["'${ {seconds: pow(10; 400)} }'", "{days: '${ pow(10; 400) }'}"])
def test_an_immense_duration_raises_configuration_too(written: str) -> None:
    assert error_kind(play(f"do: [{{w: {{wait: {written}}}}}]").error) == "configuration"


def test_a_timer_that_is_not_set_is_ignored() -> None:
    one = play("do: [{w: {wait: PT1S}}]")
    before = list(one.history)
    one.tell(TimerDue(1), TimerDue(2), TimerDue(99))
    assert one.history == before
    assert one.status is Status.RUNNING


def test_a_timer_fires_once() -> None:
    one = play("do: [{w: {wait: PT1S}}, {v: {wait: PT1S}}]")
    first = one.of(events.TIMER_SET)[0].seq
    one.tell(TimerDue(first), TimerDue(first))
    assert len(one.of(events.TIMER_FIRED)) == 1
    one.tell(TimerDue(first))
    assert one.status is Status.RUNNING
    one.fires()
    assert one.status is Status.COMPLETED
    one.tell(TimerDue(first))
    assert len(one.of(events.TIMER_FIRED)) == 2


@pytest.mark.parametrize("failed", [False, True])
def test_a_wait_does_not_take_the_result_of_an_activity(failed: bool) -> None:
    one = play("do: [{w: {wait: PT1S}}]")
    start = next(iter(one.state.activations))
    fault = Fault(FaultKind.RUNTIME, "x")
    one.tell(ActivityFailed(start, fault, 1, "t") if failed else ActivityCompleted(start, 5, 1, "t"))
    assert one.status is Status.RUNNING


def test_waits_in_a_loop_each_have_their_own_timer() -> None:
    one = play("do: [{l: {for: {in: '[1, 2]'}, do: [{w: {wait: {seconds: '${ $item }'}}}]}}]")
    one.fires().fires()
    assert one.status is Status.COMPLETED
    timers = [command.due_at for command in one.commands if isinstance(command, FireTimer)]
    assert timers == [NOW + timedelta(seconds=1), NOW + timedelta(seconds=3)]
