"""The faults of failpoints are what they say: what the server has done, and what the worker knows of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from pgworker.errors import DatabaseUnavailable
from pgworker.store.database import Database
from pgworker.store.leases import Leases
from pgworker.store.pool import open_pool
from pgworker.store.rounds import DueSchedule, Rounds, Settlement
from pgworker.store.turns import Claimed, Lease, TurnConnection, Wanted
from tests.support.failpoints.points import COMMIT, Failpoint, Fault, When
from tests.support.failpoints.trigger import Trigger, Unforeseen
from tests.support.failpoints.wires import Wires
from tests.support.turns import Draft
from tests.support.waiting import eventually
from tests.support.workflows import HELLO, define, start, types

BEFORE, AFTER = When.BEFORE, When.AFTER


@asynccontextmanager
async def a_turn(
    database: Database, folder: Path, name: str, when: When, fault: Fault
) -> AsyncIterator[TurnConnection]:
    """A worker's connection that will have a fault."""
    failpoint = Failpoint(str(folder / "report"), name, when, fault)
    with Wires(Trigger(failpoint)).installed():
        connection = TurnConnection(database, await database.connect("wheel"), "w", 30)
        try:
            yield connection
        finally:
            await connection.close()
    assert failpoint.has_fired()


async def _write(connection: TurnConnection) -> None:
    """Claims one workflow and commits an event of it."""
    claimed = await connection.claim(Wanted(1))
    draft = _draft(claimed)
    draft.event("order.paid", task=None)
    await connection.commit_and_claim([draft.done()], lambda: (0, Wanted(0)))


def _draft(claimed: Claimed) -> Draft:
    (claim,) = claimed.claims
    return Draft(
        SimpleNamespace(id=claim.workflow_id, last_seq=claim.last_seq, due=claim.due, done=claim.done)
    )


@pytest.mark.parametrize(
    "has",
    [
        (COMMIT, AFTER, Fault.LOST, True),
        (COMMIT, BEFORE, Fault.DROP, False),
        (COMMIT, BEFORE, Fault.REFUSAL, False),
        ("commit_turn", AFTER, Fault.LOST, False),
        ("commit_turn", BEFORE, Fault.DROP, False),
    ],
    ids=lambda has: " ".join(map(str, has)),
)
async def test_a_turn_whose_answer_was_lost_is_committed_and_one_that_was_cut_off_before_is_not(
    connection: psycopg.Connection, database: Database, tmp_path: Path, has: tuple[str, When, Fault, bool]
) -> None:
    name, when, fault, is_committed = has
    define(connection, HELLO)
    started = start(connection)
    async with a_turn(database, tmp_path, name, when, fault) as turns:
        with pytest.raises(DatabaseUnavailable):
            await _write(turns)
    seen = ["workflow.started", "order.paid"] if is_committed else ["workflow.started"]
    await eventually(lambda: types(connection, started) == seen)
    await eventually(lambda: _is_unlocked(connection, started), what="the end of the server's transaction")
    assert types(connection, started) == seen


@pytest.mark.parametrize("when", [BEFORE, AFTER])
async def test_an_unforeseen_error_comes_in_place_of_a_call_or_of_its_result(
    connection: psycopg.Connection, database: Database, tmp_path: Path, when: When
) -> None:
    define(connection, HELLO)
    started = start(connection)
    async with a_turn(database, tmp_path, COMMIT, when, Fault.EXCEPTION) as turns:
        with pytest.raises(Unforeseen):
            await _write(turns)
    assert ("order.paid" in types(connection, started)) is (when is AFTER)


async def test_a_connection_that_is_cut_after_a_call_fails_the_next_one(
    connection: psycopg.Connection, database: Database, tmp_path: Path
) -> None:
    async with a_turn(database, tmp_path, "declare_idle", AFTER, Fault.DROP) as turns:
        await turns.declare_idle(True)
        with pytest.raises(DatabaseUnavailable):
            await turns.declare_idle(True)


async def test_a_heartbeat_whose_answer_was_lost_has_extended_the_leases(
    connection: psycopg.Connection, database: Database, tmp_path: Path
) -> None:
    define(
        connection, [{"ask": {"call": "http", "with": {"method": "get", "endpoint": "http://127.0.0.1:1"}}}]
    )
    workflow_id = start(connection)
    async with a_turn(database, tmp_path, "heartbeat", AFTER, Fault.LOST) as turns:
        claimed = await turns.claim(Wanted(1))
        draft = _draft(claimed)
        seq = draft.event("task.started", '{"activity": "http"}')
        token = "00000000-0000-0000-0000-000000000001"
        draft.job(seq, "perform", token=token)
        await turns.commit_and_claim([draft.done()], lambda: (0, Wanted(0)))
        before = _leased_until(connection)
        async with open_pool(database, "keeper") as pool:
            with pytest.raises(DatabaseUnavailable):
                await Leases(database, pool, "w", 60).beat([Lease(workflow_id, seq, token, 1)], {})
    assert _leased_until(connection) > before


async def test_a_round_whose_answer_was_lost_has_started_its_workflow(
    connection: psycopg.Connection, database: Database, tmp_path: Path
) -> None:
    define(connection, HELLO, schedule={"every": {"hours": 1}})
    failpoint = Failpoint(str(tmp_path / "report"), "commit of a round", AFTER, Fault.LOST)
    with Wires(Trigger(failpoint)).installed():
        async with open_pool(database, "keeper") as pool:
            with pytest.raises(DatabaseUnavailable):
                await Rounds(database, pool).look_after(1, _starts_one)
    assert failpoint.has_fired()
    assert connection.execute("select runs from pgworker.schedules").fetchall() == [(1,)]
    assert connection.execute("select count(*) from pgworker.workflows").fetchall() == [(1,)]


def _starts_one(due: DueSchedule, definition: object) -> tuple[Settlement, tuple[()]]:
    return Settlement(next_at=due.now, starts=[{}], due_at=due.now), ()


def _is_unlocked(connection: psycopg.Connection, workflow_id: str) -> bool:
    row = connection.execute(
        "select from pgworker.workflows where id = %s for update skip locked", [workflow_id]
    ).fetchone()
    return row is not None


def _leased_until(connection: psycopg.Connection) -> object:
    row = connection.execute(
        "select leased_until from pgworker.jobs where lease_token is not null"
    ).fetchone()
    assert row is not None
    return row[0]
