"""Logging in by digest: challenges are answered, and remembered for the calls that follow."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace

from multidict import CIMultiDict, CIMultiDictProxy

from pgworker.activities.challenges import parameters
from pgworker.activities.digest import Asked, DigestChallenge, answered, strongest
from pgworker.activities.request import Request

_REMEMBERED = 1000


@dataclass(slots=True)
class _Remembered:
    challenge: DigestChallenge
    count: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a challenge was met, and for whom: an origin, and a digest of user and password."""

    origin: str
    who: bytes


class Digests:
    """The challenges that were met lately: who has answered one need not be asked again.

    A challenge for a part of an origin is not remembered.
    """

    def __init__(self) -> None:
        self._met: OrderedDict[Place, _Remembered] = OrderedDict()

    def meet(self, place: Place, challenge: DigestChallenge) -> None:
        """Remembers a challenge in place of an earlier one."""
        self._met[place] = _Remembered(challenge)
        self._met.move_to_end(place)
        while len(self._met) > _REMEMBERED:
            self._met.popitem(last=False)

    def met(self, place: Place) -> DigestChallenge | None:
        """The challenge that was met there."""
        known = self._met.get(place)
        return None if known is None else known.challenge

    def use(self, place: Place) -> tuple[DigestChallenge, int] | None:
        """The challenge that was met there, and how often it has been answered with this time."""
        known = self._met.get(place)
        if known is None:
            return None
        self._met.move_to_end(place)
        known.count += 1
        return known.challenge, known.count

    def forget(self, place: Place) -> None:
        """Forgets what was met there."""
        self._met.pop(place, None)


@dataclass(frozen=True, slots=True)
class DigestLogin:
    """User and password, which no request carries: only answers to challenges are made of them."""

    digests: Digests
    username: str
    password: str
    has_answered: bool = False

    def applied(self, request: Request) -> Request:
        """The request with an answer to the challenge that was met there last.

        If none was met it goes without credentials.
        """
        headers = CIMultiDict(request.headers)
        headers.popall("Authorization", None)
        known = self.digests.use(self._place(request))
        if known is not None:
            challenge, count = known
            headers["Authorization"] = self._header(challenge, count, request)
        return replace(request, headers=headers, login=replace(self, has_answered=False))

    async def renewed(self, request: Request, headers: CIMultiDictProxy[str]) -> Request | None:
        """The request with an answer to the challenge of these headers.

        None if that has been answered already: then it is not the nonce but the password that is refused.
        """
        place = self._place(request)
        challenge = strongest(headers.getall("WWW-Authenticate", []))
        if challenge is None or (self.has_answered and not challenge.stale):
            self.digests.forget(place)
            return None
        if challenge.covers_origin:
            self.digests.meet(place, challenge)
            self.digests.use(place)
        renewed = CIMultiDict(request.headers)
        renewed["Authorization"] = self._header(challenge, 1, request)
        return replace(request, headers=renewed, login=replace(self, has_answered=True))

    def accepted(self, request: Request, headers: CIMultiDictProxy[str]) -> None:
        """Takes the nonce that the service wants to have next."""
        place = self._place(request)
        known = self.digests.met(place)
        if known is None or "Authorization" not in request.headers:
            return
        following = parameters(headers.get("Authentication-Info", "")).get("nextnonce")
        if following and following.isprintable():
            self.digests.meet(place, replace(known, nonce=following, stale=False))

    def _header(self, challenge: DigestChallenge, count: int, request: Request) -> str:
        asked = Asked(request.method, request.url.raw_path_qs, request.body or b"")
        return answered(
            challenge,
            self.username,
            self.password,
            asked,
            count=count,
            client_nonce=secrets.token_hex(16),
        )

    def _place(self, request: Request) -> Place:
        who = hashlib.sha256(f"{self.username}:{self.password}".encode()).digest()
        return Place(str(request.url.origin()), who)
