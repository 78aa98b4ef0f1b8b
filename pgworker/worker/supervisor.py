"""The supervisor: several engine processes, each started again when it dies.

A process whose loop has stopped turning is killed. What a process was deciding upon when it died gets a
strike, so that a workflow that kills its workers fails in the end, alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process

from pgworker.errors import DatabaseUnavailable
from pgworker.settings import Settings
from pgworker.store.database import Database
from pgworker.store.turns import TurnConnection
from pgworker.telemetry import log
from pgworker.worker.backoff import Backoff
from pgworker.worker.black_box import BlackBox
from pgworker.worker.process import BEAT_SECONDS, BLACK_BOX_VARIABLE

STUCK_SECONDS = 20 * BEAT_SECONDS
"""A process that has not said for so long that its loop turns is killed."""

_STRIKE_SECONDS = 1.0
_LONG_ENOUGH = 10.0
"""A process that lived for so many seconds did not die of its start."""


def supervise(settings: Settings) -> int:
    """Runs ``settings.processes`` engine processes until SIGTERM or SIGINT; returns the exit code."""
    return asyncio.run(_supervise(settings))


async def _supervise(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("supervisor started", processes=settings.processes)
    async with asyncio.TaskGroup() as group:
        for index in range(settings.processes):
            group.create_task(_keep_alive(settings, index, stop))
    log.info("supervisor stopped")
    return 0


async def _keep_alive(settings: Settings, index: int, stop: asyncio.Event) -> None:
    """Keeps one place filled until it is time to stop."""
    backoff = Backoff()
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        black_box = BlackBox.new()
        started_at = loop.time()
        process = await _start(settings, index, black_box)
        code = await _watch(process, settings, stop)
        if not stop.is_set():
            log.error("an engine process died and is started again", pid=process.pid, exit_code=code)
            await _strike(settings, black_box.read())
            if loop.time() - started_at > _LONG_ENOUGH:
                backoff.reset()
            await asyncio.sleep(backoff.next())
        black_box.close()


async def _start(settings: Settings, index: int, black_box: BlackBox) -> Process:
    environment = os.environ | {
        BLACK_BOX_VARIABLE: str(black_box.descriptor),
        "PGWORKER_CONCURRENCY": str(settings.concurrency),
    }
    if settings.worker_id is not None:
        environment["PGWORKER_WORKER_ID"] = f"{settings.worker_id}-{index}"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pgworker.worker.process",
        stdin=PIPE,
        stdout=PIPE,
        env=environment,
        pass_fds=[black_box.descriptor],
    )


async def _watch(process: Process, settings: Settings, stop: asyncio.Event) -> int:
    """Waits until the process has ended; ends it when it is time, kills it when it is stuck."""
    ended = asyncio.create_task(process.wait())
    beats = asyncio.create_task(_miss_a_beat(process))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([ended, beats, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        if stop.is_set():
            process.terminate()
            await asyncio.wait([ended], timeout=settings.grace_seconds + STUCK_SECONDS)
        if not ended.done():
            log.error("an engine process is stuck and is killed", pid=process.pid)
            process.kill()
    for task in (beats, stopping):
        task.cancel()
    return await ended


async def _miss_a_beat(process: Process) -> None:
    """Returns when the process has been silent for too long, or has closed its output."""
    assert process.stdout is not None
    while True:
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                heard = await process.stdout.read(64)
        except TimeoutError:
            return
        if not heard:
            await process.wait()
            return


async def _strike(settings: Settings, workflow_id: str | None) -> None:
    if workflow_id is None:
        return
    log.error("it was deciding upon a workflow, which gets a strike", workflow_id=workflow_id)
    database = Database(settings.database, settings.db_schema)
    try:
        connection = TurnConnection(database, await database.connect("supervisor"), "supervisor", 0)
        try:
            await connection.postpone(workflow_id, _STRIKE_SECONDS)
        finally:
            await connection.close()
    except DatabaseUnavailable as error:
        log.warning("the strike could not be noted", reason=error.message)
