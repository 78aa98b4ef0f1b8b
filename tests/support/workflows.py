"""Defining, starting and watching workflows from a test's own connection."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row, namedtuple_row
from psycopg.types.json import Jsonb

from tests.support.waiting import eventually, until

ENDED = ("COMPLETED", "FAILED", "CANCELLED")
HELLO = [{"hello": {"set": {"greeting": '${ "Hello, " + (.name // "you") }'}}}]

Task = dict[str, Any]


class Event(NamedTuple):
    """An event as it is stored."""

    seq: int
    type: str
    task: str | None
    data: dict[str, Any]
    occurred_at: datetime
    actor: str


def document(do: list[Task], name: str = "sample", version: str = "1.0.0", **more: object) -> dict[str, Any]:
    """A definition with these tasks."""
    header = {"dsl": "1.0.3", "namespace": "default", "name": name, "version": version}
    return {"document": header, "do": do, **more}


def define(
    connection: psycopg.Connection,
    do: list[Task] = HELLO,
    name: str = "sample",
    version: str = "1.0.0",
    **more: object,
) -> str:
    """Stores a definition and returns its name."""
    connection.execute(
        "select pgworker.define_workflow(%s)", [Jsonb(document(do, name=name, version=version, **more))]
    )
    return name


def start(connection: psycopg.Connection, name: str = "sample", input: object = None, **more: object) -> str:
    """Starts a workflow and returns its id; ``more`` are further arguments of ``start_workflow``."""
    arguments: dict[str, object] = {"name": name, "input": Jsonb({} if input is None else input), **more}
    named = ", ".join(f"{key} => %({key})s" for key in arguments)
    row = connection.execute(f"select pgworker.start_workflow({named})", arguments).fetchone()
    assert row is not None
    return str(row[0])


def workflow(connection: psycopg.Connection, workflow_id: str) -> dict[str, Any]:
    """The workflow's row."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("select * from pgworker.workflows where id = %s", [workflow_id]).fetchone()
    assert row is not None, f"there is no workflow {workflow_id}"
    return row


def history(connection: psycopg.Connection, workflow_id: str) -> list[Event]:
    """All its events."""
    rows = connection.execute(
        "select seq, type, task, data, occurred_at, actor from pgworker.events"
        " where workflow_id = %s order by seq",
        [workflow_id],
    )
    return [Event(*row) for row in rows]


def types(connection: psycopg.Connection, workflow_id: str) -> list[str]:
    """The types of all its events."""
    return [event.type for event in history(connection, workflow_id)]


def results(connection: psycopg.Connection, workflow_id: str) -> list[Event]:
    """The events that tell how its activities and other tasks that had started ended."""
    return [
        event
        for event in history(connection, workflow_id)
        if "start" in event.data and event.type.startswith("task.")
    ]


def jobs(connection: psycopg.Connection, workflow_id: str) -> list[Any]:
    """Its jobs, by seq."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(
            "select *, due_at > clock_timestamp() as later from pgworker.jobs"
            " where workflow_id = %s order by seq",
            [workflow_id],
        ).fetchall()


def are_ended(connection: psycopg.Connection, workflow_ids: Iterable[str]) -> bool:
    """Whether all of them have ended."""
    row = connection.execute(
        "select count(*) from pgworker.workflows where id = any(%s::uuid[]) and not status = any(%s)",
        [list(workflow_ids), list(ENDED)],
    ).fetchone()
    return row == (0,)


def is_held(connection: psycopg.Connection, workflow_id: str) -> bool:
    """Whether somebody holds the workflow this moment, as a worker does in a turn."""
    query = "select 1 from pgworker.workflows where id = %s for no key update skip locked"
    return connection.execute(query, [workflow_id]).fetchone() is None


def ended(connection: psycopg.Connection, workflow_id: str, seconds: float = 20.0) -> dict[str, Any]:
    """Waits until the workflow has ended; returns its row."""
    until(lambda: are_ended(connection, [workflow_id]), seconds, f"the end of workflow {workflow_id}")
    return workflow(connection, workflow_id)


async def has_ended(
    connection: psycopg.Connection, workflow_id: str, seconds: float = 20.0
) -> dict[str, Any]:
    """As ``ended``, while a worker runs in this process."""
    await eventually(
        lambda: are_ended(connection, [workflow_id]), seconds, f"the end of workflow {workflow_id}"
    )
    return workflow(connection, workflow_id)


def call(url: str, **more: object) -> Task:
    """An HTTP call."""
    return {"call": "http", "with": {"method": "get", "endpoint": url, **more}}
