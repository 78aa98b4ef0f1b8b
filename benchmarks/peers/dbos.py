"""DBOS Transact: workflows of steps, taken from its database-backed queues.

Chosen, after its documentation, its maintainers' own queue benchmark and a bit of trying:

- Steps of pure work and their workflows are plain functions, which run in its thread pool. Coroutines pass
  every look-up and every record through a thread all the same, and were a fifth slower.
- 30 workflows at once and as many connections, which are not pinged before each use: 5 and 10 connections
  were slower, its default of 20 about the same; 100 and 1000 workflows at once were slower, too.
- The queues are polled every 50 ms instead of every second; a poll takes as many workflows as there is room
  for.
- Calls are coroutines, on one event loop and one HTTP session, with 50 workflows at once.
- An executor id of its own for each process, as its documentation asks where the limits are per process.
"""

from __future__ import annotations

import asyncio
import uuid

import aiohttp
import sqlalchemy
from dbos import DBOS, DBOSClient, DBOSConfig

from benchmarks.peers.protocol import AT_ONCE, TASKS, added, database, main, orders, until_stopped

_POLL_SECONDS = 0.05
_CONNECTIONS = 30
_NAME = "benchmark"
_sessions: list[aiohttp.ClientSession] = []


@DBOS.step()
def _add(value: dict[str, object]) -> dict[str, object]:
    return added(value)


@DBOS.workflow(name="pure")
def _pure(value: dict[str, object]) -> dict[str, object]:
    for _ in range(TASKS):
        value = _add(value)
    return value


@DBOS.step()
async def _get(url: str) -> object:
    async with _sessions[0].get(url) as response:
        return await response.json()


@DBOS.workflow(name="http")
async def _http(value: dict[str, object]) -> object:
    answer: object = None
    for _ in range(TASKS):
        answer = await _get(f"{value['stub']}/item")
    return answer


def _launch() -> None:
    config: DBOSConfig = {
        "name": _NAME,
        "system_database_url": database(),
        "sys_db_pool_size": _CONNECTIONS,
        "db_engine_kwargs": {"pool_pre_ping": False},
        "executor_id": str(uuid.uuid4()),
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()


def _install() -> None:
    _launch()
    DBOS.register_queue("pure", worker_concurrency=_CONNECTIONS, polling_interval_sec=_POLL_SECONDS)
    DBOS.register_queue("http", worker_concurrency=AT_ONCE, polling_interval_sec=_POLL_SECONDS)
    DBOS.destroy()


async def _work() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        _sessions.append(session)
        _launch()
        await until_stopped()
        DBOS.destroy()


def _start() -> None:
    url = database()
    client = DBOSClient(system_database_url=url, application_name=_NAME)
    engine = sqlalchemy.create_engine(sqlalchemy.make_url(url).set(drivername="postgresql+psycopg"))
    for order in orders():
        with engine.begin() as connection:
            for _ in range(order.count):
                client.enqueue_in_transaction(
                    connection, {"workflow_name": order.workflow, "queue_name": order.workflow}, order.given
                )


if __name__ == "__main__":
    main(_install, lambda: asyncio.run(_work()), _start)
