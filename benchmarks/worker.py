"""One worker process with its settings in the environment: ``python -m benchmarks.worker [PROFILE]``.

It ends gracefully on SIGTERM; with a file name it runs under cProfile and leaves the statistics there.
"""

from __future__ import annotations

import asyncio
import cProfile
import signal
import sys

from pgworker.settings import Settings
from pgworker.telemetry import configure_logging
from pgworker.worker.garbage import collect_rarely
from pgworker.worker.service import serve


async def _serve() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(Settings.load(), stop)


def main() -> None:
    """Serves to the end."""
    configure_logging("WARNING", "text")
    collect_rarely()
    if len(sys.argv) == 1:
        asyncio.run(_serve())
        return
    profile = cProfile.Profile()
    profile.runcall(asyncio.run, _serve())
    profile.dump_stats(sys.argv[1])


if __name__ == "__main__":
    main()
