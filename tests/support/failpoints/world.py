"""A world: one database in which one kind of work after the other is done, each from a clean start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import psycopg
from psycopg.types.json import Jsonb

from tests.support.failpoints.kinds import SCHEDULED, End, Kind, Tell, definition
from tests.support.lease_audit import most_leases
from tests.support.oracle import violations
from tests.support.stub import Effect

_TABLES = (
    "jobs", "subscriptions", "consumptions", "schedules", "snapshots", "correlated_events", "correlations",
    "cloud_events", "events", "workflows", "resources", "workers",
)  # fmt: skip

_SHOWN = (
    "workflows", "events", "jobs", "subscriptions", "schedules", "cloud_events", "correlated_events",
    "consumptions",
)  # fmt: skip


def define_kinds(connection: psycopg.Connection, kinds: Iterable[Kind], url: str) -> None:
    """Stores the definitions of kinds, once for all cells; ``url`` is where the stub is."""
    for kind in kinds:
        for name, text in kind.documents.items():
            document = definition(name, text, url)
            connection.execute("select pgworker.define_workflow(%s)", [Jsonb(document)])


class World:
    """The database of a lane, as it is for one cell."""

    def __init__(self, connection: psycopg.Connection, kind: Kind) -> None:
        self._connection = connection
        self._kind = kind
        self._untold = list(kind.tells)

    def begin(self) -> None:
        """Clears away what was there before, and starts the kind's workflows."""
        connection = self._connection
        with connection.transaction():
            # else events refuse to go
            connection.execute("set local session_replication_role = replica")
            for table in _TABLES:
                connection.execute(f"delete from {table}")
            connection.execute("delete from audit.leases")
            connection.execute("delete from definitions where name = %s", [SCHEDULED])
        with connection.transaction():
            for name in self._kind.starts:
                connection.execute("select start_workflow(%s)", [name])
        self.told()

    def told(self) -> Tell | None:
        """Tells what is due; returns the one that the worker, and not the database, is to be told."""
        while self._untold and self.is_true(self._untold[0].when):
            tell = self._untold.pop(0)
            if tell.stops:
                return tell
            self._connection.execute(tell.statement, tell.parameters)
        return None

    def prelude_is_over(self) -> bool:
        """Whether it is the victim's turn."""
        return self._kind.prelude is None or self.is_true(self._kind.prelude)

    def is_done(self) -> bool:
        """Whether everything has been told, all workflows have ended, and no job is left."""
        return not self._untold and self.is_true(
            "select not exists (select from jobs)"
            " and not exists (select from workflows where ended_at is null)"
        )

    def wrongs(self, effects: Iterable[Effect], *, breaks: bool, repeats: bool) -> list[str]:
        """Everything that is not as it has to be, where an activity was made to fail, or may be repeated.

        A lease may run out for no other reason than that the machine was busy: how many there were of an
        activity, and not how many workers were killed, is how often it may have had its effect.
        """
        connection = self._connection
        ids = self.workflows()
        mine = [effect for effect in effects if effect.key.split(":")[0] in ids]
        ends = self._kind.broken if breaks and self._kind.broken is not None else self._kind.ends
        lost = most_leases(connection) - 1 if repeats else 0
        return [
            *self._ends_against(ends),
            *violations(connection, mine, kills=lost, given_back=self._kind.stops),
        ]

    def workflows(self) -> set[str]:
        """The ids of all workflows."""
        return {str(id_) for (id_,) in self._connection.execute("select id from workflows")}

    def shown(self) -> str:
        """How things stand, for somebody who wonders why they do."""
        lines = [f"--- {self._kind.name}, still to be told: {self._untold}"]
        for table in _SHOWN:
            for (row,) in self._connection.execute(f"select to_jsonb(t)::text from {table} t limit 50"):
                lines.append(f"{table}: {row}")
        return "\n".join(lines)

    def is_true(self, query: str) -> bool:
        """Whether a query says so."""
        row = self._connection.execute(query).fetchone()
        return row is not None and row[0] is True

    def _ends_against(self, ends: Mapping[str, End]) -> list[str]:
        found: dict[str, Counter[str]] = {name: Counter() for name in ends}
        for name, status, value in self._connection.execute(
            "select name, status, coalesce(output, error -> 'status') from workflows"
        ):
            found.setdefault(name, Counter())[repr((status, value))] += 1
        wrong: list[str] = []
        for name, counts in found.items():
            end = ends.get(name)
            expected = None if end is None else repr((end.status, end.value))
            times = counts.pop(expected, 0) if expected is not None else 0
            right = end is not None and (times >= 3 if end.times is None else times == end.times)
            if counts or not right:
                wrong.append(f"workflows of {name} ended as {dict(counts)} and {times} times as {expected}")
        return wrong
