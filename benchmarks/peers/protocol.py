"""What a peer's module and its runner say to each other; the standard library only.

``python -m benchmarks.peers.NAME install`` makes the schema. ``work`` says that it is ready and works until
SIGTERM. ``start`` reads an order a line, and answers each when its workflows are committed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

TASKS = 10
"""How many tasks a workflow has."""

AT_ONCE = 50
"""How many HTTP calls a process has in flight."""

READY = "ready"
DATABASE = "PEER_DATABASE_URL"
"""The variable that names the peer's database."""


@dataclass(frozen=True, slots=True)
class Order:
    """So many workflows, ``pure`` or ``http``, each with the same input."""

    workflow: str
    given: dict[str, Any]
    count: int

    def line(self) -> str:
        """The order as a line."""
        return json.dumps(asdict(self)) + "\n"


def orders() -> Iterator[Order]:
    """The orders on stdin; going on to the next one answers the last."""
    for line in sys.stdin:
        yield Order(**json.loads(line))
        print(READY, flush=True)


def database() -> str:
    """The peer's database."""
    return os.environ[DATABASE]


def added(value: dict[str, object]) -> dict[str, object]:
    """The trivial task: it counts."""
    return {"count": int(str(value["count"])) + 1, "name": value["name"]}


async def until_stopped() -> None:
    """Says that the worker is ready, and waits for SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(READY, flush=True)
    await stop.wait()


def main(install: Callable[[], None], work: Callable[[], None], start: Callable[[], None]) -> None:
    """Does what the command line asks for."""
    {"install": install, "work": work, "start": start}[sys.argv[1]]()
