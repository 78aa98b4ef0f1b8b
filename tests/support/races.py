"""Listens that begin while their CloudEvent is published, each with its statements in an order of its own."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from pgworker.dsl.compile import compile_value
from pgworker.engine.correlating import Correlation
from pgworker.plan.nodes import Plan
from pgworker.store.database import Database
from pgworker.store.rounds import Rounds
from pgworker.store.turns import TurnConnection, Wanted
from pgworker.worker.turn import Turn
from tests.support.interleaving import Gate, Pool, Side, run_in_order
from tests.support.turns import maker_of
from tests.support.workflows import document, start

LISTENS = 4
"""The statements of a turn in which a listen begins: it claims, writes the turn, subscribes, commits."""

PUBLISHES = 2
"""It publishes, and commits."""

CORRELATES = 5
"""It claims, correlates (in vain if it has to know more), reads correlations, correlates, and commits."""


@dataclass(frozen=True)
class Listener:
    """What a race is about: a definition that listens, and the type of its CloudEvent."""

    name: str
    type: str
    definition: dict[str, Any]


def by_itself(number: int) -> Listener:
    """It listens by a correlation that nobody has known before."""
    return _listener(f"new-{number}", {"with": {"type": f"new.{number}"}})


def like_others() -> Listener:
    """It listens by a correlation by which others listen already."""
    key = {"from": ".number", "expect": "${ $workflow.input.number }"}
    return _listener("known", {"with": {"type": "known"}, "correlate": {"key": key}})


def _listener(name: str, filter_: dict[str, Any]) -> Listener:
    definition = document([{"l": {"listen": {"to": {"one": filter_}}}}], name=name)
    return Listener(name, filter_["with"]["type"], definition)


@dataclass(frozen=True)
class Race:
    """A workflow, the order in which the statements went, and which sides waited for a lock on the way."""

    workflow_id: str
    number: int
    order: tuple[int, ...]
    held_up: frozenset[int]


class Races:
    """Lets races take place, one after the other, on the same connections: 0 listens, 1 publishes.

    The CloudEvent is correlated by 1 as well, or by 2 where there is one.
    """

    def __init__(
        self,
        database: Database,
        connection: psycopg.Connection,
        sides: tuple[AsyncConnection[Any], AsyncConnection[Any], AsyncConnection[Any]],
        observer: AsyncConnection[Any],
    ) -> None:
        self._database = database
        self._connection = connection
        self._gates = [Gate(side) for side in sides]
        self._observer = observer
        self.past: list[Race] = []

    async def take_place(self, listener: Listener, order: tuple[int, ...]) -> None:
        """Starts a workflow and publishes its event, with the statements in this order."""
        number = len(self.past)
        self._connection.execute("select pgworker.define_workflow(%s)", [Jsonb(listener.definition)])
        workflow_id = start(self._connection, listener.name, {"number": number})
        apart = 2 in order
        acts: list[Awaitable[None]] = [
            self._listen(compile_value(listener.definition)),
            self._publish(listener.type, number, correlates=not apart),
            *([self._correlate(self._gates[2])] if apart else []),
        ]
        sides = [Side(gate, act, self._observer) for gate, act in zip(self._gates, acts, strict=False)]
        await run_in_order(sides, order)
        held_up = frozenset(which for which, side in enumerate(sides) if side.was_held_up)
        self.past.append(Race(workflow_id, number, order, held_up))
        # what is still to be done is done in the end, by a worker: the next race is not to meet it
        self._connection.execute(
            "update pgworker.jobs set due_at = due_at + interval '1 day' where due_at < now()"
        )

    def are_over(self) -> None:
        """What was put aside is due."""
        self._connection.execute("update pgworker.jobs set due_at = due_at - interval '1 day'")

    async def _listen(self, plan: Plan) -> None:
        turns = TurnConnection(self._database, self._gates[0], "by-hand", 30)
        claimed = await turns.claim(Wanted(batch=10))
        turn = Turn(claimed.now)
        parts = list(maker_of(lambda _: plan).make(turn, claimed.claims))
        assert len(turn.writes.letters.subscribed) == 1
        await turns.commit_and_claim(parts, lambda: (0, Wanted(batch=0)))
        await turns.abandon()

    async def _publish(self, type_: str, number: int, *, correlates: bool) -> None:
        gate = self._gates[1]
        await gate.execute("begin")
        await gate.execute("select pgworker.publish_event(%s, %s)", [type_, Jsonb({"number": number})])
        await gate.execute("commit")
        if correlates:
            await self._correlate(gate)

    async def _correlate(self, gate: Gate) -> None:
        await Rounds(self._database, Pool(gate)).correlate(10, Correlation.value_of)
