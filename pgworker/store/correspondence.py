"""Correspondence: what the workflows of a turn have to do with others, CloudEvents and other workflows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from psycopg import AsyncConnection

from pgworker.engine.commands import (
    CancelChild,
    Consume,
    LookAgain,
    Return,
    StartChild,
    Subscribe,
    Unsubscribe,
)
from pgworker.store.arrays import JsonArray, json_array, plain, quoted
from pgworker.store.database import Database


@dataclass(slots=True)
class Correspondence:
    """What a turn writes besides events, workflows and jobs, workflow by workflow.

    ``seen`` holds how far listens have looked: workflow, listen and position.
    """

    subscribed: list[tuple[str, Subscribe]] = field(default_factory=list)
    unsubscribed: list[tuple[str, Unsubscribe]] = field(default_factory=list)
    consumed: list[tuple[str, Consume]] = field(default_factory=list)
    returned: list[tuple[str, Return]] = field(default_factory=list)
    looking: list[tuple[str, LookAgain]] = field(default_factory=list)
    seen: list[tuple[str, int, int]] = field(default_factory=list)
    started: list[tuple[str, StartChild]] = field(default_factory=list)
    cancelled: list[CancelChild] = field(default_factory=list)

    def add(
        self,
        workflow_id: str,
        command: Subscribe | Unsubscribe | Consume | Return | LookAgain | StartChild | CancelChild,
    ) -> None:
        """Takes in what a workflow asks for."""
        match command:
            case Subscribe():
                self.subscribed.append((workflow_id, command))
            case Unsubscribe():
                self.unsubscribed.append((workflow_id, command))
            case Consume():
                self.consumed.append((workflow_id, command))
            case Return():
                self.returned.append((workflow_id, command))
            case LookAgain():
                self.looking.append((workflow_id, command))
            case StartChild():
                self.started.append((workflow_id, command))
            case CancelChild():
                self.cancelled.append(command)


class CorrespondenceWriter:
    """Writes correspondence within the transaction of a turn, after the turn itself."""

    def __init__(self, database: Database) -> None:
        self._subscribe = database.statement(
            "select {schema}.subscribe(%s::uuid[], %s::bigint[], %s::integer[], %s::text[], %s::text[],"
            " %s::jsonb[], %s::text[])"
        )
        self._unsubscribe = database.statement("select {schema}.unsubscribe(%s::uuid[], %s::bigint[])")
        self._consume = database.statement(
            "select {schema}.consume_events(%s::uuid[], %s::bigint[], %s::uuid[], %s::uuid[], %s::bigint[],"
            " %s::bigint[], %s::uuid[], %s::bigint[])"
        )
        self._return = database.statement("select {schema}.return_events(%s::uuid[], %s::uuid[])")
        self._start = database.statement(
            "select {schema}.start_children(%s::uuid[], %s::bigint[], %s::uuid[], %s::text[], %s::text[],"
            " %s::text[], %s::jsonb[], %s::boolean[])"
        )
        self._cancel = database.statement("select {schema}.cancel_children(%s::uuid[])")

    async def send(self, connection: AsyncConnection[Any], letters: Correspondence) -> None:
        """Sends what there is to write. Listens end before others begin, and look on after both.

        What is returned is so before the workflow may consume it again.
        """
        if letters.unsubscribed:
            await connection.execute(self._unsubscribe, _unsubscriptions(letters))
        if letters.returned:
            await connection.execute(self._return, _returned(letters))
        if letters.consumed or letters.seen or letters.looking:
            await connection.execute(self._consume, _consumptions(letters))
        if letters.subscribed:
            await connection.execute(self._subscribe, _subscriptions(letters))
        if letters.cancelled:
            await connection.execute(self._cancel, [plain(command.child for command in letters.cancelled)])
        if letters.started:
            await connection.execute(self._start, _children(letters))


def _unsubscriptions(letters: Correspondence) -> list[str]:
    return [
        plain(workflow_id for workflow_id, _ in letters.unsubscribed),
        plain(command.start for _, command in letters.unsubscribed),
    ]


def _returned(letters: Correspondence) -> list[str]:
    return [
        plain(workflow_id for workflow_id, _ in letters.returned),
        plain(command.event_id for _, command in letters.returned),
    ]


def _consumptions(letters: Correspondence) -> list[str]:
    looking = {(workflow_id, command.start) for workflow_id, command in letters.looking}
    looking |= {(workflow_id, start) for workflow_id, start, _ in letters.seen}
    order = sorted(looking)
    return [
        plain(workflow_id for workflow_id, _ in letters.consumed),
        plain(command.start for _, command in letters.consumed),
        plain(command.event_id for _, command in letters.consumed),
        plain(workflow_id for workflow_id, _, _ in letters.seen),
        plain(start for _, start, _ in letters.seen),
        plain(position for _, _, position in letters.seen),
        plain(workflow_id for workflow_id, _ in order),
        plain(start for _, start in order),
    ]


def _subscriptions(letters: Correspondence) -> list[str | JsonArray]:
    commands = [command for _, command in letters.subscribed]
    return [
        plain(workflow_id for workflow_id, _ in letters.subscribed),
        plain(command.start for command in commands),
        plain(command.filter for command in commands),
        plain(command.correlation for command in commands),
        quoted([command.type for command in commands]),
        json_array([orjson.dumps(command.keys).decode() for command in commands]),
        plain(command.value for command in commands),
    ]


def _children(letters: Correspondence) -> list[str | JsonArray]:
    commands = [command for _, command in letters.started]
    return [
        plain(workflow_id for workflow_id, _ in letters.started),
        plain(command.start for command in commands),
        plain(command.child for command in commands),
        quoted([command.namespace for command in commands]),
        quoted([command.name for command in commands]),
        quoted([command.version for command in commands]),
        json_array([orjson.dumps(command.input).decode() for command in commands]),
        plain("t" if command.waits else "f" for command in commands),
    ]
