"""When workflows start by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pgworker.expressions.durations import Duration, parse_duration
from pgworker.plan.listening import EventFilter, Mode, Strategy
from pgworker.plan.schedule import Cron, Schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def every(duration: str, last: str, now: str) -> str:
    """When the next is due."""
    following = Schedule(every=parse_duration(duration)).next_after(at(last), at(now))
    assert following is not None
    return following.replace(tzinfo=None).isoformat()


@pytest.mark.parametrize(
    ("duration", "last", "now", "expected"),
    [
        ("PT1H", "2024-01-01T00:00", "2024-01-01T00:00:01", "2024-01-01T01:00:00"),
        ("PT1H", "2024-01-01T00:00", "2024-01-01T01:00:00", "2024-01-01T02:00:00"),
        ("PT1H", "2024-01-01T00:00", "2024-01-01T05:30:00", "2024-01-01T06:00:00"),
        ("PT0.5S", "2024-01-01T00:00", "2024-01-01T00:00:10.2", "2024-01-01T00:00:10.500000"),
        ("P1D", "2024-01-01T06:00", "2026-01-01T07:00:00", "2026-01-02T06:00:00"),
        ("P1M", "2024-01-01T00:00", "2024-01-20T00:00:00", "2024-02-01T00:00:00"),
        ("P1M", "2024-01-01T00:00", "2024-06-15T00:00:00", "2024-07-01T00:00:00"),
        ("P1M", "2024-01-01T00:00", "2024-06-01T00:00:00", "2024-07-01T00:00:00"),
        ("P1Y", "2020-05-05T00:00", "2024-06-15T00:00:00", "2025-05-05T00:00:00"),
        ("P1M1D", "2024-01-01T00:00", "2024-03-15T00:00:00", "2024-04-04T00:00:00"),
    ],
)
def test_every_so_often_counts_from_the_time_before_and_skips_what_was_missed(
    duration: str, last: str, now: str, expected: str
) -> None:
    assert every(duration, last, now) == expected


def test_every_so_often_is_always_in_the_future_and_never_further_than_one_interval() -> None:
    for duration in ("PT7S", "PT1M", "P1D", "P1M", "P3M", "P1Y"):
        for now in (
            "2024-01-31T00:00:00",
            "2024-02-29T23:59:59",
            "2025-03-01T12:00:00",
            "2031-12-31T00:00:00",
        ):
            following = at(every(duration, "2024-01-15T08:00", now))
            assert at(now) < following <= parse_duration(duration).after(at(now))


def test_after_counts_from_the_end_whatever_the_time_is_now() -> None:
    schedule = Schedule(after=Duration(minutes=5))
    assert schedule.next_after(at("2024-01-01T00:00"), at("2024-06-01T00:00")) == at("2024-01-01T00:05")


def test_upon_events_there_is_no_next_time() -> None:
    schedule = Schedule(on=Strategy(Mode.ONE, (EventFilter(),)))
    assert schedule.next_after(at("2024-01-01T00:00"), at("2024-01-01T00:00")) is None
    assert Schedule().next_after(at("2024-01-01T00:00"), at("2024-01-01T00:00")) is None


@pytest.mark.parametrize(
    ("cron", "moment", "expected"),
    [
        ("*/15 * * * *", "2024-01-01T00:00:00", "2024-01-01T00:15:00"),
        ("*/15 * * * *", "2024-01-01T00:14:59.999", "2024-01-01T00:15:00"),
        ("0 6 * * 1-5", "2024-01-05T06:00:00", "2024-01-08T06:00:00"),
        ("0 0 29 2 *", "2024-03-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 L * *", "2024-02-01T00:00:00", "2024-02-29T00:00:00"),
        ("30 4 1 jan *", "2024-02-01T00:00:00", "2025-01-01T04:30:00"),
        ("0 0 * * sun", "2024-01-01T00:00:00", "2024-01-07T00:00:00"),
        ("0 0 * * 7", "2024-01-01T00:00:00", "2024-01-07T00:00:00"),
        # the same instant is written in the zone's own time, before and after its clocks change
        ("CRON_TZ=Europe/Berlin 0 8 * * *", "2024-03-30T12:00:00", "2024-03-31T06:00:00"),
        ("CRON_TZ=Europe/Berlin 0 8 * * *", "2024-03-29T12:00:00", "2024-03-30T07:00:00"),
        ("TZ=Europe/Berlin 0 8 * * *", "2024-10-27T00:00:00", "2024-10-27T07:00:00"),
        ("CRON_TZ=America/New_York 0 0 * * *", "2024-01-01T00:00:00", "2024-01-01T05:00:00"),
        ("CRON_TZ=UTC 0 0 * * *", "2024-01-01T00:00:00", "2024-01-02T00:00:00"),
    ],
)
def test_cron(cron: str, moment: str, expected: str) -> None:
    assert Cron(cron).next_after(at(moment)) == at(expected)


def test_an_hour_that_the_clocks_leave_out_is_made_up_for_once() -> None:
    cron = Cron("CRON_TZ=Europe/Berlin 30 2 * * *")
    first = cron.next_after(at("2024-03-30T12:00"))
    assert first == at("2024-03-31T01:00")  # 03:00 there: half past two does not come that day
    assert cron.next_after(first) == at("2024-04-01T00:30")


def test_an_hour_that_comes_twice_counts_once_for_a_time_of_day() -> None:
    cron = Cron("CRON_TZ=Europe/Berlin 30 2 * * *")
    first = cron.next_after(at("2024-10-26T12:00"))
    assert first == at("2024-10-27T00:30")
    assert cron.next_after(first) == at("2024-10-28T01:30")


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2026-10-25T01:00:00"),
        ("Europe/Berlin", "2026-03-29T01:00:00"),
        ("America/New_York", "2026-11-01T06:00:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00"),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00"),
    ],
)
@pytest.mark.parametrize(
    "fields",
    [
        "15,45 2 * * *",
        "15,45 1-2 * * *",
        "30 1 * * *",
        "*/20 * * * *",
        "0 * * * *",
        "*/7 2 * * *",
        "59 23 * * *",
    ],
)
def test_the_next_time_lies_ahead_whenever_clocks_change(zone: str, change: str, fields: str) -> None:
    cron = Cron(f"CRON_TZ={zone} {fields}")
    moments = [at(change) + timedelta(minutes=minutes) for minutes in range(-240, 240)]
    following = [cron.next_after(moment) for moment in moments]
    assert all(time > moment for time, moment in zip(following, moments, strict=True))
    if zone != "Australia/Lord_Howe":  # where clocks change by half an hour, and cronsim steps by whole ones
        assert following == sorted(following)


def test_fixed_times_come_once_although_their_hour_comes_twice() -> None:
    cron, moment, times = Cron("CRON_TZ=Europe/Berlin 15,45 2 * * *"), at("2026-10-24T23:30"), []
    for _ in range(3):
        moment = cron.next_after(moment)
        times.append(moment)
    assert times == [at("2026-10-25T00:15"), at("2026-10-25T00:45"), at("2026-10-26T01:15")]
    assert cron.next_after(at("2026-10-25T01:20")) == at("2026-10-26T01:15")


def test_an_hour_that_comes_twice_counts_twice_for_what_runs_every_hour() -> None:
    cron, moment, times = Cron("CRON_TZ=Europe/Berlin 0 * * * *"), at("2024-10-26T23:30"), []
    for _ in range(4):
        moment = cron.next_after(moment)
        times.append(moment.hour)
    assert times == [0, 1, 2, 3]


def test_missed_times_of_a_cron_are_not_made_up_for() -> None:
    schedule = Schedule(cron=Cron("0 6 * * *"))
    assert schedule.next_after(at("2024-01-01T06:00"), at("2024-01-09T12:00")) == at("2024-01-10T06:00")
    assert schedule.next_after(at("2024-01-09T06:00"), at("2024-01-01T12:00")) == at("2024-01-10T06:00")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "5 fields, and this has 0"),
        ("* * * *", "and this has 4"),
        ("0 * * * * *", "and this has 6"),
        ("@daily", "and this has 1"),
        ("60 * * * *", "is no cron expression"),
        ("x * * * *", "is no cron expression"),
        ("0 0 31 2 *", "is no cron expression"),
        ("CRON_TZ=Mars/Base 0 0 * * *", "there is no time zone `Mars/Base`"),
        ("CRON_TZ=../../etc/passwd 0 0 * * *", "there is no time zone"),
        ("CRON_TZ= 0 0 * * *", "there is no time zone ``"),
        ("CRON_TZ=Europe/Berlin", "and this has 0"),
    ],
)
def test_what_is_no_cron_expression(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Cron(text)
    assert message in str(caught.value)
