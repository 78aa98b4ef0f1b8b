"""A process on this host: started by a launcher, and ended with everything that it has started."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from asyncio.subprocess import Process as Launcher
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pgworker.activities.processes.command import Command
from pgworker.activities.processes.outcome import Outcome, kept
from pgworker.activities.processes.policy import ProcessPolicy
from pgworker.errors import Fault, FaultKind

_LAUNCHER = Path(__file__).with_name("launcher.py")
_CHUNK = 64 * 1024
_PATIENCE = 5.0
"""So much longer than the grace may a launcher take before it is told to hurry."""


class Process:
    """A command that runs. Whoever has started it has to ``end`` it, whatever happens.

    It runs in a session of its own, in a new folder that is its home and goes with it. Nothing that it has
    started outlives it, nor does it outlive the worker, however that ends.
    """

    def __init__(
        self, command: Command, policy: ProcessPolicy, folder: str, launcher: Launcher, status: IO[bytes]
    ) -> None:
        self._command = command
        self._policy = policy
        self._folder = folder
        self._launcher = launcher
        self._status = status

    @classmethod
    async def start(cls, command: Command, policy: ProcessPolicy, *, listens: bool = True) -> Process:
        """Starts a command; what it writes is dropped unless somebody ``listens``.

        Raises ``Fault`` (runtime) if this host has no room for it.
        """
        folder = None
        try:
            folder = _folder(command.files)
            with _input(command.stdin) as stdin:
                launcher, status = await _launch(stdin.fileno(), PIPE if listens else DEVNULL)
        except OSError as error:
            _remove(folder)
            detail = f"{command.title} cannot be started: {error.strerror or error}"
            raise Fault(FaultKind.RUNTIME, detail) from error
        except BaseException:
            _remove(folder)
            raise
        process = cls(command, policy, folder, launcher, status)
        try:
            await process._order(folder)
        except BaseException:
            await process.end()
            raise
        return process

    async def _order(self, folder: str) -> None:
        """Tells the launcher what to run."""
        home = {"HOME": folder, "TMPDIR": folder, "PWD": folder}
        order = {
            "argv": self._command.argv,
            "environment": home | dict(self._command.environment),
            "directory": folder,
            "grace": self._policy.grace,
        }
        stdin = self._launcher.stdin
        assert stdin is not None
        stdin.write(json.dumps(order).encode() + b"\n")
        try:
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return  # it is gone; that it has told nothing will say so

    async def outcome(self) -> Outcome:
        """Waits for the end of the process.

        Raises ``Fault``: configuration if it could not be run at all, runtime if it wrote too much, or if
        nobody can tell how it ended.
        """
        limit, title = self._policy.output_bytes, self._command.title
        writing = [
            asyncio.create_task(kept(stream, limit, title, name))
            for stream, name in (
                (self._launcher.stdout, "standard output"),
                (self._launcher.stderr, "standard error"),
            )
            if stream is not None
        ]
        try:
            written = await asyncio.gather(*writing)
            await self._launcher.wait()
        finally:
            for task in writing:
                task.cancel()
        stdout, stderr = written or (b"", b"")
        return Outcome(title, self._code(), stdout, stderr)

    def _code(self) -> int:
        """The code that the launcher, which has ended, has told."""
        told = self._status.readline()
        if not told:
            raise Fault(
                FaultKind.RUNTIME, f"{self._command.title} was lost: something has killed its launcher"
            )
        status = json.loads(told)
        if "error" in status:
            raise Fault(
                FaultKind.CONFIGURATION, f"{self._command.title} cannot be started: {status['error']}"
            )
        return int(status["code"])

    async def end(self) -> None:
        """Ends whatever still runs: gently, then by force; by force at once if this is cancelled."""
        streams = [one for one in (self._launcher.stdout, self._launcher.stderr) if one is not None]
        dropping = [asyncio.create_task(_drop(stream)) for stream in streams]
        ended = asyncio.create_task(self._launcher.wait())
        try:
            await self._end(ended)
        finally:
            for task in (ended, *dropping):
                task.cancel()
            self._status.close()
            _remove(self._folder)

    async def _end(self, ended: asyncio.Task[int]) -> None:
        stdin = self._launcher.stdin
        assert stdin is not None
        try:
            if self._launcher.returncode is None:
                stdin.write(b".")
            await asyncio.wait([ended], timeout=self._policy.grace + _PATIENCE)
        finally:
            stdin.close()
            await asyncio.wait([ended], timeout=_PATIENCE)


async def _launch(stdin: int, outputs: int) -> tuple[Launcher, IO[bytes]]:
    reader, writer = os.pipe()
    try:
        launcher = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(_LAUNCHER),
            str(writer),
            str(stdin),
            stdin=PIPE,
            stdout=outputs,
            stderr=outputs,
            env={},
            start_new_session=True,
            pass_fds=(writer, stdin),
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return launcher, os.fdopen(reader, "rb")


@contextmanager
def _input(content: bytes | None) -> Iterator[IO[bytes]]:
    """Standard input as a file: nobody has to feed it, and who does not wait for a pipe can read it."""
    with tempfile.TemporaryFile() as file:
        file.write(content or b"")
        file.seek(0)
        yield file


def _folder(files: Mapping[str, str]) -> str:
    """A new folder with these files in it; nobody else may look into it."""
    folder = tempfile.mkdtemp(prefix="pgworker-run-")
    try:
        for name, text in files.items():
            Path(folder, name).write_text(text, "utf-8")
    except BaseException:
        _remove(folder)
        raise
    return folder


async def _drop(stream: asyncio.StreamReader) -> None:
    while await stream.read(_CHUNK):
        pass


def _remove(folder: str | None) -> None:
    """The launcher has done it, if it could."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
