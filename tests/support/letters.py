"""CloudEvents, listeners and schedules by hand: what workers do for them, statement by statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import orjson
import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from pgworker.engine.correlating import Correlation, value_digest
from pgworker.store.arrays import plain, quoted


class Wanted(NamedTuple):
    """What one filter of a listen wants: CloudEvents of a type (None: any) whose keys have these values."""

    type: str | None
    keys: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()

    @property
    def correlation(self) -> Correlation:
        """The part that does not depend on who listens."""
        return Correlation(self.type, self.keys)

    @property
    def value(self) -> str:
        """By which its CloudEvents are found."""
        return value_digest(self.values)


PAID = Wanted("order.paid")


def paid(order: object) -> Wanted:
    """Payments of one order."""
    return Wanted("order.paid", (".order",), (order,))


def publish(
    connection: psycopg.Connection, type_: str = "order.paid", data: object = None, **more: object
) -> str:
    """Publishes a CloudEvent and returns our id for it; ``more`` are arguments of ``publish_event``."""
    arguments = {"type": type_, "data": None if data is None else Jsonb(data), **more}
    named = ", ".join(f"{key} => %({key})s" for key in arguments)
    row = connection.execute(f"select pgworker.publish_event({named})", arguments).fetchone()
    assert row is not None
    return str(row[0])


def subscribe(
    connection: psycopg.Connection, workflow_ids: str | Sequence[str], *wanted: Wanted, seq: int = 2
) -> None:
    """Workflows begin to listen, all for the same: one subscription for each filter and workflow."""
    ids = [workflow_ids] if isinstance(workflow_ids, str) else workflow_ids
    rows = [(id_, place, one) for id_ in ids for place, one in enumerate(wanted)]
    subscribe_each(connection, rows, seq=seq)


def subscribe_each(
    connection: psycopg.Connection, rows: Sequence[tuple[str, int, Wanted]], seq: int = 2
) -> None:
    """Workflows begin to listen: workflow, place of the filter, and what it wants."""
    correlations = {one.correlation: one.correlation.id for _, _, one in rows}
    connection.execute(
        "select pgworker.subscribe(%s::uuid[], %s::bigint[], %s::integer[], %s::text[], %s::text[],"
        " %s::jsonb[], %s::text[])",
        [
            plain(id_ for id_, _, _ in rows),
            plain(seq for _ in rows),
            plain(place for _, place, _ in rows),
            plain(correlations[one.correlation] for _, _, one in rows),
            quoted([one.type for _, _, one in rows]),
            quoted([orjson.dumps(one.keys).decode() for _, _, one in rows]),
            plain(one.value for _, _, one in rows),
        ],
    )


def unsubscribe(connection: psycopg.Connection, workflow_id: str, seq: int = 2) -> None:
    """A listen ends."""
    connection.execute("select pgworker.unsubscribe(%s::uuid[], %s::bigint[])", [[workflow_id], [seq]])


class Round:
    """The correlation of some CloudEvents, step by step, on one connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.claimed: list[tuple[str, dict[str, Any]]] = []
        self.known: dict[str, Correlation] = {}
        self.values: list[tuple[str, str, str]] = []

    def claim(self, batch: int = 200) -> list[str]:
        """Begins a transaction and claims; returns the ids in the order in which they are correlated."""
        self.connection.execute("begin")
        rows = self.connection.execute("select id, cloud_event from pgworker.claim_events(%s)", [batch])
        self.claimed = [(str(id_), event) for id_, event in rows]
        return [id_ for id_, _ in self.claimed]

    def evaluate(self) -> None:
        """Gives what was claimed its values by the correlations that are known by now."""
        types = sorted({event["type"] for _, event in self.claimed})
        rows = self.connection.execute("select * from pgworker.correlations_for(%s)", [types]).fetchall()
        for id_, type_, keys in rows:
            if id_ not in self.known:
                self.known[id_] = Correlation(type_, tuple(keys))
                self.values += [
                    (event_id, id_, value)
                    for event_id, event in self.claimed
                    if type_ in (None, event["type"])
                    and (value := self.known[id_].value_of(event)) is not None
                ]

    def write(self) -> bool:
        """Writes the values; false if there are correlations that it has not known."""
        row = self.connection.execute(
            "select pgworker.correlate_events(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[])",
            [
                [id_ for id_, _ in self.claimed],
                list(self.known),
                *([value[place] for value in self.values] for place in range(3)),
            ],
        ).fetchone()
        assert row is not None
        return bool(row[0])

    def commit(self) -> None:
        """Ends the transaction."""
        self.connection.execute("commit")


