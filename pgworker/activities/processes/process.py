"""A process on this host: started by a launcher, and ended with everything that it has started."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE
from asyncio.subprocess import Process as Launcher
from contextlib import suppress
from pathlib import Path

from pgworker.activities.processes.command import Command
from pgworker.activities.processes.launching import Told, drop, hear, input_file, launch, new_folder
from pgworker.activities.processes.outcome import Outcome, kept
from pgworker.activities.processes.policy import ProcessPolicy
from pgworker.errors import Fault, FaultKind

_PATIENCE = 5.0
"""So much longer than the grace may a launcher take before it is told to hurry."""

_LAST_SECONDS = 1.0
"""So long after its end is waited for the end of what it wrote."""


class Process:
    """A command that runs. Whoever has started it has to ``end`` it, whatever happens.

    It runs in a session of its own, in a new folder that is its home and goes with it. Nothing that it has
    started outlives it, nor does it outlive the worker, however that ends.
    """

    def __init__(
        self,
        command: Command,
        policy: ProcessPolicy,
        folder: Path,
        launcher: Launcher,
        telling: asyncio.Task[Told],
    ) -> None:
        self._command = command
        self._policy = policy
        self._folder = folder
        self._launcher = launcher
        self._telling = telling

    @classmethod
    async def start(cls, command: Command, policy: ProcessPolicy, *, listens: bool = True) -> Process:
        """Starts a command; what it writes is dropped unless somebody ``listens``.

        Raises ``Fault`` (runtime) if this host has no room for it.
        """
        folder = None
        try:
            folder = new_folder(command.files)
            with input_file(command.stdin) as stdin:
                launcher, status = await launch(stdin.fileno(), PIPE if listens else DEVNULL)
        except OSError as error:
            _remove(folder)
            detail = f"{command.title} cannot be started: {error.strerror or error}"
            raise Fault(FaultKind.RUNTIME, detail) from error
        except BaseException:
            _remove(folder)
            raise
        process = cls(command, policy, folder, launcher, asyncio.create_task(hear(status)))
        try:
            await process._order()
        except BaseException:
            await process.end()
            raise
        return process

    async def _order(self) -> None:
        """Tells the launcher what to run."""
        folder = str(self._folder)
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
        writing = asyncio.create_task(self._written())
        both: list[asyncio.Task[object]] = [writing, self._telling]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if self._telling.done():
                self._code(self._telling.result())  # if it was lost, what it has started may write for ever
            stdout, stderr = await writing
        finally:
            writing.cancel()
        code = self._code(await asyncio.shield(self._telling))
        return Outcome(self._command.title, code, stdout, stderr)

    async def _written(self) -> tuple[bytes, bytes]:
        out, err = self._launcher.stdout, self._launcher.stderr
        if out is None or err is None:
            await asyncio.shield(self._telling)
            return b"", b""
        limit, title = self._policy.output_bytes, self._command.title
        stdout, stderr = await asyncio.gather(
            kept(out, limit, title, "standard output"), kept(err, limit, title, "standard error")
        )
        return stdout, stderr

    def _code(self, told: Told) -> int:
        """The code that the launcher, which has ended, has told."""
        title = self._command.title
        if "error" in told:
            raise Fault(FaultKind.CONFIGURATION, f"{title} cannot be started: {told['error']}")
        if "code" not in told:
            raise Fault(FaultKind.RUNTIME, f"{title} was lost: something has killed its launcher")
        return told["code"]

    async def end(self) -> None:
        """Ends whatever still runs: gently, then by force; by force at once if this is cancelled."""
        streams = [one for one in (self._launcher.stdout, self._launcher.stderr) if one is not None]
        dropping = asyncio.create_task(drop(streams))
        ended = asyncio.create_task(self._launcher.wait())
        try:
            await self._end(ended)
            await asyncio.wait([dropping], timeout=_LAST_SECONDS)
        finally:
            for task in (ended, self._telling, dropping):
                task.cancel()
            _remove(self._folder)

    async def _end(self, ended: asyncio.Task[int]) -> None:
        stdin = self._launcher.stdin
        assert stdin is not None
        try:
            if not self._telling.done():
                stdin.write(b".")
                await asyncio.wait([self._telling], timeout=self._policy.grace + _PATIENCE)
        finally:
            stdin.close()
            await asyncio.wait([self._telling], timeout=_PATIENCE)
            if self._telling.done():
                _end_abandoned(self._telling.result())
            await asyncio.wait([ended], timeout=_PATIENCE)


def _end_abandoned(told: Told) -> None:
    """Kills the group of a command of which both launchers have been killed before they could do it."""
    if "pid" in told and "code" not in told:
        with suppress(ProcessLookupError):  # it has died with its parent, and was alone
            os.killpg(told["pid"], signal.SIGKILL)


def _remove(folder: Path | None) -> None:
    """The launcher has done it, if it could."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
