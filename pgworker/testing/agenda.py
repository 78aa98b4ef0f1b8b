"""The agenda: what is to happen at which time, in the order in which it does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from pgworker.engine.inputs import Input

Key = tuple[str, int]
"""A workflow, or a schedule, and the event that the appointment is about; 0 for itself."""


class Agenda:
    """Appointments by their keys: a later one under the same key takes the place of an earlier one."""

    def __init__(self) -> None:
        self._appointments: dict[Key, tuple[datetime, int, Input | None]] = {}
        self._numbers = count()

    def put(self, key: Key, at: datetime, what: Input | None = None) -> None:
        """At this time the owner is to be told this, or only to be looked after."""
        self._appointments[key] = at, next(self._numbers), what

    def has(self, key: Key) -> bool:
        """Whether there is an appointment under the key."""
        return key in self._appointments

    def drop(self, key: Key) -> None:
        """The appointment is void."""
        self._appointments.pop(key, None)

    def drop_all_of(self, owner: str) -> None:
        """All appointments of an owner are void."""
        for key in [key for key in self._appointments if key[0] == owner]:
            del self._appointments[key]

    def next_at(self) -> datetime | None:
        """The time of the next appointment."""
        return min((at for at, _, _ in self._appointments.values()), default=None)

    def take_due(self, now: datetime) -> Sequence[tuple[Key, Input | None]]:
        """Takes the appointments whose time has come, the earliest first."""
        due = (
            sorted(
                (at, number, key, what) for key, (at, number, what) in self._appointments.items() if at <= now
            )
            if self._appointments
            else []
        )
        for _, _, key, _ in due:
            del self._appointments[key]
        return [(key, what) for _, _, key, what in due]
