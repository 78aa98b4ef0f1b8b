"""One suite for every event store: what a worker and its users may rely on, whichever keeps the events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from pgworker.dsl.compile import compile_value
from pgworker.engine.evolve import replay
from pgworker.engine.inputs import ActivityCompleted
from pgworker.engine.state import Status
from pgworker.errors import Conflict, NotFound
from pgworker.store.database import Database
from pgworker.store.failures import TurnOvertaken
from pgworker.store.memory import MemoryStore
from pgworker.store.pool import open_pool
from pgworker.store.protocol import EventStore, TurnStore
from pgworker.store.starting import StartRequest
from pgworker.store.turns import Claimed, ClaimedActivity, Lease, TurnConnection, Wanted
from pgworker.store.workflows import Workflows
from pgworker.types import JsonObject
from pgworker.worker.turn import Turn
from tests.support.turns import maker_of

NOTHING = Wanted(batch=0)
EVERYTHING = Wanted(batch=50)


def definition(*tasks: JsonObject, version: str = "1.0.0") -> JsonObject:
    return {
        "document": {"dsl": "1.0.3", "namespace": "default", "name": "flow", "version": version},
        "do": list(tasks),
    }


COUNT = definition({"a": {"set": {"n": "${ .n + 1 }"}}}, {"b": {"set": {"n": "${ .n + 1 }"}}})
ASK: JsonObject = {"ask": {"call": "http", "with": {"method": "get", "endpoint": "http://a.test/"}}}
CALL = definition(ASK, version="2.0.0")


@dataclass
class Stores:
    users: EventStore
    turns: TurnStore


@pytest.fixture(params=["memory", "postgresql"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "memory":
        memory = MemoryStore(datetime.now(UTC))
        yield Stores(memory, memory)
        return
    database: Database = request.getfixturevalue("database")
    async with open_pool(database, "test") as pool:
        turns = TurnConnection(database, await database.connect("test"), "tester", 30)
        yield Stores(Workflows(database, pool), turns)
        await turns.close()


async def turn_of(stores: Stores, claimed: Claimed, *outcomes: ActivityCompleted) -> Turn:
    """The turn that a worker with an empty memory would make."""
    pasts = await stores.turns.read([claim.workflow_id for claim in claimed.claims])
    plans = {"1.0.0": compile_value(COUNT), "2.0.0": compile_value(CALL)}
    maker = maker_of(lambda claim: plans[claim.version])
    told = {(claimed.claims[0].workflow_id, outcome.start): outcome for outcome in outcomes}
    turn = Turn(claimed.now, pasts, told)
    assert list(maker.make(turn, claimed.claims)) == [turn.writes]
    assert turn.struck == []
    return turn


async def commit(
    stores: Stores, turn: Turn, slots: int = 0, then: Wanted = EVERYTHING
) -> tuple[list[ClaimedActivity], Claimed]:
    return await stores.turns.commit_and_claim([turn.writes], lambda: (slots, then))


async def started(stores: Stores) -> str:
    await stores.users.define(COUNT)
    return await stores.users.start(StartRequest(name="flow", input={"n": 0}))


async def test_a_started_workflow_is_claimed_with_its_first_event(stores: Stores) -> None:
    workflow_id = await started(stores)
    claimed = await stores.turns.claim(EVERYTHING)
    (claim,) = claimed.claims
    assert (claim.workflow_id, claim.last_seq, list(claim.due), list(claim.done)) == (workflow_id, 1, [0], [])
    (first,) = claim.history
    assert (first.seq, first.type, first.data) == (1, "workflow.started", {"input": {"n": 0}})
    await stores.turns.abandon()


async def test_an_abandoned_turn_leaves_everything_as_it_was(stores: Stores) -> None:
    await started(stores)
    first = await stores.turns.claim(EVERYTHING)
    await stores.turns.abandon()
    second = await stores.turns.claim(EVERYTHING)
    assert first.claims == second.claims
    await stores.turns.abandon()


async def test_the_time_of_a_turn_is_that_of_its_transaction(database: Database) -> None:
    """The worker's own clock may be wrong, and no two of them agree."""
    connection = await database.connect("test")
    turns = TurnConnection(database, connection, "tester", 30)
    claimed = await turns.claim(NOTHING)
    cursor = await connection.execute("select now()")
    assert await cursor.fetchone() == (claimed.now,)
    await turns.close()


