"""Signals that end a command which does not work on workflows."""

from __future__ import annotations

import signal


def unwind_on_termination() -> None:
    """Makes SIGTERM and SIGHUP end the process as an exception does, so that what was begun is undone."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _unwind)


def _unwind(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
