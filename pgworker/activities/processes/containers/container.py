"""One container: created, started, listened to, stopped and removed."""

from __future__ import annotations

import asyncio
from math import ceil

from pgworker.activities.processes.containers.attached import Stdin
from pgworker.activities.processes.containers.engine import Engine, EngineRefused
from pgworker.activities.processes.containers.frames import demultiplexed
from pgworker.activities.processes.containers.specification import Specification
from pgworker.activities.processes.outcome import Outcome
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject

TITLE = "the container"

_FEED_SECONDS = 10.0


class Container:
    """A container that exists. Its calls raise ``Fault`` (communication) for what the engine refuses."""

    def __init__(self, engine: Engine, identifier: str) -> None:
        self._engine = engine
        self._path = f"/containers/{identifier}"
        self.identifier = identifier

    @classmethod
    async def create(
        cls, engine: Engine, specification: Specification, image: JsonObject, *, waits: bool, has_input: bool
    ) -> Container:
        """Creates it; one that nobody waits for and that is not to stay removes itself."""
        removes_itself = not waits and specification.cleanup == "always"
        body = specification.request(image, has_input=has_input, removes_itself=removes_itself)
        try:
            answer = await engine.ask("POST", "/containers/create", {"name": specification.name}, body)
        except EngineRefused as refused:
            raise refused.fault() from refused
        identifier = answer.get("Id") if isinstance(answer, dict) else None
        if not isinstance(identifier, str):
            raise Fault(FaultKind.COMMUNICATION, "the container engine created a container without an id")
        return cls(engine, identifier)

    async def begin(self, content: bytes | None) -> None:
        """Starts it and gives it its input; its end is not waited for.

        Raises ``Fault`` (runtime) too if it does not take its input in time.
        """
        stdin = None if content is None else await Stdin.attach(self._engine, self.identifier)
        try:
            await self._ask("POST", "start")
            if stdin is not None:
                async with asyncio.timeout(_FEED_SECONDS):
                    await stdin.feed(content or b"")
        except TimeoutError as error:
            detail = f"{TITLE} did not take its input within {_FEED_SECONDS:g} s"
            raise Fault(FaultKind.RUNTIME, detail) from error
        finally:
            if stdin is not None:
                stdin.close()

    async def run(self, content: bytes | None, limit: int) -> Outcome:
        """Starts it, gives it its input, and waits for its end."""
        stdin = None if content is None else await Stdin.attach(self._engine, self.identifier)
        feeding = None
        try:
            await self._ask("POST", "start")
            if stdin is not None:
                feeding = asyncio.create_task(stdin.feed(content or b""))
            return await self._outcome(limit)
        finally:
            if feeding is not None:
                feeding.cancel()
            if stdin is not None:
                stdin.close()

    async def _outcome(self, limit: int) -> Outcome:
        query = {"follow": "1", "stdout": "1", "stderr": "1"}
        try:
            async with self._engine.stream("GET", f"{self._path}/logs", query) as response:
                stdout, stderr = await demultiplexed(response.content, limit, TITLE)
            ended = await self._engine.ask("POST", f"{self._path}/wait")
        except EngineRefused as refused:
            raise refused.fault() from refused
        code = ended.get("StatusCode") if isinstance(ended, dict) else None
        if not isinstance(code, int):
            raise Fault(FaultKind.COMMUNICATION, "the container engine does not tell how the container ended")
        return Outcome(TITLE, code, stdout, stderr)

    async def stop(self, grace: float) -> None:
        """Ends it with everything in it: gently, and after the grace by force."""
        await self._ask("POST", "stop", {"t": str(ceil(grace))})

    async def remove(self) -> None:
        """Removes it, whatever it does."""
        await self._ask("DELETE", "", {"force": "1", "v": "1"})

    async def _ask(self, method: str, what: str, query: dict[str, str] | None = None) -> None:
        """One that is gone, or going, is what a caller who ends it wants."""
        path = f"{self._path}/{what}" if what else self._path
        try:
            await self._engine.ask(method, path, query)
        except EngineRefused as refused:
            if what == "start" or refused.status not in (404, 409):
                raise refused.fault() from refused
