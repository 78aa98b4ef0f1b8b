"""Tokens: kept until shortly before they expire, and asked for once however many calls want them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType

from pgworker.activities.exchange import Exchange
from pgworker.activities.oauth.authority import obtain
from pgworker.activities.oauth.granted import Granted
from pgworker.activities.oauth.policy import OAuthPolicy
from pgworker.activities.policy import HttpPolicy
from pgworker.errors import Fault, FaultKind

TOTAL_SECONDS = 10.0
"""How long it may take to get a token, with everything that is asked for it."""

MAX_BYTES = 256 * 1024
"""The largest answer of an authority."""

UNKNOWN_SECONDS = 60.0
"""How long a token is kept of which nobody says how long it lasts."""

_MARGIN = 0.1
_MAX_MARGIN_SECONDS = 30.0
_KEPT = 1000


@dataclass(slots=True)
class _Kept:
    """A token, if it is good still, and the refresh token that came with it."""

    access_token: str | None = field(repr=False)
    until: float
    refresh_token: str | None = field(repr=False)


@dataclass(slots=True)
class _Flight:
    """A request for a token that is under way, and how many wait for it."""

    task: asyncio.Task[str]
    waiting: int = 0


class Tokens:
    """The tokens of a process by their policies; a context manager, which owns connections to authorities.

    Requests for tokens obey the operator's policy for all calls, within smaller limits.
    """

    def __init__(self, policy: HttpPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = min(policy.total_timeout, TOTAL_SECONDS)
        self._exchange = Exchange(
            replace(
                policy,
                total_timeout=self._seconds,
                max_response_bytes=min(policy.max_response_bytes, MAX_BYTES),
            )
        )
        self._clock = clock
        self._kept: OrderedDict[OAuthPolicy, _Kept] = OrderedDict()
        self._flights: dict[OAuthPolicy, _Flight] = {}

    async def __aenter__(self) -> Tokens:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        flights = [flight.task for flight in self._flights.values()]
        for task in flights:
            task.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self._exchange.__aexit__(kind, error, trace)

    async def token(self, policy: OAuthPolicy) -> str:
        """A token that is good still; raises ``Fault``.

        That is authentication for a token that cannot be had, authorization for an address that must not be
        called, configuration for a policy that cannot be followed.
        """
        kept = self._kept.get(policy)
        if kept is not None and kept.access_token is not None and self._clock() < kept.until:
            self._kept.move_to_end(policy)
            return kept.access_token
        return await self._shared(policy)

    def drop(self, policy: OAuthPolicy, access_token: str) -> None:
        """Forgets a token that was refused, unless there is another one by now."""
        kept = self._kept.get(policy)
        if kept is not None and kept.access_token == access_token:
            kept.access_token = None

    async def _shared(self, policy: OAuthPolicy) -> str:
        """What the one request for this token brings; it ends with the last who waits for it."""
        flight = self._flights.get(policy)
        if flight is None:
            flight = self._flights[policy] = _Flight(asyncio.create_task(self._fetched(policy)))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        except Fault as fault:
            # each call adds to its own
            raise _copy(fault) from fault
        finally:
            flight.waiting -= 1
            if flight.task.done() or not flight.waiting:
                flight.task.cancel()
                if self._flights.get(policy) is flight:
                    del self._flights[policy]

    async def _fetched(self, policy: OAuthPolicy) -> str:
        known = self._kept.get(policy)
        try:
            async with asyncio.timeout(self._seconds):
                found = await obtain(policy, self._exchange, None if known is None else known.refresh_token)
        except TimeoutError:
            raise _unavailable(f"the authority did not answer within {self._seconds:g} s") from None
        except Fault as fault:
            if fault.kind in (FaultKind.AUTHENTICATION, FaultKind.COMMUNICATION):
                raise _unavailable(fault.detail) from fault
            raise
        self._keep(policy, found, None if known is None else known.refresh_token)
        return found.access_token

    def _keep(self, policy: OAuthPolicy, found: Granted, last_refresh: str | None) -> None:
        seconds = UNKNOWN_SECONDS if found.seconds is None else found.seconds
        until = self._clock() + seconds - min(seconds * _MARGIN, _MAX_MARGIN_SECONDS)
        # an authority that sends no new refresh token leaves the last one good (RFC 6749, 6)
        self._kept[policy] = _Kept(found.access_token, until, found.refresh_token or last_refresh)
        self._kept.move_to_end(policy)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def _copy(fault: Fault) -> Fault:
    copy = Fault(fault.kind, fault.detail, status=fault.status, title=fault.title)
    copy.hint = fault.hint
    return copy


def _unavailable(why: str) -> Fault:
    return Fault(FaultKind.AUTHENTICATION, f"no token could be had: {why}")
