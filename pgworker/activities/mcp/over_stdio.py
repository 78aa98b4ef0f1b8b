"""MCP over the standard streams of a process, which lives no longer than the question."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
from asyncio.subprocess import PIPE
from asyncio.subprocess import Process as Launcher
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from pgworker.activities.mcp.question import Command
from pgworker.activities.media import last_words, printable
from pgworker.activities.processes.launching import Told, drop, hear, launch, new_folder
from pgworker.activities.progress import count
from pgworker.errors import Fault, FaultKind

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
"""What a process gets of the worker's environment: no setting of the worker, and none of its secrets."""

_FAREWELL_SECONDS = 2.0
_COMPLAINT_BYTES = 128 * 1024
"""So much of its standard error is kept: of a secret at the beginning of what is shown nothing is missing."""

_LAST_WORDS = 400
"""So many characters of that are shown."""

_ANSWER = re.compile(rb'^\s*\{.*"(?:result|error)"\s*:', re.DOTALL)
"""A line that is meant to be an answer, and no word of a process that talks to itself."""


@asynccontextmanager
async def over_stdio(command: Command, limit: int) -> AsyncIterator[TransportStreams]:
    """The streams of a session with a new process; ends it, and all that it has started, afterwards.

    ``limit`` is what one message may have in bytes. Raises ``Fault``.
    """
    process = await _started(command, limit)
    server = _Server(command, process, limit)
    try:
        async with server.talking() as streams:
            yield streams
        await process.farewell()
    except Exception as error:
        fault = await server.fault()
        if fault is not None:
            raise fault from error
        raise
    finally:
        await process.end()


class _Process:
    """A command that a launcher runs, so that it does not outlive the worker either, however that ends."""

    def __init__(
        self, launcher: Launcher, stdin: asyncio.StreamWriter, telling: asyncio.Task[Told], folder: Path
    ) -> None:
        self._launcher = launcher
        self._telling = telling
        self._folder = folder
        self.stdin = stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        """What it says."""
        assert self._launcher.stdout is not None
        return self._launcher.stdout

    @property
    def stderr(self) -> asyncio.StreamReader:
        """What it complains of."""
        assert self._launcher.stderr is not None
        return self._launcher.stderr

    @property
    def told(self) -> Told:
        """How it has ended; nothing as long as it has not."""
        return self._telling.result() if self._telling.done() else Told()

    async def wait(self) -> None:
        """Waits for its end."""
        await asyncio.shield(self._telling)

    async def farewell(self) -> None:
        """Lets it end by itself, as the protocol wants it: it does when its input ends."""
        self.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self.wait()

    async def end(self) -> None:
        """Ends it, and whatever else it has started: the launcher does, once it hears no more."""
        self.stdin.close()
        assert self._launcher.stdin is not None
        self._launcher.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self._launcher.wait()
                await drop([self.stdout, self.stderr])
        self._telling.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)  # the launcher has done it, if it could


class _Server:
    """A process, what went wrong with it, and the end of what it wrote to its standard error."""

    def __init__(self, command: Command, process: _Process, limit: int) -> None:
        self._command = command
        self._process = process
        self._limit = limit
        self._fault: Fault | None = None
        self._complaint = b""

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[TransportStreams]:
        incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
        async with incoming, read, write, outgoing, anyio.create_task_group() as group:
            group.start_soon(self._listen, incoming)
            group.start_soon(self._speak, outgoing)
            group.start_soon(self._overhear)
            yield read, write
            group.cancel_scope.cancel()

    async def fault(self) -> Fault | None:
        """What it is that went wrong, if that is known: too much was said, or the process ended."""
        end = self._process.told
        if self._fault is None and "error" in end:
            return Fault(FaultKind.CONFIGURATION, f"{self._command} cannot be started: {end['error']}")
        if self._fault is not None or "code" not in end:
            return self._fault
        told = last_words(self._complaint.decode("utf-8", "replace"), _LAST_WORDS)
        detail = f"{self._command} ended with {end['code']} before it had answered"
        return Fault(FaultKind.COMMUNICATION, f"{detail}: {told}" if told else detail)

    async def _listen(self, incoming: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        async with incoming:
            try:
                while line := await self._process.stdout.readline():
                    count(len(line))
                    if not line.strip():
                        continue
                    message = _message(line)
                    if isinstance(message, ValueError) and _ANSWER.search(line):
                        self._fault = Fault(
                            FaultKind.COMMUNICATION,
                            f"{self._command} answered with what cannot be read: {printable(str(message))}",
                        )
                        return
                    await incoming.send(message)
            except ValueError:
                self._fault = Fault(
                    FaultKind.COMMUNICATION,
                    f"{self._command} said something larger than the limit of {self._limit} bytes",
                )
                return
            # its last words may come after its last message
            with anyio.move_on_after(_FAREWELL_SECONDS):
                await self._process.wait()

    async def _speak(self, outgoing: MemoryObjectReceiveStream[SessionMessage]) -> None:
        with contextlib.suppress(ConnectionError):  # the end of its output says that it is gone
            async for item in outgoing:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                self._process.stdin.write(text.encode() + b"\n")
                await self._process.stdin.drain()

    async def _overhear(self) -> None:
        while chunk := await self._process.stderr.read(_COMPLAINT_BYTES):
            self._complaint = (self._complaint + chunk)[-_COMPLAINT_BYTES:]


def _message(line: bytes) -> SessionMessage | ValueError:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:  # not a message: the session passes over it
        return error


async def _started(command: Command, limit: int) -> _Process:
    inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    folder = new_folder({})
    reader, writer = os.pipe()
    try:
        launcher, status = await launch(reader, PIPE, limit)
    except OSError as error:
        os.close(writer)
        shutil.rmtree(folder, ignore_errors=True)
        detail = f"{command} cannot be started: {error.strerror or error}"
        raise Fault(FaultKind.RUNTIME, detail) from error
    finally:
        os.close(reader)
    telling = asyncio.create_task(hear(status))
    order = {
        "argv": [command.program, *command.arguments],
        "environment": inherited | command.environment,
        "directory": str(folder),
        "grace": 0,
    }
    assert launcher.stdin is not None
    launcher.stdin.write(json.dumps(order).encode() + b"\n")
    return _Process(launcher, await _writing(writer), telling, folder)


async def _writing(pipe: int) -> asyncio.StreamWriter:
    """What is written to goes into a pipe."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop), os.fdopen(pipe, "wb", buffering=0)
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)