async def test_a_committed_turn_is_the_history_and_leaves_no_job(stores: Stores) -> None:
    workflow_id = await started(stores)
    claimed = await stores.turns.claim(EVERYTHING)
    _, following = await commit(stores, await turn_of(stores, claimed), 10)
    assert following.claims == []
    await stores.turns.end(0)
    history = (await stores.turns.read([workflow_id]))[workflow_id].history
    assert [event.seq for event in history] == [1, 2, 3, 4]
    state = replay(history)
    assert (state.status, state.output) == (Status.COMPLETED, {"n": 2})


async def test_a_turn_that_was_overtaken_writes_nothing(stores: Stores) -> None:
    workflow_id = await started(stores)
    turn = await turn_of(stores, await stores.turns.claim(EVERYTHING))
    await stores.turns.abandon()
    await stores.users.append(workflow_id, "order.paid", {"amount": 1})
    await stores.turns.claim(EVERYTHING)
    with pytest.raises(TurnOvertaken):
        await commit(stores, turn)
    await stores.turns.abandon()
    history = (await stores.turns.read([workflow_id]))[workflow_id].history
    assert [event.type for event in history] == ["workflow.started", "order.paid"]


async def test_the_first_turn_of_a_call_schedules_an_activity_that_can_be_leased_once(stores: Stores) -> None:
    await stores.users.define(CALL)
    await stores.users.start(StartRequest(name="flow"))
    claimed = await stores.turns.claim(EVERYTHING)
    leased, _ = await commit(stores, await turn_of(stores, claimed), 5)
    (activity,) = leased
    assert (activity.lease.attempt, activity.task) == (1, "/do/0/ask")
    assert activity.data["activity"] == "http"
    assert await stores.turns.end(5) == []


async def test_only_the_holder_of_the_lease_gets_its_outcome_recorded(stores: Stores) -> None:
    await stores.users.define(CALL)
    workflow_id = await stores.users.start(StartRequest(name="flow"))
    claimed = await stores.turns.claim(EVERYTHING)
    leased, _ = await commit(stores, await turn_of(stores, claimed), 5)
    await stores.turns.end(0)
    held = leased[0].lease
    forged = Lease(workflow_id, held.seq, "00000000-0000-4000-8000-000000000000", 1)
    assert all(not claim.done for claim in (await stores.turns.claim(Wanted(0, [forged]))).claims)
    await stores.turns.abandon()
    offered = await stores.turns.claim(Wanted(0, [held]))
    assert [list(claim.done) for claim in offered.claims] == [[held.seq]]
    outcome = ActivityCompleted(held.seq, {"answer": 42}, held.attempt, held.token)
    turn = await turn_of(stores, offered, outcome)
    await commit(stores, turn, then=NOTHING)
    await stores.turns.end(0)
    state = replay((await stores.turns.read([workflow_id]))[workflow_id].history)
    assert (state.status, state.output) == (Status.COMPLETED, {"answer": 42})


async def test_a_cancelled_workflow_is_not_claimed_and_takes_no_events(stores: Stores) -> None:
    workflow_id = await started(stores)
    assert await stores.users.cancel(workflow_id, "not needed")
    assert not await stores.users.cancel(workflow_id)
    assert (await stores.turns.claim(EVERYTHING)).claims == []
    await stores.turns.end(0)
    with pytest.raises(Conflict):
        await stores.users.append(workflow_id, "order.paid")


async def test_other_content_under_a_defined_version_is_refused(stores: Stores) -> None:
    assert await stores.users.define(COUNT) == "default/flow:1.0.0"
    assert await stores.users.define(COUNT) == "default/flow:1.0.0"
    with pytest.raises(Conflict):
        await stores.users.define(definition(ASK))


async def test_what_does_not_exist_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound):
        await stores.users.start(StartRequest(name="nothing"))
    with pytest.raises(NotFound):
        await stores.users.cancel("01980f2e-0000-7000-8000-000000000000")
    with pytest.raises(NotFound):
        await stores.users.append("01980f2e-0000-7000-8000-000000000000", "order.paid")
