"""Every kind of activity by its name: the one door through which a worker touches the outside world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol

from pgworker.activities.credentials import login
from pgworker.activities.evaluation import Evaluate, at_once
from pgworker.activities.functions.current import attempting
from pgworker.activities.functions.library import Functions
from pgworker.activities.http import HttpCaller
from pgworker.activities.logins import Logins
from pgworker.activities.openapi.call import OpenApiCaller
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.processes.policy import ProcessPolicy
from pgworker.activities.processes.runner import ProcessRunner
from pgworker.activities.redaction import Redaction, hiding, spellings
from pgworker.activities.resource_cache import ResourceCache
from pgworker.activities.resources import Resources
from pgworker.activities.secrets import SecretProvider
from pgworker.activities.unsealing import arguments_of
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue


class Performer(Protocol):
    """Performs activities of one kind; see ``Activities.perform``."""

    async def __call__(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue: ...


def _late(make: Callable[[], Performer]) -> Performer:
    """A performer that is made, and its code loaded, when it is first needed: most workers never do."""
    made: list[Performer] = []

    async def perform(arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        if not made:
            made.append(make())
        return await made[0](arguments, idempotency_key=idempotency_key)

    return perform


def _asyncapi(
    caller: HttpCaller,
    documents: ResourceCache,
    http: HttpPolicy,
    secrets: SecretProvider | None,
    owner: AsyncExitStack,
    *,
    evaluate: Evaluate,
) -> Performer:
    from pgworker.activities.asyncapi.call import AsyncApiCaller

    made = AsyncApiCaller(caller, documents, http, secrets, evaluate)
    owner.push_async_callback(made.close)
    return made.call


def _grpc(http: HttpPolicy, caller: HttpCaller, documents: ResourceCache) -> Performer:
    from pgworker.activities.grpc.call import GrpcCaller

    return GrpcCaller(http, caller, documents).call


def _mcp(http: HttpPolicy, caller: HttpCaller, processes: ProcessPolicy) -> Performer:
    from pgworker.activities.mcp.call import McpCaller

    return McpCaller(http, caller, processes.allowed).call


def _a2a(caller: HttpCaller, documents: ResourceCache) -> Performer:
    from pgworker.activities.a2a.call import A2aCaller

    return A2aCaller(caller, documents).call


class Activities:
    """Performs activities; a context manager that owns what they hold open (connections, ...).

    ``secrets`` are what authentication policies may name, ``resources`` is the folder that ``file:`` URIs may
    lead into, ``processes`` tells which may be run, and ``functions`` are the user's own; by default there
    are none. ``evaluate`` bounds the expressions that are left to activities; by default nothing does.

    >>> Activities(HttpPolicy()).kinds
    ('http', 'openapi', 'asyncapi', 'grpc', 'mcp', 'a2a', 'function', 'shell', 'script', 'container')
    """

    def __init__(
        self,
        http: HttpPolicy,
        secrets: SecretProvider | None = None,
        resources: Path | None = None,
        processes: ProcessPolicy | None = None,
        functions: Functions | None = None,
        *,
        evaluate: Evaluate = at_once,
    ) -> None:
        self._secrets = secrets
        self._evaluate = evaluate
        self._logins = Logins(http)
        self._http = HttpCaller(http, secrets, self._logins)
        self.hosts = self._http.hosts
        self.resources = Resources(http, secrets, resources, self._logins)
        cache = ResourceCache(self.resources)
        policy = processes or ProcessPolicy()
        self._processes = ProcessRunner(policy, self.resources)
        self.functions = functions or Functions()
        self._performers: dict[str, Performer] = {
            "http": self._http.call,
            "openapi": OpenApiCaller(self._http, cache).call,
            "asyncapi": _late(
                lambda: _asyncapi(self._http, cache, http, secrets, self._open, evaluate=evaluate)
            ),
            "grpc": _late(lambda: _grpc(http, self._http, cache)),
            "mcp": _late(lambda: _mcp(http, self._http, policy)),
            "a2a": _late(lambda: _a2a(self._http, cache)),
            "function": self.functions.perform,
            "shell": self._processes.shell,
            "script": self._processes.script,
            "container": self._processes.container,
        }
        self._open = AsyncExitStack()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that can be performed."""
        return tuple(self._performers)

    async def __aenter__(self) -> Activities:
        await self._open.enter_async_context(self._logins)
        await self._open.enter_async_context(self._http)
        await self._open.enter_async_context(self.resources)
        await self._open.enter_async_context(self._processes)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def perform_scheduled(
        self, scheduled: JsonObject, *, idempotency_key: str, attempt: int = 1
    ) -> JsonValue:
        """Performs the activity that an event with these data scheduled: ``perform`` with its secrets.

        What comes back, result or fault, is without the secrets that the arguments were made with.
        """
        with attempting(attempt):
            return await self._perform_scheduled(scheduled, idempotency_key)

    async def _perform_scheduled(self, scheduled: JsonObject, idempotency_key: str) -> JsonValue:
        unsealed = await arguments_of(scheduled, self._secrets, self._evaluate)
        kind = str(scheduled.get("activity"))
        if not unsealed.secrets and not unsealed.numbers:
            return await self.perform(kind, unsealed.arguments, idempotency_key=idempotency_key)
        credentials = login(unsealed.arguments.get("authentication"))
        texts = Redaction(secret=spellings((*unsealed.secrets, *credentials)))
        # within JSON that is still to be read nothing can stand in for a number
        redaction = texts.joined(Redaction(secret=spellings(unsealed.numbers)))
        try:
            with hiding(texts):
                result = await self.perform(kind, unsealed.arguments, idempotency_key=idempotency_key)
        except Fault as fault:
            fault.detail = redaction.message(fault.detail)
            fault.title = redaction.message(fault.title)
            raise
        return await asyncio.to_thread(redaction.value, result)

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
