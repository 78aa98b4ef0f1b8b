"""Durations are read from ISO 8601 and from objects, added to a moment, and written again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgworker.expressions.durations import Duration, duration_from_object, parse_duration
from pgworker.types import JsonObject

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("P1Y2M3W4DT5H6M7S", Duration(1, 2, 3, 4, 5, 6, 7)),
        ("P1M", Duration(months=1)),
        ("PT1M", Duration(minutes=1)),
        ("PT0S", Duration()),
        ("PT0.5S", Duration(seconds=0.5)),
        ("P0.5DT1.5H", Duration(days=0.5, hours=1.5)),
        ("P1.0Y2.00M", Duration(years=1, months=2)),
        ("PT007S", Duration(seconds=7)),
    ],
)
def test_iso_8601_text_is_read(text: str, duration: Duration) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "P1DT", "-P1D", "P-1D", "p1d", "PT1s", "1D", "P1H", "PT1D", "P1D1Y", "P1Y1Y"),
        *("PT1,5S", "PT.5S", "PT5.S", "P1D ", "P1D\n", "P\u0661D", "PT" + "1" * 300 + "S"),
    ],
)
def test_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"PT0\.5S"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P0.5M", "P1.5Y"])
def test_a_fraction_of_a_month_or_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fraction"):
        parse_duration(text)


def test_an_object_of_parts_is_read() -> None:
    value: JsonObject = {"days": 1, "hours": 2, "minutes": 3, "seconds": 4.0, "milliseconds": 5}
    assert duration_from_object(value) == Duration(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "one of days"),
        ({"weeks": 1}, "weeks"),
        ({"Days": 1}, "Days"),
        ({"hours": 1.5}, "hours is not a whole number"),
        ({"hours": True}, "hours is not a whole number"),
        ({"hours": "1"}, "hours is not a whole number"),
        ({"hours": None}, "hours is not a whole number"),
        ({"hours": float("inf")}, "hours is not a whole number"),
        ({"seconds": -1}, "seconds is negative"),
    ],
)
def test_an_object_of_other_parts_is_refused_by_key(value: JsonObject, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        duration_from_object(value)


@pytest.mark.parametrize(
    ("moment", "duration", "later"),
    [
        ("2024-01-31T12:00:00+00:00", "P1M", "2024-02-29T12:00:00+00:00"),
        ("2023-01-31T12:00:00+00:00", "P1M", "2023-02-28T12:00:00+00:00"),
        ("2024-02-29T00:00:00+00:00", "P1Y", "2025-02-28T00:00:00+00:00"),
        ("2024-02-29T00:00:00+00:00", "P4Y", "2028-02-29T00:00:00+00:00"),
        ("2024-12-31T23:59:59+00:00", "P2MT1S", "2025-03-01T00:00:00+00:00"),
        ("2024-01-31T00:00:00+00:00", "P1M1D", "2024-03-01T00:00:00+00:00"),
        ("2024-01-01T00:00:00+00:00", "P1W1DT1H1M1.5S", "2024-01-09T01:01:01.500000+00:00"),
        ("2024-03-01T00:30:00+02:00", "P1M", "2024-03-29T22:30:00+00:00"),
    ],
)
def test_years_and_months_step_through_the_calendar_in_utc(moment: str, duration: str, later: str) -> None:
    assert parse_duration(duration).after(datetime.fromisoformat(moment)).isoformat() == later


@pytest.mark.parametrize(
    "duration",
    [
        Duration(years=8000),
        Duration(months=10**100),
        Duration(days=10**7),
        Duration(seconds=10**190),
        Duration(hours=1e300),
    ],
)
def test_a_time_past_the_year_9999_is_refused(duration: Duration) -> None:
    with pytest.raises(ValueError, match="past the year 9999"):
        duration.after(NEW_YEAR)


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Duration(days=1).after(datetime(2024, 1, 1))


@pytest.mark.parametrize("part", ["years", "months", "weeks", "milliseconds"])
@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf")])
def test_no_part_is_negative_or_infinite(part: str, amount: float) -> None:
    with pytest.raises(ValueError, match=part):
        Duration(**{part: amount})


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (Duration(), "PT0S"),
        (Duration(1, 2, 3, 4, 5, 6, 7, 8), "P1Y2M3W4DT5H6M7.008S"),
        (Duration(milliseconds=1500), "PT1.5S"),
        (Duration(seconds=1e-7), "PT0.0000001S"),
        (Duration(seconds=1e16), "PT10000000000000000S"),
        (Duration(days=0.1), "P0.1D"),
        (Duration(years=2.0), "P2Y"),
    ],
)
def test_a_duration_is_written_as_iso_8601(duration: Duration, text: str) -> None:
    assert duration.to_iso() == text


amounts = st.integers(0, 1000)
zones = st.integers(-12, 12).map(lambda hours: timezone(timedelta(hours=hours)))


@given(
    st.builds(Duration, *[amounts] * 8),
    st.datetimes(datetime(1900, 1, 1), datetime(3000, 1, 1), timezones=zones),
)
def test_what_is_written_reads_back_as_the_same_length(duration: Duration, moment: datetime) -> None:
    assert parse_duration(duration.to_iso()).after(moment) == duration.after(moment)


@given(st.text("PT0123456789.YMWDHS-", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert parse_duration(duration.to_iso()) == duration
