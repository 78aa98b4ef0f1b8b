"""absurd: tasks of checkpointed steps, claimed by its asynchronous workers.

Chosen, after its documentation and a bit of trying:

- A client has one connection, which its tasks take turns at, and claims a batch when the last one is done. So
  a process runs ten clients of five tasks each: 50 in flight. One client of 50 was a third as fast, and 50
  clients of one were about the same, with more connections than a server likes to have.
- Queues are polled every 50 ms instead of every 250; a worker that found work does not wait.
- A queue of its default kind, which is not partitioned.
"""

from __future__ import annotations

import asyncio
import os

import absurdctl
import aiohttp
import psycopg
from absurd_sdk import Absurd, AsyncAbsurd, AsyncTaskContext

from benchmarks.peers.protocol import AT_ONCE, TASKS, added, database, main, orders, until_stopped

_POLL_SECONDS = 0.05
_CLIENTS = 10
_QUEUE = "bench"


def _install() -> None:
    # What `absurdctl init` applies, without the psql that it needs.
    with psycopg.connect(database(), autocommit=True) as connection:
        connection.execute(absurdctl.BUNDLED_SCHEMA_SQL)
        Absurd(connection, queue_name=_QUEUE).create_queue()


def _client(session: aiohttp.ClientSession) -> AsyncAbsurd:
    client = AsyncAbsurd(database(), queue_name=_QUEUE)

    @client.register_task("pure")
    async def pure(value: dict[str, object], context: AsyncTaskContext) -> dict[str, object]:
        async def add() -> dict[str, object]:
            return added(value)

        for index in range(TASKS):
            value = await context.step(f"task{index}", add)
        return value

    @client.register_task("http")
    async def http(value: dict[str, object], context: AsyncTaskContext) -> object:
        async def get() -> object:
            async with session.get(f"{value['stub']}/item") as response:
                return await response.json()

        answer: object = None
        for index in range(TASKS):
            answer = await context.step(f"task{index}", get)
        return answer

    return client


async def _work() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        clients = [_client(session) for _ in range(_CLIENTS)]
        workers = [
            asyncio.create_task(
                client.start_worker(
                    worker_id=f"{os.getpid()}-{index}",
                    concurrency=AT_ONCE // _CLIENTS,
                    poll_interval=_POLL_SECONDS,
                )
            )
            for index, client in enumerate(clients)
        ]
        await until_stopped()
        for client in clients:
            client.stop_worker()
        await asyncio.gather(*workers)
        for client in clients:
            await client.close()


def _start() -> None:
    with psycopg.connect(database()) as connection:
        client = Absurd(connection, queue_name=_QUEUE)
        for order in orders():
            for _ in range(order.count):
                client.spawn(order.workflow, order.given, queue=_QUEUE)
            connection.commit()


if __name__ == "__main__":
    main(_install, lambda: asyncio.run(_work()), _start)
