"""``schedule``: when a workflow starts by itself."""

from __future__ import annotations

from datetime import UTC, datetime

from pgworker.dsl.reading import Piece, listed
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.listening import read_mode_of_reading, read_strategy
from pgworker.dsl.v1_0.names import Names
from pgworker.expressions.durations import Duration
from pgworker.plan.schedule import Cron, Schedule

_WAYS = ("every", "cron", "after", "on")
_SOME_TIME = datetime(2024, 1, 1, tzinfo=UTC)


def read_schedule(piece: Piece, names: Names) -> Schedule | None:
    """A schedule; None if something in it was reported."""
    definition = piece.object()
    if definition is None:
        return None
    piece.allow({*_WAYS, "read"}, "a schedule")
    ways = [way for way in _WAYS if way in definition]
    if piece.has("read") and "on" not in ways:
        piece.member("read").report("`read` goes with `on` only", hint="remove it")
    if len(ways) > 1:
        piece.report(f"found {listed(ways)}", expected="one way to be scheduled", hint="split the workflow")
        return None
    if not ways:
        return Schedule()
    way = piece.member(ways[0])
    match ways[0]:
        case "every":
            every = _read_span(way)
            return None if every is None else Schedule(every=every)
        case "after":
            after = _read_span(way, zero=True)
            return None if after is None else Schedule(after=after)
        case "cron":
            return _read_cron(way)
        case _:
            strategy = read_strategy(way, names)
            return None if strategy is None else Schedule(on=strategy, read=read_mode_of_reading(piece))


def _read_span(piece: Piece, *, zero: bool = False) -> Duration | None:
    duration = read_duration(piece, frozenset())
    if duration is None:
        return None
    if not isinstance(duration, Duration):
        piece.report("a schedule is fixed when the workflow is defined", expected="a duration, written out")
        return None
    try:
        has_length = duration.after(_SOME_TIME) > _SOME_TIME
    except ValueError as error:
        piece.report(str(error), expected="a shorter duration")
        return None
    if not zero and not has_length:
        piece.report("the interval has no length", expected="a duration above zero")
        return None
    return duration


def _read_cron(piece: Piece) -> Schedule | None:
    text = piece.text()
    if text is None:
        return None
    try:
        return Schedule(cron=Cron(text))
    except ValueError as error:
        piece.report(str(error), expected="five fields such as `0 6 * * 1-5`")
        return None
