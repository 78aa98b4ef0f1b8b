"""Turns made by hand, statement by statement, on a test's own connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import namedtuple_row

from pgworker.engine.decide import MAX_EVENTS
from pgworker.plan.nodes import Plan
from pgworker.store.arrays import register
from pgworker.store.turns import Claim
from pgworker.store.writes import Writes
from pgworker.worker.aside import Aside
from pgworker.worker.cache import StateCache
from pgworker.worker.decision_watch import DecisionWatch
from pgworker.worker.turn import TurnMaker

Done = tuple[str, int, str]
"""A finished activity: workflow, seq, token."""


def maker_of(
    plan_of: Callable[[Claim], Plan],
    cache: StateCache | None = None,
    watch: DecisionWatch | None = None,
    max_events: int = MAX_EVENTS,
) -> TurnMaker:
    """Who makes turns, as a worker has it, which nobody supervises."""
    aside = Aside(lambda: None, 0, wary=False)
    return TurnMaker(
        cache or StateCache(1_000_000), plan_of, watch or DecisionWatch(), aside, max_events=max_events
    )


def make_known(
    connection: psycopg.Connection, worker: str = "w", *, slots: int = 1, idle: bool = False
) -> None:
    """Makes a worker known, as it does itself when it connects."""
    connection.execute(
        "select pgworker.register_worker(%s, 'h', 1, '0', %s::integer, 0, %s)", [worker, slots, idle]
    )


@dataclass
class Turns:
    """A worker's connection, driven by hand."""

    connection: psycopg.Connection
    worker: str = "by-hand"
    session: str = field(default_factory=lambda: str(uuid4()))
    lease: str = "30 s"

    def __post_init__(self) -> None:
        register(self.connection)

    def claim(self, batch: int = 10, done: Sequence[Done] = ()) -> list[Any]:
        """Begins a transaction and claims."""
        self.connection.execute("begin")
        return self.claim_more(batch, done)

    def claim_more(self, batch: int = 10, done: Sequence[Done] = ()) -> list[Any]:
        """Claims in the transaction that is open."""
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(
                "select c.*, c.workflow_id::text as id"
                " from pgworker.claim_turn(%s::uuid, %s, %s::uuid[], %s::uuid[]) c",
                [self.session, batch, [d[0] for d in done], [d[2] for d in done]],
            ).fetchall()

    def activities(self, slots: int = 10) -> list[Any]:
        """Leases activities, in a transaction of its own or in the one that is open."""
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(
                "select c.*, c.workflow_id::text as id, c.lease_token::text as token"
                " from pgworker.claim_activities(%s, %s, %s::interval) c",
                [self.worker, slots, self.lease],
            ).fetchall()

    def write(self, writes: Writes) -> None:
        """Writes a turn in the transaction that is open."""
        places = ", ".join(
            f"%s::{type_}[]"
            for type_ in (
                *("uuid", "bigint", "text", "text", "jsonb"),
                *("uuid", "bigint", "bigint", "text", "jsonb", "jsonb"),
                *("uuid", "bigint"),
                *("uuid", "bigint", "text", "timestamptz", "text", "integer", "uuid"),
                *("uuid", "jsonb"),
            )
        )
        self.connection.execute(
            f"select pgworker.commit_turn(%s::uuid, %s, %s::interval, {places})",
            [self.session, self.worker, self.lease, *writes.parameters()],
        )

    def commit(self, writes: Writes | None = None) -> None:
        """Writes a turn and ends the transaction."""
        if writes is not None:
            self.write(writes)
        self.connection.execute("commit")

    def rollback(self) -> None:
        """Ends the transaction without a trace."""
        self.connection.execute("rollback")


@dataclass
class Draft:
    """What a turn writes about one claimed workflow, told in words."""

    claimed: Any
    writes: Writes = field(default_factory=Writes)

    def __post_init__(self) -> None:
        self.seq = self.claimed.last_seq

    def event(self, type_: str, data: str = "{}", task: str | None = "/do/0/task") -> int:
        """One more event; returns its seq."""
        self.seq += 1
        self.writes.event_workflows.append(self.claimed.id)
        self.writes.event_seqs.append(self.seq)
        self.writes.event_types.append(type_)
        self.writes.event_tasks.append(task)
        self.writes.event_data.append(data)
        return self.seq

    def job(
        self,
        seq: int,
        kind: str,
        due_at: str | None = None,
        token: str | None = None,
        *,
        namespace: str = "default",
        priority: int = 0,
    ) -> None:
        """One more job."""
        self.writes.jobs_of.append(self.claimed.id)
        self.writes.jobs.append(seq)
        self.writes.job_kinds.append(kind)
        self.writes.job_due_at.append(due_at)
        self.writes.job_namespaces.append(namespace)
        self.writes.job_priorities.append(priority)
        self.writes.job_tokens.append(token)

    def done(self, status: str = "RUNNING", output: str | None = None, error: str | None = None) -> Writes:
        """The whole turn; the jobs that brought the workflow here are ended."""
        self.writes.workflows.append(self.claimed.id)
        self.writes.seqs_before.append(self.claimed.last_seq)
        self.writes.seqs_after.append(self.seq)
        self.writes.statuses.append(status)
        self.writes.outputs.append(output)
        self.writes.errors.append(error)
        for seq in (*self.claimed.due, *self.claimed.done):
            self.writes.ended_jobs_of.append(self.claimed.id)
            self.writes.ended_jobs.append(seq)
        return self.writes
