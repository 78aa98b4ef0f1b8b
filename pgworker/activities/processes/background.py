"""Processes that nobody waits for: they run beside the activities, until the worker stops."""

from __future__ import annotations

import asyncio

from pgworker.activities.processes.command import Command
from pgworker.activities.processes.policy import ProcessPolicy
from pgworker.activities.processes.process import Process
from pgworker.errors import Fault, FaultKind
from pgworker.telemetry import log


class Background:
    """Keeps such processes and buries them; what they write is dropped, how they end is logged."""

    def __init__(self, policy: ProcessPolicy) -> None:
        self._policy = policy
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, command: Command) -> None:
        """Starts a process; raises ``Fault`` (runtime) if too many run already, or it cannot be started."""
        if len(self._tasks) >= self._policy.background:
            raise Fault(
                FaultKind.RUNTIME,
                f"{command.title} was not started: {self._policy.background} processes run already"
                " that nobody waits for",
            )
        process = await Process.start(command, self._policy, listens=False)
        task = asyncio.create_task(_bury(process))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.sleep(0)  # a task that is cancelled before its first step never ends its process

    async def end_all(self) -> None:
        """Ends all of them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _bury(process: Process) -> None:
    try:
        outcome = await process.outcome()
        log.info("a process that nobody waits for has ended", code=outcome.code)
    except Fault as fault:
        log.warning("a process that nobody waits for has failed", detail=fault.detail)
    finally:
        await process.end()
