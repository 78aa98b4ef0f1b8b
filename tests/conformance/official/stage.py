"""The stage: one database, one worker and the services around them, on which cases are played in turn."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, assert_never

from psycopg import Connection
from psycopg.rows import dict_row

from pgworker.client import Client, Workflow, compiled
from pgworker.settings import Settings
from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from pgworker.types import JsonObject, JsonValue
from pgworker.worker.service import serve
from tests.conformance.official.case import (
    Cancel,
    Case,
    Elapses,
    Happening,
    HasAsked,
    HasConsumed,
    HasRecorded,
    MidnightComes,
    Publish,
    Release,
)
from tests.conformance.official.remote import remote
from tests.conformance.official.services import Services
from tests.support.containers.engine import FakeEngine
from tests.support.official import SPECIFICATION
from tests.support.waiting import eventually

_LIMIT = 20.0
_POLL = 0.05
"""Nobody tells a worker of a time that a test has changed: it has to look by itself, and often."""

_WORKFLOWS = "select id::text from pgworker.workflows where namespace = %s"
_CONSUMED = """
    select e.data from pgworker.consumptions c join pgworker.cloud_events e on e.id = c.event_id
    where c.workflow_id = %s order by e.published_at"""
_EMITTED = """
    select source, type, data from pgworker.cloud_events where published_by = %s order by published_at"""

_PENDING = """
    select j.seq, t.due_at - e.occurred_at as after, t.due_at - b.occurred_at as after_start
    from pgworker.jobs j join pgworker.events e using (workflow_id, seq)
    join pgworker.events b on b.workflow_id = j.workflow_id and b.seq = 1
    cross join lateral (select (e.data ->> 'due_at')::timestamptz as due_at) t
    where j.workflow_id = %s and j.kind = 'decide' and j.due_at > now()"""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a case."""

    workflow: Workflow
    consumed: Sequence[JsonValue]
    emitted: Sequence[JsonObject]


