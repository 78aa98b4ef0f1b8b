"""Every kind of activity by its name: the one door through which a worker touches the outside world."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from pgworker.activities.asyncapi.call import AsyncApiCaller
from pgworker.activities.credentials import login
from pgworker.activities.http import HttpCaller
from pgworker.activities.openapi.call import OpenApiCaller
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import Redaction, spellings
from pgworker.activities.resource_cache import ResourceCache
from pgworker.activities.resources import Resources
from pgworker.activities.secrets import SecretProvider
from pgworker.activities.unsealing import arguments_of
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue


class Activities:
    """Performs activities; a context manager that owns what they hold open (connections, ...).

    ``secrets`` are what authentication policies may name, ``resources`` is the folder that ``file:`` URIs may
    lead into; by default there are none.

    >>> Activities(HttpPolicy()).kinds
    ('http', 'openapi', 'asyncapi')
    """

    def __init__(
        self, http: HttpPolicy, secrets: SecretProvider | None = None, resources: Path | None = None
    ) -> None:
        self._secrets = secrets
        self._http = HttpCaller(http, secrets)
        self.resources = Resources(http, secrets, resources)
        documents = ResourceCache(self.resources)
        openapi = OpenApiCaller(self._http, documents)
        asyncapi = AsyncApiCaller(self._http, documents, http, secrets)
        self._performers = {"http": self._http.call, "openapi": openapi.call, "asyncapi": asyncapi.call}
        self._open = AsyncExitStack()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that can be performed."""
        return tuple(self._performers)

    async def __aenter__(self) -> Activities:
        await self._open.enter_async_context(self._http)
        await self._open.enter_async_context(self.resources)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def perform_scheduled(self, scheduled: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Performs the activity that an event with these data scheduled: ``perform`` with its secrets.

        What comes back, result or fault, is without the secrets that the arguments were made with.
        """
        unsealed = await arguments_of(scheduled, self._secrets)
        kind = str(scheduled.get("activity"))
        if not unsealed.secrets:
            return await self.perform(kind, unsealed.arguments, idempotency_key=idempotency_key)
        credentials = login(unsealed.arguments.get("authentication"))
        redaction = Redaction(secret=spellings((*unsealed.secrets, *credentials)))
        try:
            result = await self.perform(kind, unsealed.arguments, idempotency_key=idempotency_key)
        except Fault as fault:
            fault.detail = redaction.message(fault.detail)
            fault.title = redaction.message(fault.title)
            raise
        return redaction.value(result)

    async def perform(self, kind: str, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Performs one activity with its fully evaluated arguments, and returns its output.

        The idempotency key is the same for every attempt of an activity. Raises ``Fault`` for what the
        workflow's author can catch; cancelling ends the activity and what it holds open.
        """
        performer = self._performers.get(kind)
        if performer is None:
            raise Fault(
                FaultKind.RUNTIME, f"this worker cannot perform {kind!r}, only {', '.join(self._performers)}"
            )
        return await performer(arguments, idempotency_key=idempotency_key)
