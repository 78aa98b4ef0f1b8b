"""Starting a workflow, on a connection of ours or inside the transaction of somebody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString, TypedDict, Unpack, overload

import orjson
from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
from psycopg.rows import tuple_row
from psycopg.sql import Composed

from pgworker.store.database import Database
from pgworker.store.failures import translated
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical

NO_INPUT: Final[JsonObject] = {}
"""The input of a workflow that was given none."""

START: Final[LiteralString] = """
    select {schema}.start_workflow(
        name => %(name)s, input => %(input)s::jsonb, version => %(version)s, namespace => %(namespace)s,
        workflow_id => %(workflow_id)s::uuid, idempotency_key => %(idempotency_key)s,
        start_at => %(start_at)s::timestamptz, priority => %(priority)s::integer, labels => %(labels)s::jsonb
    )::text
"""


class StartOptions(TypedDict, total=False):
    """What may be said of a start besides the name and the input."""

    version: str | None
    namespace: str
    workflow_id: str | None
    idempotency_key: str | None
    start_at: datetime | None
    priority: int
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """Which workflow to start with what; the members are the parameters of ``start_workflow`` in SQL."""

    name: str
    input: JsonValue = field(default_factory=dict)
    version: str | None = None
    namespace: str = "default"
    workflow_id: str | None = None
    idempotency_key: str | None = None
    start_at: datetime | None = None
    priority: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """What the statement takes; raises ``ValueRefused`` for an input that JSON cannot hold."""
        return {
            "name": self.name,
            "input": json_text(self.input),
            "version": self.version,
            "namespace": self.namespace,
            "workflow_id": self.workflow_id,
            "idempotency_key": self.idempotency_key,
            "start_at": self.start_at,
            "priority": self.priority,
            "labels": json_text(dict(self.labels)),
        }


def json_text(value: JsonValue) -> str:
    """The value as JSON that ``jsonb`` takes in unchanged; raises ``ValueRefused``."""
    return orjson.dumps(canonical(value)).decode()


@overload
def start_in(
    connection: Connection[object],
    name: str,
    input: JsonValue = NO_INPUT,
    *,
    schema: str = "pgworker",
    **options: Unpack[StartOptions],
) -> str: ...
@overload
def start_in(
    connection: AsyncConnection[object],
    name: str,
    input: JsonValue = NO_INPUT,
    *,
    schema: str = "pgworker",
    **options: Unpack[StartOptions],
) -> Awaitable[str]: ...
def start_in(
    connection: Connection[object] | AsyncConnection[object],
    name: str,
    input: JsonValue = NO_INPUT,
    *,
    schema: str = "pgworker",
    **options: Unpack[StartOptions],
) -> str | Awaitable[str]:
    """Starts a workflow in the caller's transaction; returns its id (to be awaited, if that is async).

    The workflow begins when that transaction commits, and never if it does not. Raises ``NotFound`` if
    nothing is defined under the name.
    """
    statement = Database("", schema).statement(START)
    parameters = StartRequest(name=name, input=input, **options).parameters()
    if isinstance(connection, AsyncConnection):
        return _start_in_async(connection, statement, parameters)
    # a cursor of our own kind: the owner's may take other parameters, and give other rows
    with translated(), Cursor(connection, row_factory=tuple_row) as cursor:
        return _id(cursor.execute(statement, parameters).fetchone())


async def _start_in_async(
    connection: AsyncConnection[object], statement: Composed, parameters: dict[str, Any]
) -> str:
    with translated():
        async with AsyncCursor(connection, row_factory=tuple_row) as cursor:
            await cursor.execute(statement, parameters)
            return _id(await cursor.fetchone())


def _id(row: tuple[object, ...] | None) -> str:
    assert row is not None
    return str(row[0])
