"""``call: http``: a request made of a call's arguments, and the answer as a value."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType

import aiohttp

from pgworker.activities.answer import Answer, value_of
from pgworker.activities.credentials import authenticated
from pgworker.activities.exchange import Exchange
from pgworker.activities.hosts import Hosts
from pgworker.activities.logins import Logins
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import hiding
from pgworker.activities.request import Request, prepare
from pgworker.activities.secrets import SecretProvider, StoredSecrets
from pgworker.types import JsonObject, JsonValue

_BACKGROUND_BYTES = 256 * 1024


class HttpCaller:
    """Calls HTTP services within an operator's policy; one for each process, used as a context manager.

    One call sends one request (and its redirects): nothing is sent again on its own, since only the author
    of a workflow knows whether it may be; what was refused for its credentials (401) has had no effect.
    Secrets that authentication policies name come from ``secrets``, by default there are none. ``logins`` are
    what is remembered of earlier authentications; a caller that is given none has its own.
    Raises ``SettingsError`` if the policy's CA file cannot be read.
    """

    def __init__(
        self, policy: HttpPolicy, secrets: SecretProvider | None = None, logins: Logins | None = None
    ) -> None:
        self._secrets = secrets or StoredSecrets(environment={})
        self._exchange = Exchange(policy)
        self._logins = logins or Logins(policy)
        self._owns_logins = logins is None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> HttpCaller:
        await self._open.enter_async_context(self._exchange)
        if self._owns_logins:
            await self._open.enter_async_context(self._logins)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def call(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Makes the call that the evaluated arguments describe, and returns what ``output`` asks for.

        The key is sent as ``Idempotency-Key`` unless the author's headers hold one. Raises ``Fault``:
        configuration for wrong arguments, authorization for a refused address, authentication for a token
        that cannot be had, communication for everything that goes wrong on the way, with the response's
        status where there is one.
        """
        return await self.send(prepare(arguments, idempotency_key), arguments.get("authentication"))

    async def send(self, request: Request, authentication: JsonValue = None) -> JsonValue:
        """Sends a request and returns what its ``output`` asks for; raises ``Fault`` as ``call`` does."""
        answer = await self.answer(request, authentication)
        with hiding(answer.request.redaction):
            if len(answer.body) > _BACKGROUND_BYTES:
                return await asyncio.to_thread(value_of, answer)
            return value_of(answer)

    async def answer(self, request: Request, authentication: JsonValue = None) -> Answer:
        """Sends a request, as the authentication policy asks for, and returns what came back."""
        return await self._exchange.send(await self.authenticated(request, authentication))

    async def authenticated(self, request: Request, authentication: JsonValue) -> Request:
        """The request with what its policy asks for, and with what then must not be seen."""
        return await authenticated(request, authentication, self._secrets, self._logins)

    async def opened(
        self, request: Request, authentication: JsonValue
    ) -> tuple[aiohttp.ClientSession, Request]:
        """For answers without an end: where to send a request, and the request as its policy asks for.

        Connections go where those of every call do; who sends it minds the limits of time and size.
        """
        return self.session, await self.authenticated(request, authentication)

    @property
    def hosts(self) -> Hosts:
        """The hosts that are called, and their circuits."""
        return self._exchange.hosts

    @property
    def session(self) -> aiohttp.ClientSession:
        """For those who read an answer as it comes: connections within the policy, and no other limit."""
        return self._exchange.session
