"""A process whose clock is wrong: everybody in it who asks for the time of day is told another."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable
from itertools import cycle

_REAL = datetime.datetime
_REAL_DATE = datetime.date
_real_time = time.time

DAY = 86_400.0


def go_wrong(by: str) -> None:
    """Puts the clock ``by`` so many seconds ahead; with "mad" it jumps by two days each time it is read."""
    if by == "mad":
        jumps = cycle([-DAY, DAY])
        _replace(lambda: _real_time() + next(jumps))
    else:
        _replace(lambda: _real_time() + float(by))


class _Any(type):
    """Makes every time an instance: those that the driver makes are of the real class."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1])


def _replace(now: Callable[[], float]) -> None:
    class Datetime(_REAL, metaclass=_Any):
        def __new__(cls, *arguments: int, **named: int) -> datetime.datetime:
            return _REAL(*arguments, **named)

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return _REAL.fromtimestamp(now(), tz)

        @classmethod
        def utcnow(cls) -> datetime.datetime:
            return _REAL.fromtimestamp(now(), datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> datetime.datetime:
            return _REAL.fromtimestamp(now())

    class Date(_REAL_DATE, metaclass=_Any):
        def __new__(cls, *arguments: int, **named: int) -> datetime.date:
            return _REAL_DATE(*arguments, **named)

        @classmethod
        def today(cls) -> datetime.date:
            return _REAL.fromtimestamp(now()).date()

    wrong = {
        id(_REAL): Datetime,
        id(_REAL_DATE): Date,
        id(time.time): now,
        id(time.time_ns): lambda: int(now() * 1e9),
    }
    for module in list(sys.modules.values()):
        if module is not sys.modules[__name__]:
            for name, value in list(vars(module).items()):
                if id(value) in wrong:
                    setattr(module, name, wrong[id(value)])
