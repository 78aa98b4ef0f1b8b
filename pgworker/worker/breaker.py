"""The breaker around the database: whether a worker has a session there, to be seen from outside.

It is closed while there is one, open while the worker pauses after a failure, and half-open while it tries
whether the database is there: at first, and after each pause. It decides nothing: the pauses are those of the
wheel's backoff.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

from pgworker.telemetry import log

BreakerState = Literal["closed", "open", "half-open"]

_DATABASE: Final = "the database's breaker is"


class Breaker:
    """What became of the last tries to have a session; a line of the log tells of each change.

    >>> breaker = Breaker()
    >>> breaker.state, breaker.failures
    ('half-open', 0)
    >>> breaker.failed("it is away")
    >>> breaker.state, breaker.failures
    ('open', 1)
    """

    def __init__(self) -> None:
        self.state: BreakerState = "half-open"
        self.since = datetime.now(UTC)
        """When the state became what it is, by this machine's clock."""
        self.failures = 0
        """How many failures there were in a row: tries that came to nothing, and sessions that were lost."""
        self._away_since: datetime | None = None

    @property
    def is_closed(self) -> bool:
        """Whether there is a session."""
        return self.state == "closed"

    def tries(self) -> None:
        """It is tried to have a session."""
        if self._becomes("half-open"):
            log.debug(f"{_DATABASE} half-open", failures=self.failures)

    def succeeded(self) -> None:
        """There is a session."""
        failures, self.failures = self.failures, 0
        if self._becomes("closed"):
            away = 0.0 if self._away_since is None else (self.since - self._away_since).total_seconds()
            log.info(f"{_DATABASE} closed", failures=failures, away_seconds=round(away, 3))
        self._away_since = None

    def failed(self, reason: str) -> None:
        """There is none: the try came to nothing, or the session was lost."""
        self.failures += 1
        if self._becomes("open") and self._away_since is None:
            self._away_since = self.since
            log.warning(f"{_DATABASE} open", reason=reason)
        elif self.state == "open":
            log.debug(f"{_DATABASE} open again", failures=self.failures)

    def __str__(self) -> str:
        """A sentence for people."""
        times = "1 failure" if self.failures == 1 else f"{self.failures} failures"
        return f"{_DATABASE} {self.state} since {self.since.isoformat(timespec='seconds')}, {times} in a row"

    def _becomes(self, state: BreakerState) -> bool:
        if self.state == state:
            return False
        self.state = state
        self.since = datetime.now(UTC)
        return True
