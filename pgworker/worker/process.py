"""One engine process: ``python -m pgworker.worker.process``, as the supervisor starts it.

It stops gracefully on SIGTERM and SIGINT. When its supervisor is gone (its standard input ends) it ends at
once, as that did. Every second it says on its standard output that its loop turns.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from pgworker.activities.functions.library import Functions
from pgworker.settings import Settings
from pgworker.telemetry import configure_logging
from pgworker.worker.black_box import BlackBox
from pgworker.worker.garbage import collect_rarely
from pgworker.worker.loading import load_functions
from pgworker.worker.memory import limit_memory
from pgworker.worker.mortality import die_with_parent
from pgworker.worker.service import serve
from pgworker.worker.supervisor import BEAT_SECONDS, BLACK_BOX_VARIABLE


async def serve_until_signal(
    settings: Settings,
    stop: asyncio.Event,
    black_box: BlackBox | None = None,
    functions: Functions | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, or until ``stop`` is set by others."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await serve(settings, stop, black_box, functions)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _supervised(settings: Settings, black_box: BlackBox, functions: Functions) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _hear)
    beating = asyncio.create_task(_beat())
    try:
        await serve_until_signal(settings, stop, black_box, functions)
    finally:
        beating.cancel()


def _hear() -> None:
    """Standard input says nothing but that it has ended: whoever killed the supervisor meant the worker."""
    if not os.read(sys.stdin.fileno(), 1024):
        os.kill(os.getpid(), signal.SIGKILL)


async def _beat() -> None:
    while True:
        os.write(sys.stdout.fileno(), b".")
        await asyncio.sleep(BEAT_SECONDS)


def main() -> None:
    """Runs the process to its end."""
    settings = Settings.load()
    configure_logging(settings.log_level, settings.log_format)
    die_with_parent()
    limit_memory(settings.memory_megabytes)
    collect_rarely()
    black_box = BlackBox(int(os.environ[BLACK_BOX_VARIABLE]))
    asyncio.run(_supervised(settings, black_box, load_functions(settings.functions)))


if __name__ == "__main__":
    main()
