"""Crowds: very many workflows that wait, for a time or for a CloudEvent, copied from one that really does."""

from __future__ import annotations

import time

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from benchmarks.copies import copy
from pgworker.engine.correlating import value_digest
from pgworker.types import JsonObject

FAR = 4_102_444_800
"""The year 2100, in seconds: when the timer is due that is copied."""

_DUE = """
to_char(to_timestamp({at}) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
"""
_ORDER = sql.SQL("'order-' || c.n")
_VALUE = sql.SQL("left(encode(sha256(convert_to('[\"order-' || c.n || '\"]', 'utf8')), 'hex'), 32)")

_HAS_TIMER = "select count(*) from pgworker.jobs where workflow_id = %s and seq > 0"
_LISTENS = "select count(*) from pgworker.subscriptions where workflow_id = %s"
_LIMIT_SECONDS = 20.0


def wait(connection: psycopg.Connection) -> str:
    """A workflow that waits until the year 2100, as a worker has left it."""
    return _begun(connection, "wait", {"at": FAR}, _HAS_TIMER)


def copy_timers(
    connection: psycopg.Connection, original: str, count: int, first: float, seconds: float
) -> None:
    """So many more that wait; their timers are due one after the other within so many seconds."""
    at = sql.SQL("({} + c.n * {})").format(sql.Literal(first), sql.Literal(seconds / count))
    due = sql.SQL(_DUE).format(at=at)
    replacing: dict[str, sql.Composable] = {str(FAR): sql.SQL("{}::text").format(at)}
    with connection.transaction():
        # the time as the history has it, and as the database writes the same time down
        connection.execute("set local timezone to 'UTC'")
        told = connection.execute(
            "select array[e.data ->> 'due_at', to_jsonb(j.due_at) #>> '{}'] from pgworker.events e"
            " join pgworker.jobs j using (workflow_id, seq) where workflow_id = %s",
            [original],
        ).fetchone()
        assert told is not None
        copy(connection, original, range(count), replacing | dict.fromkeys(told[0], due))


def listen(connection: psycopg.Connection, number: int = 0) -> str:
    """A workflow that waits for the payment of an order, as a worker has left it."""
    return _begun(connection, "listen", {"order": f"order-{number}"}, _LISTENS)


def copy_listeners(connection: psycopg.Connection, original: str, numbers: range) -> None:
    """One more that waits for the payment of its order, for each number; the original is that of order 0."""
    copy(connection, original, numbers, {"order-0": _ORDER, value_digest(["order-0"]): _VALUE})


def pay(connection: psycopg.Connection, numbers: range) -> None:
    """Publishes the payments of orders, all in one transaction."""
    connection.execute(
        "select count(pgworker.publish_event('paid', jsonb_build_object('order', 'order-' || n)))"
        " from generate_series(%s::integer, %s::integer) n",
        [numbers.start, numbers.stop - 1],
    )


def _begun(connection: psycopg.Connection, name: str, given: JsonObject, waits: str) -> str:
    row = connection.execute("select pgworker.start_workflow(%s, %s)", [name, Jsonb(given)]).fetchone()
    assert row is not None
    until = time.monotonic() + _LIMIT_SECONDS
    while connection.execute(waits.encode(), [row[0]]).fetchone() != (1,):
        if time.monotonic() > until:
            raise TimeoutError("nobody has taken the workflow up")
        time.sleep(0.01)
    return str(row[0])