class Stage:
    """Plays cases. Each has a namespace of its own, because the examples share names."""

    def __init__(
        self,
        client: Client,
        connection: Connection[dict[str, Any]],
        services: Services,
        engine: FakeEngine,
    ) -> None:
        self.services = services
        self.engine = engine
        self._client = client
        self._connection = connection
        self._numbers = count(1)

    @staticmethod
    @asynccontextmanager
    async def open(database_url: str, folder: Path) -> AsyncIterator[Stage]:
        """Prepares the database, and has a worker work on it until the end."""
        await asyncio.to_thread(migrate, Database(database_url))
        quitting = asyncio.Event()
        async with (
            Services().open(folder) as services,
            remote(folder) as others,
            FakeEngine().open(folder) as engine,
            Client(database_url, "pgworker") as client,
        ):
            found = {**services.settings, **others}
            found["http_connect_to"] = f"{services.settings['http_connect_to']},{others['http_connect_to']}"
            found["run_allow"] = "shell,script,container"
            settings = Settings(
                database_url=database_url, poll_seconds=_POLL, docker_host=engine.host, **found
            )
            working = asyncio.create_task(serve(settings, quitting))
            try:
                with Connection.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
                    yield Stage(client, connection, services, engine)
            finally:
                quitting.set()
                await working

    async def play(self, case: Case) -> Played:
        """Runs an example as the case wants it, until it has ended."""
        self.services.begin(case.answers, case.resources)
        await self.engine.begin()
        self.engine.images.update(case.images)
        for name, secret in case.secrets.items():
            self.services.keep(name, secret)
        definition = _set_apart(case.example, next(self._numbers))
        for one in (*case.children, definition):
            await self._client.define(one)
        _, name, namespace = _identity(definition)
        try:
            if case.is_scheduled:
                for happening in case.happens:
                    await self._happens(happening, namespace, "")
                workflow_id = await self._started_by_schedule(namespace)
            else:
                workflow_id = await self._client.start(name, case.input, namespace=namespace)
                for happening in case.happens:
                    await self._happens(happening, namespace, workflow_id)
            workflow = await self._client.wait(workflow_id, _LIMIT)
        finally:
            await self._retire(definition)
        assert len(self._rows(_WORKFLOWS, namespace)) == 1
        return Played(workflow, self._consumed_by(workflow_id), self._rows(_EMITTED, workflow_id))

    async def _happens(self, happening: Happening, namespace: str, workflow_id: str) -> None:
        match happening:
            case Publish(type_, data, source, id_):
                await self._client.publish(type_, data, source=source, id=id_)
            case HasConsumed(number):
                await eventually(
                    lambda: len(self._consumed_by(workflow_id)) >= number, what="what is consumed"
                )
                assert (await self._client.get(workflow_id)).status == "RUNNING"
            case HasAsked(number):
                await eventually(lambda: len(self.services.asked) >= number, what="what is asked")
            case HasRecorded(type_):
                recorded = "select from pgworker.events where workflow_id = %s and type = %s"
                await eventually(lambda: self._rows(recorded, workflow_id, type_), what=f"a {type_}")
            case Release(name):
                self.services.release(name)
            case Elapses():
                await self._elapses(workflow_id, happening)
            case MidnightComes():
                await self._midnight_comes(namespace)
            case Cancel():
                await self._client.cancel(workflow_id)
            case _:
                assert_never(happening)

    async def _elapses(self, workflow_id: str, elapses: Elapses) -> None:
        """The job of the one timer becomes due; history still says when that should have been."""
        [timer] = await eventually(lambda: self._rows(_PENDING, workflow_id), what="a timer")
        assert timer["after_start" if elapses.since_start else "after"] == elapses.time
        due = "update pgworker.jobs set due_at = now() where workflow_id = %s and seq = %s"
        self._connection.execute(due, [workflow_id, timer["seq"]])

    async def _midnight_comes(self, namespace: str) -> None:
        waiting = "select * from pgworker.schedules where namespace = %s and next_at is not null"
        [schedule] = await eventually(lambda: self._rows(waiting, namespace), what="a time for the schedule")
        assert schedule["next_at"] == _midnight_after(schedule["created_at"])
        assert schedule["runs"] == 0
        with self._connection.transaction():
            self._connection.execute(
                "update pgworker.schedules set next_at = now() where id = %s", [schedule["id"]]
            )
            self._connection.execute(
                "update pgworker.jobs set due_at = now() where workflow_id = %s", [schedule["id"]]
            )

    async def _started_by_schedule(self, namespace: str) -> str:
        [row] = await eventually(lambda: self._rows(_WORKFLOWS, namespace), what="a start by the schedule")
        return str(row["id"])

    async def _retire(self, definition: JsonObject) -> None:
        """Nothing of this case goes on, or starts by itself: the newest version has no schedule."""
        header, _, namespace = _identity(definition)
        for row in self._rows(_WORKFLOWS, namespace):
            await self._client.cancel(row["id"])
        if "schedule" in definition:
            newer: JsonObject = {**definition, "document": {**header, "version": "99.0.0"}}
            del newer["schedule"]
            await self._client.define(newer)

    def _consumed_by(self, workflow_id: str) -> list[JsonValue]:
        return [row["data"] for row in self._rows(_CONSUMED, workflow_id)]

    def _rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        return self._connection.execute(query.encode(), arguments).fetchall()


def _set_apart(example: str, number: int) -> JsonObject:
    """An example as it is, but for its namespace."""
    definition = compiled(SPECIFICATION / "examples" / f"{example}.yaml").plan.definition
    header, _, _ = _identity(definition)
    namespace = f"{re.sub('[^a-z0-9]+', '-', example)}-{number}"
    return {**definition, "document": {**header, "namespace": namespace}}


def _identity(definition: JsonObject) -> tuple[JsonObject, str, str]:
    """The header, and the name and namespace that it gives."""
    header = definition["document"]
    assert isinstance(header, dict)
    return header, str(header["name"]), str(header["namespace"])


def _midnight_after(moment: datetime) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)
