"""Runs containers, and cleans up after them as their authors want it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from pgworker.activities.processes.command import stdin
from pgworker.activities.processes.containers.cleanup import remove_due, remove_earlier
from pgworker.activities.processes.containers.container import Container
from pgworker.activities.processes.containers.engine import Engine, socket_of
from pgworker.activities.processes.containers.images import provide
from pgworker.activities.processes.containers.specification import Specification, specify
from pgworker.activities.processes.policy import ProcessPolicy
from pgworker.errors import Fault
from pgworker.expressions.durations import Duration
from pgworker.telemetry import log
from pgworker.types import JsonObject, JsonValue

_CLEANUP_SECONDS = 10.0
"""How long the end of a container may take beyond its grace."""

_MARGIN_SECONDS = 0.1
"""The engine tells the end of a container by a clock of its own."""


class ContainerRunner:
    """Runs containers on one engine, which is looked for when the first is run. Has to be closed.

    An engine is no child of the worker: a container whose worker was killed goes on until the next attempt
    at its activity removes it.
    """

    def __init__(self, policy: ProcessPolicy) -> None:
        self._policy = policy
        self._engine: Engine | None = None
        self._removals: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Forgets what is to be removed later: the labels of the containers tell the next worker."""
        removals = list(self._removals)
        for removal in removals:
            removal.cancel()
        await asyncio.gather(*removals, return_exceptions=True)
        if self._engine is not None:
            await self._engine.close()
            self._engine = None

    async def run(self, process: JsonObject, key: str) -> JsonValue:
        """Runs a container, and returns what its ``return`` asks for; raises ``Fault``."""
        specification = specify(process, key)
        waits, content = process.get("await") is not False, stdin(process)
        engine = self._opened()
        await remove_earlier(engine, key)
        await _remove_due(engine)
        image = await provide(engine, specification.image, specification.pull_policy)
        container = await Container.create(
            engine, specification, image, waits=waits, has_input=content is not None
        )
        try:
            if not waits:
                await container.begin(content)
                self._remove_later(engine, specification.after)
                return None
            outcome = await container.run(content, self._policy.output_bytes)
        except BaseException:
            await self._clean_up(engine, container, specification, stops=True)
            raise
        await self._clean_up(engine, container, specification, stops=False)
        return outcome.value(process.get("return"))

    def _opened(self) -> Engine:
        if self._engine is None:
            self._engine = Engine(socket_of(self._policy.container_host))
        return self._engine

    async def _clean_up(
        self, engine: Engine, container: Container, specification: Specification, *, stops: bool
    ) -> None:
        """What cannot be cleaned up is no fault of the process's."""
        try:
            async with asyncio.timeout(self._policy.grace + _CLEANUP_SECONDS):
                if stops:
                    await container.stop(self._policy.grace)
                if specification.cleanup == "always":
                    await container.remove()
        except (Fault, TimeoutError) as error:
            log.warning("a container is left behind", container=container.identifier, reason=str(error))
        self._remove_later(engine, specification.after)

    def _remove_later(self, engine: Engine, after: Duration | None) -> None:
        if after is None:
            return
        removal = asyncio.create_task(_remove_after(engine, after))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)


async def _remove_after(engine: Engine, after: Duration) -> None:
    now = datetime.now(UTC)
    try:
        seconds = (after.after(now) - now).total_seconds()
    except (OverflowError, ValueError):
        return  # it lies beyond the calendar
    await asyncio.sleep(seconds + _MARGIN_SECONDS)
    await _remove_due(engine)


async def _remove_due(engine: Engine) -> None:
    """What cannot be removed now is left to the next time, and is no fault of the container that is run."""
    try:
        await remove_due(engine)
    except Fault as fault:
        log.warning("containers are left behind", reason=fault.detail)
