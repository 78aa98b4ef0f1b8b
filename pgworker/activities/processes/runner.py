"""Runs processes: the activities ``shell``, ``script`` and ``container``, with their guards."""

from __future__ import annotations

from types import TracebackType

from pgworker.activities.processes.background import Background
from pgworker.activities.processes.command import Command, environment, stdin, text, words
from pgworker.activities.processes.containers.runner import ContainerRunner
from pgworker.activities.processes.policy import ProcessPolicy
from pgworker.activities.processes.process import Process
from pgworker.activities.processes.scripts import script_command
from pgworker.activities.resources import ResourceLoader
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

_SHELL = "/bin/sh"


class ProcessRunner:
    """Runs what the operator's policy allows; a context manager that ends what nobody waits for.

    A process is ended as a whole when its activity is cancelled, and it ends with the worker. The arguments
    are those of the DSL's process with ``await`` and ``return`` beside them.
    """

    def __init__(self, policy: ProcessPolicy, resources: ResourceLoader) -> None:
        self._policy = policy
        self._resources = resources
        self._background = Background(policy)
        self._containers = ContainerRunner(policy)

    async def __aenter__(self) -> ProcessRunner:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._background.end_all()
        await self._containers.close()

    async def shell(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Runs a shell command, and returns what ``return`` asks for.

        Raises ``Fault``: authorization if the policy does not allow it, runtime for a code other than 0.
        """
        self._policy.check("shell")
        command = text(arguments, "command")
        if command is None:
            raise Fault(FaultKind.CONFIGURATION, "there is no `command` to run")
        argv = (_SHELL, "-c", command, "sh", *words(arguments.get("arguments")))
        given = environment(arguments, idempotency_key)
        return await self._run(Command("the shell command", argv, given, stdin(arguments)), arguments)

    async def script(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Runs a script; see ``shell``."""
        self._policy.check("script")
        command = await script_command(arguments, idempotency_key, self._resources)
        return await self._run(command, arguments)

    async def container(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Runs a container; see ``shell``."""
        self._policy.check("container")
        return await self._containers.run(arguments, idempotency_key)

    async def _run(self, command: Command, arguments: JsonObject) -> JsonValue:
        if arguments.get("await") is False:
            await self._background.start(command)
            return None
        process = await Process.start(command, self._policy)
        try:
            outcome = await process.outcome()
        finally:
            await process.end()
        return outcome.value(arguments.get("return"))
