"""PgQueuer: a bare queue. A job is one task; ten of them stand for a workflow, and nothing orders them.

Chosen, after its documentation, its own benchmark and a bit of trying:

- asyncpg and uvloop, its fastest driver and the loop that its command line runs on.
- For pure work two managers, each with a connection of its own, which take 50 jobs at a time.
- For calls one manager that takes 50 at a time; what bounds the calls in flight is the HTTP session. Its own
  bound, `max_concurrent_tasks`, counts jobs whose end waits to be written down, too, and halved the speed.
- Its durable tables, which are the default; faster ones are not logged and lose jobs when the server crashes.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import aiohttp
import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.peers.protocol import AT_ONCE, TASKS, added, database, main, orders, until_stopped

_MANAGERS = 2
_BATCH = 50


async def _connection(stack: AsyncExitStack) -> asyncpg.Connection:
    connection = await asyncpg.connect(database())
    stack.push_async_callback(connection.close)
    return connection


async def _pure(job: Job) -> None:
    added(json.loads(job.payload or b""))


async def _install() -> None:
    async with AsyncExitStack() as stack:
        await Queries(AsyncpgDriver(await _connection(stack))).install()


async def _work() -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE))
        )

        async def http(job: Job) -> None:
            async with session.get(f"{json.loads(job.payload or b'')['stub']}/item") as response:
                await response.json()

        managers: list[PgQueuer] = []
        running: list[asyncio.Task[None]] = []
        for index in range(_MANAGERS + 1):
            manager = PgQueuer(AsyncpgDriver(await _connection(stack)))
            managers.append(manager)
            if index < _MANAGERS:
                manager.entrypoint("pure")(_pure)
                running.append(asyncio.create_task(manager.run(batch_size=_BATCH)))
            else:
                manager.entrypoint("http")(http)
                running.append(asyncio.create_task(manager.run(batch_size=AT_ONCE)))
        await until_stopped()
        for manager in managers:
            manager.shutdown.set()
        await asyncio.gather(*running)


def _start() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stack = AsyncExitStack()
        queries = Queries(AsyncpgDriver(runner.run(_connection(stack))))
        for order in orders():
            count = order.count * TASKS
            payload = json.dumps(order.given).encode()
            runner.run(queries.enqueue([order.workflow] * count, [payload] * count, [0] * count))
        runner.run(stack.aclose())


if __name__ == "__main__":
    main(lambda: uvloop.run(_install()), lambda: uvloop.run(_work()), _start)
