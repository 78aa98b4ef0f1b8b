"""MCP over the standard streams of a process, which lives no longer than the question."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from pgworker.activities.mcp.question import Command
from pgworker.activities.media import printable
from pgworker.errors import Fault, FaultKind

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
"""What a process gets of the worker's environment: no setting of the worker, and none of its secrets."""

_FAREWELL_SECONDS = 2.0
_COMPLAINT_BYTES = 2048


@asynccontextmanager
async def over_stdio(command: Command, limit: int) -> AsyncIterator[TransportStreams]:
    """The streams of a session with a new process; ends it, and its whole process group, afterwards.

    ``limit`` is what one message may have in bytes. Raises ``Fault``.
    """
    with TemporaryDirectory(prefix="pgworker-mcp-") as folder:
        process = await _started(command, folder, limit)
        server = _Server(command, process, limit)
        try:
            async with server.talking() as streams:
                yield streams
            await _farewell(process)
        except Exception as error:
            fault = await server.fault()
            if fault is not None:
                raise fault from error
            raise
        finally:
            await _end(process)


class _Server:
    """A process, what went wrong with it, and the end of what it wrote to its standard error."""

    def __init__(self, command: Command, process: Process, limit: int) -> None:
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
        if self._fault is not None or self._process.returncode is None:
            return self._fault
        told = printable(self._complaint.decode("utf-8", "replace"), 400)
        detail = f"{self._command} ended with {self._process.returncode} before it had answered"
        return Fault(FaultKind.COMMUNICATION, f"{detail}: {told}" if told else detail)

    async def _listen(self, incoming: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        assert self._process.stdout is not None
        async with incoming:
            try:
                while line := await self._process.stdout.readline():
                    if line.strip():
                        await incoming.send(_message(line))
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
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # the end of its output says that it is gone
            async for item in outgoing:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                self._process.stdin.write(text.encode() + b"\n")
                await self._process.stdin.drain()

    async def _overhear(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(_COMPLAINT_BYTES):
            self._complaint = (self._complaint + chunk)[-_COMPLAINT_BYTES:]


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:  # not a message: the session passes over it
        return error


async def _started(command: Command, folder: str, limit: int) -> Process:
    inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            command.program,
            *command.arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=folder,
            env=inherited | command.environment,
            limit=limit,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its command is wrong"
        raise Fault(FaultKind.CONFIGURATION, f"{command} cannot be started: {reason}") from error
    _release(process.pid)
    return process


def _release(pid: int) -> None:
    """The limit to the memory of the worker is none to what it starts."""
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            resource.prlimit(pid, resource.RLIMIT_DATA, (hard, hard))


async def _farewell(process: Process) -> None:
    """Lets a process end by itself, as the protocol wants it: it does when its input ends."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await process.wait()


async def _end(process: Process) -> None:
    """Ends what is left of the process group, its leader or others."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await process.wait()
