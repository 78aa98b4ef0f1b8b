"""Progress: how long an activity has been performed, and what it has received or written so far."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class Progress:
    """Of one attempt at an activity. Nobody counts what is performed elsewhere, by an executor."""

    output_bytes: int = 0
    messages: int = 0
    _began: float = field(default_factory=monotonic)

    @property
    def seconds(self) -> float:
        """For how long it has been performed."""
        return monotonic() - self._began


CURRENT: ContextVar[Progress | None] = ContextVar("progress", default=None)
"""That of the activity which is being performed; None if nobody wants to know."""


def count(size: int, messages: int = 0) -> None:
    """The activity that is being performed has received, or written, so many more bytes and messages."""
    progress = CURRENT.get()
    if progress is not None:
        progress.output_bytes += size
        progress.messages += messages
