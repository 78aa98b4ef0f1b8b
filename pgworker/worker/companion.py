"""A companion: the decider's process, as the worker that has started it sees it."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import Process
from contextlib import suppress

from pgworker.telemetry import log
from pgworker.worker.decider import LENGTH

_PAUSE_SECONDS = 1.0
"""How soon it is tried again to start a process where that was not possible."""

_ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "TZ")
"""What a decider needs of the worker's environment; the rest may hold passwords."""


class Companion:
    """A decider that runs: what it is told, what it answers, and its end."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, memory_megabytes: int) -> Companion:
        """One that takes no more memory than this, as soon as a process can be started."""
        while True:
            try:
                return cls(await _start(memory_megabytes))
            except OSError as error:
                log.warning("no process for what takes long can be started", reason=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)

    async def tell(self, message: bytes) -> None:
        """Tells it something that is pickled; raises ``ConnectionError`` if it is dead."""
        assert self._process.stdin is not None
        self._process.stdin.write(LENGTH.pack(len(message)) + message)
        await self._process.stdin.drain()

    async def answer(self) -> object:
        """What it says next; raises ``asyncio.IncompleteReadError`` if it dies instead."""
        assert self._process.stdout is not None
        (length,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
        said: object = pickle.loads(await self._process.stdout.readexactly(length))
        return said

    async def end(self) -> None:
        """Kills it, whatever it is doing."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


async def _start(memory_megabytes: int) -> Process:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pgworker.worker.decider",
        str(memory_megabytes),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