def correlate(connection: psycopg.Connection, batch: int = 200) -> int:
    """Correlates all CloudEvents that wait for it, batch by batch; returns how many."""
    count = 0
    while True:
        one = Round(connection)
        claimed = one.claim(batch)
        if claimed:
            one.evaluate()
            while not one.write():
                one.evaluate()
        one.commit()
        if not claimed:
            return count
        count += len(claimed)


class Letter(NamedTuple):
    """A CloudEvent that a listener may want."""

    seq: int
    position: int
    event_id: str
    cloud_event: dict[str, Any]


def mail(connection: psycopg.Connection, listener: str, most: int = 100) -> list[Letter]:
    """What a listener may want and has not looked at, in order."""
    row = connection.execute("select pgworker.mail_of(%s, %s)", [listener, most]).fetchone()
    assert row is not None
    return [Letter(*letter) for letter in row[0] or ()]


def mail_ids(connection: psycopg.Connection, listener: str, most: int = 100) -> list[str]:
    """Our ids of the CloudEvents that a listener may want, in order."""
    return [letter.event_id for letter in mail(connection, listener, most)]


def consume(
    connection: psycopg.Connection,
    workflow_id: str,
    event_ids: Sequence[str] = (),
    *,
    seen: int | None = None,
    seq: int = 2,
) -> None:
    """A listen has consumed CloudEvents and looked up to a position; it looks on from there."""
    looked = [] if seen is None else [workflow_id]
    connection.execute(
        "select pgworker.consume_events(%s::uuid[], %s::bigint[], %s::uuid[], %s::uuid[], %s::bigint[],"
        " %s::bigint[], %s::uuid[], %s::bigint[])",
        [
            [workflow_id for _ in event_ids],
            [seq for _ in event_ids],
            list(event_ids),
            looked,
            [seq for _ in looked],
            [seen for _ in looked],
            [workflow_id],
            [seq],
        ],
    )


def start_child(
    connection: psycopg.Connection,
    parent: str,
    name: str = "child",
    *,
    seq: int = 2,
    version: str | None = None,
    waits: bool = True,
    namespace: str = "default",
    input: object = None,
) -> str:
    """A workflow has another started; returns the other's id."""
    child = str(uuid4())
    connection.execute(
        "select pgworker.start_children(%s::uuid[], %s::bigint[], %s::uuid[], %s::text[], %s::text[],"
        " %s::text[], %s::jsonb[], %s::boolean[])",
        [[parent], [seq], [child], [namespace], [name], [version], [Jsonb(input or {})], [waits]],
    )
    return child


def children(connection: psycopg.Connection, parent: str, *seqs: int) -> list[list[Any]]:
    """How the workflows are that these events of a parent started."""
    row = connection.execute("select pgworker.children_of(%s, %s::bigint[])", [parent, list(seqs)]).fetchone()
    assert row is not None
    return row[0] or []


def schedule(connection: psycopg.Connection, name: str = "sample") -> dict[str, Any] | None:
    """The row of a name's schedule."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from pgworker.schedules where name = %s", [name]).fetchone()


def claim_schedules(connection: psycopg.Connection, batch: int = 20) -> list[dict[str, Any]]:
    """Claims schedules in the transaction that is open, or in one of its own."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from pgworker.claim_schedules(%s)", [batch]).fetchall()


def settle_schedule(
    connection: psycopg.Connection,
    schedule_id: object,
    starts: Sequence[object] = (),
    *,
    next_at: object = None,
    due_at: object = None,
    listens: object = None,
    consumed: Sequence[str] = (),
    seen: int | None = None,
    problem: str | None = None,
) -> None:
    """Settles a schedule."""
    connection.execute(
        "select pgworker.settle_schedule(%s::uuid, %s, %s::jsonb[], %s, %s::jsonb, %s::uuid[], %s, %s)",
        [
            schedule_id,
            next_at,
            [Jsonb(value) for value in starts],
            due_at,
            None if listens is None else Jsonb(listens),
            list(consumed),
            seen,
            problem,
        ],
    )


def subscribe_schedule(connection: psycopg.Connection, schedule_id: object, *wanted: Wanted) -> None:
    """A schedule begins to listen."""
    connection.execute(
        "select pgworker.subscribe_schedule(%s::uuid, %s::integer[], %s::text[], %s::text[], %s::jsonb[],"
        " %s::text[])",
        [
            schedule_id,
            list(range(len(wanted))),
            [one.correlation.id for one in wanted],
            [one.type for one in wanted],
            [Jsonb(list(one.keys)) for one in wanted],
            [one.value for one in wanted],
        ],
    )
