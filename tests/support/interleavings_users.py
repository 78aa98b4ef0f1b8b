"""Users: what may happen in one of their transactions.

Whoever locks several things in one transaction does so in one order: keys, then workflows by their ids, then
CloudEvents. Two users that do not, wait for each other as they would anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.interleavings_hands import Effect, Hand
from tests.support.interleavings_model import CloudEvent, Model, Workflow
from tests.support.interleavings_turns import Choose
from tests.support.letters import publish
from tests.support.workflows import start

KEYS = ("a", "b")
EVENTS = ("x", "y", "z", None, None, None)
TYPES = ("order.paid", "order.shipped")


def user(model: Model, hand: Hand, choose: Choose) -> None:
    """A user's transaction begins with whatever it does first."""
    ACTIONS[choose(LIKELY)](model, hand, choose)


def _start(_: Model, hand: Hand, choose: Choose) -> None:
    key = choose((*KEYS, None))
    transaction = hand.opened
    if key is not None and (0, key) < transaction.rank:
        key = None
    transaction.rank = max(transaction.rank, (0, key or ""))

    def started(id_: str) -> None:
        transaction.touched.add(id_)
        if key is None or key not in transaction.keys:
            transaction.effects.append(_started(id_, key))
        else:
            assert transaction.keys[key] == id_
        if key is not None:
            transaction.keys[key] = id_

    more = {} if key is None else {"idempotency_key": key}
    hand.ask("start_workflow", hand.within(lambda: start(hand.connection, **more)), started)


def _started(id_: str, key: str | None) -> Effect:
    def apply(model: Model) -> None:
        if key is not None:
            assert model.keys.setdefault(key, id_) == id_, f"the key {key} has started two workflows"
        model.workflows.setdefault(id_, Workflow(id_))

    return apply


def _on_workflow(hand: Hand, model: Model, choose: Choose) -> str | None:
    """One that a user may lock now: whoever locks several in one transaction does so in one order."""
    ids = [id_ for id_ in sorted(model.workflows) if (1, id_) >= hand.opened.rank]
    if not ids:
        return None
    id_: str = choose(ids)
    hand.opened.rank = (1, id_)
    hand.opened.touched.add(id_)
    return id_


def _append(model: Model, hand: Hand, choose: Choose, *, plainly: bool = False) -> None:
    if (id_ := _on_workflow(hand, model, choose)) is None:
        return _start(model, hand, choose)

    def append() -> Any:
        statement = (
            "insert into pgworker.events (workflow_id, type, data) values (%s, 'a.note', '{}') returning seq"
            if plainly
            else "select pgworker.append_event(%s, 'a.note')"
        )
        row = hand.connection.execute(statement, [id_]).fetchone()
        assert row is not None
        return row[0]

    def appended(seq: int) -> None:
        def apply(model: Model) -> None:
            workflow = model.workflows[id_]
            assert seq == workflow.last_seq + 1, "numbers are not in the order of commits"
            workflow.last_seq, workflow.turn = seq, True

        hand.opened.effects.append(apply)

    hand.ask("append_event", hand.within(append), appended)
    return None


def _insert(model: Model, hand: Hand, choose: Choose) -> None:
    _append(model, hand, choose, plainly=True)


def _cancel(model: Model, hand: Hand, choose: Choose) -> None:
    if (id_ := _on_workflow(hand, model, choose)) is None:
        return _start(model, hand, choose)

    def cancel() -> Any:
        row = hand.connection.execute("select pgworker.cancel_workflow(%s)", [id_]).fetchone()
        assert row is not None
        return row[0]

    def cancelled(is_cancelled: bool) -> None:
        def apply(model: Model) -> None:
            assert model.workflows[id_].is_live
            model.workflows[id_].last_seq += 1
            model.ended(id_, "CANCELLED")

        if is_cancelled:
            hand.opened.effects.append(apply)

    hand.ask("cancel_workflow", hand.within(cancel), cancelled)
    return None


def _publish(_: Model, hand: Hand, choose: Choose) -> None:
    name, type_, data = choose(EVENTS), choose(TYPES), choose(({"order": 1}, {"order": 2}))
    transaction = hand.opened
    if name is not None:
        if (2, name) < transaction.rank:
            name = None
        else:
            transaction.rank = (2, name)

    def published(id_: str) -> None:
        def apply(model: Model) -> None:
            if name is not None:
                assert model.names.setdefault(name, id_) == id_, "a CloudEvent was published twice"
            model.events.setdefault(id_, CloudEvent(id_, type_, data))

        transaction.effects.append(apply)

    more = {} if name is None else {"id": name}
    hand.ask(
        "publish_event",
        hand.within(lambda: publish(hand.connection, type_, data, **more)),
        published,
    )


ACTIONS: dict[str, Callable[[Model, Hand, Choose], None]] = {
    "start": _start,
    "append": _append,
    "publish": _publish,
    "insert": _insert,
    "cancel": _cancel,
}
LIKELY = (*ACTIONS, "publish", "publish", "append")
