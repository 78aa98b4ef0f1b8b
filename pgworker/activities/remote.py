"""Remote activities: performed by an executor elsewhere, under the same leases."""

from __future__ import annotations

import asyncio
from types import TracebackType

import aiohttp
import orjson

from pgworker.activities.body import BodyRefused, BodyTooLarge, read_body
from pgworker.activities.functions.library import Functions
from pgworker.activities.handover import LARGEST, MEDIA_TYPE, outcome_of, request_of, too_large
from pgworker.activities.hosts import Hosts
from pgworker.activities.registry import Activities
from pgworker.activities.resources import Resources
from pgworker.activities.tracing import CURRENT
from pgworker.backoff import Backoff
from pgworker.telemetry import log
from pgworker.types import JsonObject, JsonValue

_CONNECT_SECONDS = 5.0


class RemoteActivities:
    """Hands activities over to ``PGWORKER_EXECUTOR_URL``; a context manager, as ``Activities`` is.

    An executor that cannot be reached, or does not answer as it should, fails no workflow: the activity is
    handed over again, with the same idempotency key, until it is cancelled. An output that no workflow can
    have fails the activity. What a document refers to is loaded here, not there.
    """

    def __init__(self, url: str, token: str | None, local: Activities) -> None:
        self._url = url
        self._local = local
        self._headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._session: aiohttp.ClientSession | None = None

    @property
    def resources(self) -> Resources:
        """The loader of external resources."""
        return self._local.resources

    @property
    def hosts(self) -> Hosts:
        """The hosts that are called from here."""
        return self._local.hosts

    @property
    def functions(self) -> Functions:
        """The functions that this worker knows; the executor has to have them, too."""
        return self._local.functions

    async def __aenter__(self) -> RemoteActivities:
        await self._local.__aenter__()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS),
            headers=self._headers,
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        await self._local.__aexit__(kind, error, trace)

    async def perform_scheduled(
        self, scheduled: JsonObject, *, idempotency_key: str, attempt: int = 1
    ) -> JsonValue:
        """The output that the executor tells; raises the ``Fault`` that it tells."""
        body = orjson.dumps(request_of(scheduled, idempotency_key, attempt, traceparent=CURRENT.get()))
        backoff = Backoff()
        while True:
            try:
                return outcome_of(await self._hand_over(body))
            except (aiohttp.ClientError, BodyRefused, OSError, ValueError) as error:
                pause = backoff.next()
                reason = f"{type(error).__name__}: {error}"
                log.warning(
                    "the executor did not answer as it should", reason=reason, retry_in=round(pause, 2)
                )
                await asyncio.sleep(pause)

    async def _hand_over(self, body: bytes) -> bytes:
        assert self._session is not None
        async with self._session.post(self._url, data=body) as response:
            if response.status != 200:
                raise ValueError(f"its status is {response.status}")
            try:
                return await read_body(response, LARGEST)
            except BodyTooLarge as error:
                response.close()
                raise too_large() from error
