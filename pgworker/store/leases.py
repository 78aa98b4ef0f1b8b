"""The upkeep of a worker: heartbeats, leases given back, workers forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from psycopg_pool import AsyncConnectionPool

from pgworker.store.arrays import plain
from pgworker.store.database import Database
from pgworker.store.failures import translated
from pgworker.store.turns import Lease


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a long activity is: for how long it has been performed, and what it has given so far."""

    seconds: float
    output_bytes: int
    messages: int


class Leases:
    """What a worker says of itself and of its activities, on connections apart from the turns'."""

    def __init__(self, database: Database, pool: AsyncConnectionPool, worker_id: str, lease: float) -> None:
        self._pool = pool
        self._patience = database.patience
        self._worker_id = worker_id
        self._lease = timedelta(seconds=lease)
        self._heartbeat = database.statement(
            "select known, workflow_id, seq"
            " from {schema}.heartbeat(%s, %s, %s, %s::uuid[], %s::bigint[], %s::uuid[],"
            " %s::double precision[], %s::bigint[], %s::bigint[])"
        )
        self._release = database.statement(
            "select {schema}.release_activities(%s::uuid[], %s::bigint[], %s::uuid[])"
        )
        self._forget = database.statement("select {schema}.forget_workers(%s, '1000 years')")

    async def beat(
        self, held: Sequence[Lease], advances: Mapping[Lease, Advance]
    ) -> tuple[bool, list[Lease]]:
        """Extends the leases, and tells how far the long ones among them are.

        Returns whether this worker is still known, and which of the leases are lost.
        """
        parameters = [self._worker_id, len(held), self._lease, *_columns(held), *_advances(held, advances)]
        with translated():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(self._heartbeat, parameters)
                (known, _, _), *lost = await cursor.fetchall()
                self._patience.written()
                lost_keys = {(workflow_id, seq) for _, workflow_id, seq in lost}
                return bool(known), [lease for lease in held if (lease.workflow_id, lease.seq) in lost_keys]

    async def release(self, held: Sequence[Lease]) -> None:
        """Gives activities back, to be performed by others at once."""
        with translated():
            async with self._pool.connection() as connection:
                await connection.execute(self._release, _columns(held))

    async def leave(self) -> None:
        """This worker is forgotten: it ends."""
        with translated():
            async with self._pool.connection() as connection:
                await connection.execute(self._forget, [self._worker_id])


def _columns(held: Sequence[Lease]) -> list[str]:
    return [
        plain(lease.workflow_id for lease in held),
        plain(lease.seq for lease in held),
        plain(lease.token for lease in held),
    ]


def _advances(held: Sequence[Lease], advances: Mapping[Lease, Advance]) -> list[str]:
    told = [advances.get(lease) for lease in held]
    return [
        plain(None if one is None else one.seconds for one in told),
        plain(None if one is None else one.output_bytes for one in told),
        plain(None if one is None else one.messages for one in told),
    ]
