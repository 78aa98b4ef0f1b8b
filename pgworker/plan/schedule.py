"""Schedules: when workflows start by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from pgworker.expressions.durations import Duration
from pgworker.plan.listening import Read, Strategy

_FIELDS = 5
_ZONE_PREFIXES = ("CRON_TZ=", "TZ=")


class Cron:
    """A cron expression of five fields, in UTC unless ``CRON_TZ=Europe/Berlin`` or ``TZ=...`` stands before.

    >>> Cron("30 4 * * 1").next_after(datetime(2024, 2, 1, tzinfo=UTC)).isoformat()
    '2024-02-05T04:30:00+00:00'
    """

    __slots__ = ("_fields", "_zone", "text")

    def __init__(self, text: str) -> None:
        """Raises ``ValueError`` for what is none, or never comes."""
        self.text = text
        fields = text.split()
        self._zone = UTC if not fields else _zone(fields[0]) or UTC
        if self._zone is not UTC or text.startswith(_ZONE_PREFIXES):
            fields = fields[1:]
        if len(fields) != _FIELDS:
            raise ValueError(f"a cron expression has {_FIELDS} fields, and this has {len(fields)}")
        self._fields = " ".join(fields)
        self.next_after(datetime(2000, 1, 1, tzinfo=UTC))

    def next_after(self, moment: datetime) -> datetime:
        """The first time after a moment, in UTC; raises ``ValueError`` if there is none within 50 years.

        Of an hour that is repeated in autumn fixed times have the first, as in cron.
        """
        try:
            times = (time.astimezone(UTC) for time in CronSim(self._fields, moment.astimezone(self._zone)))
            return next(time for time in times if time > moment)
        except CronSimError as error:
            raise ValueError(f"`{self.text}` is no cron expression: {error}") from error
        except StopIteration as error:
            raise ValueError(f"the times of `{self.text}` never come") from error


def _zone(field: str) -> ZoneInfo | None:
    for prefix in _ZONE_PREFIXES:
        if field.startswith(prefix):
            name = field.removeprefix(prefix)
            try:
                return ZoneInfo(name)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(f"there is no time zone `{name}`") from error
    return None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a workflow starts: every so often, at times, some time after it has ended, or upon CloudEvents."""

    every: Duration | None = None
    cron: Cron | None = None
    after: Duration | None = None
    on: Strategy | None = None
    read: Read = Read.DATA

    def next_after(self, moment: datetime, now: datetime) -> datetime | None:
        """When the next workflow starts, if the last was due (or ended) at ``moment``; None if upon events.

        Times that were missed are not made up for: the next lies after ``now``.
        """
        if self.after is not None:
            return self.after.after(moment)
        if self.cron is not None:
            return self.cron.next_after(max(moment, now))
        if self.every is None:
            return None
        following = self.every.after(moment)
        return following if following > now else self._caught_up(moment, now)

    def _caught_up(self, moment: datetime, now: datetime) -> datetime:
        assert self.every is not None
        following = self.every.after(moment)
        if not self.every.years and not self.every.months:
            length = following - moment
            return moment + ((now - moment) // length + 1) * length
        while following <= now:  # steps of the calendar are not of one length
            following = self.every.after(following)
        return following
