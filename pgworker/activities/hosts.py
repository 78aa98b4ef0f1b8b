"""Hosts: how many calls each may get at once, and a circuit that opens where calls come to nothing.

A circuit is closed as long as a host answers. After so many failures in a row it is open, and calls fail at
once without being sent. When a pause is over one call is let through as a trial: if that is answered the
circuit is closed, if not it stays open for twice as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal
from weakref import WeakValueDictionary

from yarl import URL

from pgworker.errors import Fault, FaultKind
from pgworker.telemetry import log

CircuitState = Literal["closed", "open", "half-open"]
Host = str
"""Name and port, as in ``example.com:443``."""


FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds that a circuit stays open."""

_REMEMBERED = 1000
"""Hosts that have failed; those that did so first are forgotten."""

_AWAY = frozenset({502, 503, 504})
"""What is answered by who stands before a service that is not there."""

_UNAVAILABLE = 503
_UNBOUNDED = nullcontext()


@dataclass(slots=True)
class Circuit:
    """The circuit of a host that has failed; times are those of the event loop."""

    failures: int = 0
    pause: float = 0.0
    open_until: float = 0.0
    is_tried: bool = False

    def state(self, now: float) -> CircuitState:
        """What it does with the next call."""
        if self.pause == 0:
            return "closed"
        return "open" if now < self.open_until or self.is_tried else "half-open"


class Hosts:
    """All hosts that are called: ``failures`` opens a circuit, ``at_once`` bounds the calls, 0 does not."""

    def __init__(self, failures: int = 0, at_once: int = 0) -> None:
        self._failures = failures
        self._at_once = at_once
        self._circuits: dict[Host, Circuit] = {}
        # whoever has a slot, or waits for one, keeps the host's semaphore alive
        self._slots: WeakValueDictionary[Host, asyncio.Semaphore] = WeakValueDictionary()

    def states(self) -> Mapping[Host, CircuitState]:
        """The hosts that failed last, and what their circuits do with the next call."""
        now = asyncio.get_running_loop().time()
        return {host: circuit.state(now) for host, circuit in self._circuits.items()}

    def slot(self, host: Host) -> AbstractAsyncContextManager[None]:
        """One of the calls that the host may get at once; entering it waits for one."""
        if self._at_once == 0:
            return _UNBOUNDED
        return self._slots.setdefault(host, asyncio.Semaphore(self._at_once))

    def enter(self, host: Host) -> bool:
        """A call is about to be sent; whether it is a trial, after which ``left`` has to be told.

        Raises ``Fault`` (communication, 503) if it must not be sent.
        """
        circuit = self._circuits.get(host)
        if circuit is None or circuit.pause == 0:
            return False
        now = asyncio.get_running_loop().time()
        if circuit.state(now) == "open":
            again = max(circuit.open_until - now, 0.0)
            raise Fault(
                FaultKind.COMMUNICATION,
                f"{host} was not called: {circuit.failures} calls in a row have failed,"
                f" and the next is tried in {again:.1f} s",
                status=_UNAVAILABLE,
            )
        circuit.is_tried = True
        return True

    def answered(self, host: Host, status: int) -> None:
        """The host has answered a call."""
        if self._failures == 0:
            return
        if status in _AWAY:
            self.failed(host)
        elif (circuit := self._circuits.pop(host, None)) is not None and circuit.pause:
            log.info("a circuit is closed", host=host)

    def failed(self, host: Host) -> None:
        """A call has come to nothing."""
        if self._failures == 0:
            return
        circuit = self._circuits.setdefault(host, Circuit())
        if len(self._circuits) > _REMEMBERED:
            del self._circuits[next(iter(self._circuits))]
        circuit.failures += 1
        now = asyncio.get_running_loop().time()
        if circuit.failures >= self._failures and now >= circuit.open_until:
            circuit.pause = min(2 * circuit.pause, LONGEST_PAUSE) or FIRST_PAUSE
            circuit.open_until = now + circuit.pause
            log.warning("a circuit is open", host=host, failures=circuit.failures, seconds=circuit.pause)

    def left(self, host: Host) -> None:
        """A trial is over; if it was given up before there was an answer, another may be made."""
        circuit = self._circuits.get(host)
        if circuit is not None:
            circuit.is_tried = False


def host_of(url: URL) -> Host:
    """The host that a request to this URL goes to."""
    return f"{url.host}:{url.port}"
