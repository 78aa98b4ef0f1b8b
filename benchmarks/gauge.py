"""What processes take: processor time and memory, as Linux tells of them.

Processor time says more than the clock where others share the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

_MEGABYTE = 1024 * 1024
_PAGE = 4096


@dataclass
class Spent:
    """Processor time, in seconds; known when it has been spent."""

    seconds: float = 0.0


class Gauge:
    """The processor time of a worker and of those who serve it: everybody in its database but its own."""

    def __init__(self, connection: psycopg.Connection, worker: int) -> None:
        self._connection = connection
        self._worker = worker

    @contextmanager
    def spent(self) -> Iterator[Spent]:
        """What is spent until the block ends; nothing may be known of it where processes cannot be seen."""
        before = self._times()
        spent = Spent()
        yield spent
        spent.seconds = sum(seconds - before.get(pid, 0.0) for pid, seconds in self._times().items())

    @property
    def megabytes(self) -> float:
        """The memory that the worker holds now."""
        return int(Path(f"/proc/{self._worker}/statm").read_text().split()[1]) * _PAGE / _MEGABYTE

    def _times(self) -> dict[int, float]:
        rows = self._connection.execute(
            "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
        return {pid: _processor_seconds(pid) for pid in (self._worker, *(pid for (pid,) in rows))}


def _processor_seconds(pid: int) -> float:
    """All threads of a process together, as far as they still run."""
    seconds = 0.0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):
            seconds += int(thread.read_text().split()[0]) / 1e9
    return seconds
