"""Durations, as definitions write them: ISO 8601 text or an object of parts."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from pgworker.types import JsonValue

Number: TypeAlias = int | float

_EXAMPLE = "write it like P1DT2H30M (one day, two and a half hours) or PT0.5S"
_OBJECT_KEYS = ("days", "hours", "minutes", "seconds", "milliseconds")
_CALENDAR = ("years", "months")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_LONGEST_TEXT = 200
"""Keeps int() and float() away from numbers that take long to read or do not fit."""

_AMOUNT = r"([0-9]+(?:\.[0-9]+)?)"
_ISO = re.compile(
    rf"P(?=.)(?:{_AMOUNT}Y)?(?:{_AMOUNT}M)?(?:{_AMOUNT}W)?(?:{_AMOUNT}D)?"
    rf"(?:T(?=.)(?:{_AMOUNT}H)?(?:{_AMOUNT}M)?(?:{_AMOUNT}S)?)?"
)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time; years and months are whole steps of the calendar, the rest is exact.

    Raises ``ValueError`` for a part that is negative or not finite, and for a fraction of a month or year.
    """

    years: Number = 0
    months: Number = 0
    weeks: Number = 0
    days: Number = 0
    hours: Number = 0
    minutes: Number = 0
    seconds: Number = 0
    milliseconds: Number = 0

    def __post_init__(self) -> None:
        for part in fields(self):
            _check_part(part.name, getattr(self, part.name))

    def after(self, moment: datetime) -> datetime:
        """The moment that is this much later, in UTC.

        Years and months are added first, on UTC's calendar, the day clamped to the month's end; then the
        rest, to the microsecond. Raises ``ValueError`` for a moment without a time zone, and where the result
        is past the year 9999.

        >>> Duration(months=1).after(datetime(2024, 1, 31, tzinfo=UTC)).isoformat()
        '2024-02-29T00:00:00+00:00'
        """
        if moment.tzinfo is None:
            raise ValueError("the moment has no time zone")
        try:
            return _months_after(moment.astimezone(UTC), int(self.years) * 12 + int(self.months)) + timedelta(
                weeks=self.weeks,
                days=self.days,
                hours=self.hours,
                minutes=self.minutes,
                seconds=self.seconds,
                milliseconds=self.milliseconds,
            )
        except OverflowError:
            raise ValueError(f"{self.to_iso()} after {moment.isoformat()} is past the year 9999") from None

    def to_iso(self) -> str:
        """ISO 8601 text that reads back as the same length of time.

        >>> Duration(days=1, seconds=2, milliseconds=5).to_iso()
        'P1DT2.005S'
        """
        date = _written((self.years, "Y"), (self.months, "M"), (self.weeks, "W"), (self.days, "D"))
        seconds = _exact(self.seconds) + _exact(self.milliseconds) / 1000
        time = _written((self.hours, "H"), (self.minutes, "M"), (seconds, "S"))
        if not date and not time:
            return "PT0S"
        return f"P{date}T{time}" if time else f"P{date}"


def parse_duration(text: str) -> Duration:
    """The duration that ISO 8601 text names, by the pattern of DSL 1.0: ``PnYnMnWnDTnHnMnS``.

    Every part may have a decimal fraction, years and months only one that is zero. Raises ``ValueError``,
    whose message shows an example.

    >>> parse_duration("PT1.5S").seconds
    1.5
    """
    found = _ISO.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if found is None:
        raise ValueError(f"{text[:60]!r} is not an ISO 8601 duration; {_EXAMPLE}")
    return Duration(*(_number(amount) for amount in found.groups("0")))


def parse_length(text: str) -> timedelta:
    """A fixed length of time, as operators write it: a number with a unit, or an ISO 8601 duration.

    Raises ``ValueError``, also for years and months.

    >>> parse_length("90d"), parse_length("PT1H30M")
    (datetime.timedelta(days=90), datetime.timedelta(seconds=5400))
    """
    try:
        if (unit := _UNITS.get(text[-1:])) and text[:-1].isdecimal():
            return timedelta(**{unit: int(text[:-1])})
        length = parse_duration(text)
        if length.years or length.months:
            raise ValueError("years and months are not of one length")
        since = datetime(2000, 1, 1, tzinfo=UTC)
        return length.after(since) - since
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no length of time like 30d, 12h or PT45M: {error}") from error


def duration_from_object(value: Mapping[str, JsonValue]) -> Duration:
    """The duration that an object of days, hours, minutes, seconds and milliseconds names.

    Raises ``ValueError``, naming the key, for an unknown key and for what is no whole number from 0; and for
    an object without any key.

    >>> duration_from_object({"minutes": 5}).to_iso()
    'PT5M'
    """
    if not value:
        raise ValueError(f"a duration needs one of {', '.join(_OBJECT_KEYS)}")
    for key in value:
        if key not in _OBJECT_KEYS:
            raise ValueError(f"{key!r} is no part of a duration, which are {', '.join(_OBJECT_KEYS)}")
    return Duration(**{key: _whole(key, amount) for key, amount in value.items()})


def _whole(key: str, value: JsonValue) -> int:
    # Expressions may print 5 as 5.0, which JSON Schema too counts among the integers.
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(whole, int) or isinstance(whole, bool):
        raise ValueError(f"{key} is not a whole number")
    return whole


def _check_part(name: str, amount: Number) -> None:
    if not math.isfinite(amount):
        raise ValueError(f"{name} is not a finite number")
    if amount < 0:
        raise ValueError(f"{name} is negative")
    if name in _CALENDAR and amount != int(amount):
        raise ValueError(
            f"{name} has a fraction, but a part of a {name[:-1]} has no fixed length; {_EXAMPLE}"
        )


def _months_after(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if year > 9999:
        raise OverflowError
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _number(text: str) -> Number:
    if "." not in text:
        return int(text)
    value = float(text)
    return int(value) if value.is_integer() else value


def _written(*parts: tuple[Number | Decimal, str]) -> str:
    return "".join(f"{_exact(amount):f}{unit}" for amount, unit in parts if amount)


def _exact(amount: Number | Decimal) -> Decimal:
    # By way of str(), so that 0.1 is written as 0.1 and not as the nearest binary fraction.
    whole = isinstance(amount, float) and amount.is_integer()
    return Decimal(str(int(amount) if whole else amount))
