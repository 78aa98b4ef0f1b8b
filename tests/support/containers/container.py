"""A container of the engine without containers: a process of this host, and what it has written."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

_NEVER = "0001-01-01T00:00:00Z"


class FakeContainer:
    """What was asked for, and how it is."""

    def __init__(self, identifier: str, name: str, wanted: dict[str, Any], config: dict[str, Any]) -> None:
        self.id = identifier
        self.name = name
        self.wanted = wanted
        self.code: int | None = None
        self.finished_at = _NEVER
        self._argv = _argv(wanted, config)
        self._attached = asyncio.Event()
        self._stdin = bytearray()
        self._input_ended = asyncio.Event()
        self._frames: list[bytes] = []
        self._changed = asyncio.Condition()
        self._process: Process | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """As the engine calls it."""
        if self.code is not None:
            return "exited"
        return "created" if self._process is None else "running"

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.wanted["Labels"]

    async def feed(self, reader: asyncio.StreamReader) -> None:
        """Takes in standard input up to its end."""
        while content := await reader.read(65536):
            self._stdin += content
        self._input_ended.set()

    async def start(self) -> None:
        """Starts the process."""
        environment = dict(one.split("=", 1) for one in self.wanted["Env"])
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={"PATH": os.environ["PATH"]} | environment,
            start_new_session=True,
        )
        self._running = asyncio.create_task(self._run(self._process))

    async def _run(self, process: Process) -> None:
        feeding = asyncio.create_task(self._feed(process))
        await asyncio.gather(self._listen(process.stdout, 1), self._listen(process.stderr, 2))
        code = await process.wait()
        feeding.cancel()
        self.code = code if code >= 0 else 128 - code
        self.finished_at = datetime.now(UTC).isoformat()
        async with self._changed:
            self._changed.notify_all()

    async def _feed(self, process: Process) -> None:
        if self.wanted["OpenStdin"]:
            await self._input_ended.wait()
        assert process.stdin is not None
        process.stdin.write(bytes(self._stdin))
        process.stdin.close()

    async def _listen(self, stream: asyncio.StreamReader | None, number: int) -> None:
        assert stream is not None
        while content := await stream.read(4096):
            async with self._changed:
                self._frames.append(bytes([number, 0, 0, 0]) + len(content).to_bytes(4, "big") + content)
                self._changed.notify_all()

    async def frames(self) -> AsyncIterator[bytes]:
        """All that it writes, up to its end, multiplexed."""
        sent = 0
        while sent < len(self._frames) or self.code is None:
            async with self._changed:
                if sent == len(self._frames) and self.code is None:
                    await self._changed.wait()
            for frame in self._frames[sent:]:
                sent += 1
                yield frame

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.code is not None)
        assert self.code is not None
        return self.code

    async def stop(self, grace: float) -> None:
        """Ends it: gently, then by force."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                await self.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Ends it at once."""
        if self.state == "running":
            self._signal(signal.SIGKILL)
            await self.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(self._process.pid, number)


def _argv(wanted: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """As Docker does it: an entrypoint that is asked for takes the place of all that the image says."""
    if wanted.get("Entrypoint"):
        return [*wanted["Entrypoint"], *(wanted.get("Cmd") or [])]
    return [*(config.get("Entrypoint") or []), *(wanted.get("Cmd") or config.get("Cmd") or [])]
