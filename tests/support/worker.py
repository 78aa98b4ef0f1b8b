"""One worker process with its settings from the environment: SIGTERM stops it gracefully."""

from __future__ import annotations

import asyncio
import signal

from pgworker.settings import Settings
from pgworker.telemetry import configure_logging
from pgworker.worker.loading import load_functions
from pgworker.worker.service import serve


def main() -> int:
    """Works until it is told to stop."""
    settings = Settings.load()
    configure_logging(settings.log_level, settings.log_format)
    asyncio.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop, functions=load_functions(settings.functions))


if __name__ == "__main__":
    raise SystemExit(main())
