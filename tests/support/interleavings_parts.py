"""Parts that a transaction may play: worker, user, keeper of leases, or whoever correlates CloudEvents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


from tests.support.interleavings_hands import Hand, Transaction
from tests.support.interleavings_model import CloudEvent, Key, Model, Workflow
from tests.support.interleavings_turns import Choose, decide, send
from tests.support.letters import Round, publish
from tests.support.workflows import start

Part = Callable[[Model, Hand, Choose], None]

KEYS = ("a", "b")
EVENTS = ("x", "y", "z", None, None, None)
TYPES = ("order.paid", "order.shipped")


def _open(hand: Hand) -> Transaction:
    assert hand.transaction is not None
    return hand.transaction


def _in_transaction(hand: Hand, step: Callable[[], Any]) -> Callable[[], Any]:
    """A first statement begins the transaction."""

    def begin_and_do() -> Any:
        if not hand.connection.info.transaction_status:
            hand.connection.execute("begin")
        return step()

    return begin_and_do


def _turn(model: Model, hand: Hand, choose: Choose) -> None:
    """Claims, and decides what to write about each workflow."""
    batch = choose((5, 2, 1))
    done: list[tuple[str, int, str]] = []
    for (id_, seq), token in sorted(hand.leases.items()):
        if choose((True, False)):
            done.append((id_, seq, token))

    def claimed(rows: Sequence[Any]) -> None:
        transaction = _open(hand)
        transaction.touched |= {row.id for row in rows}
        for row in rows:
            for seq in row.done:
                activity = model.activity((row.id, seq))
                assert activity is not None, f"a result of {row.id} at {seq} is taken, which has ended"
                assert (row.id, seq, activity.token) in done, "a result is taken under an old token"
        decision = decide(model, rows, choose)
        transaction.effects = [*decision.effects, lambda _: hand.leases.update(decision.leases)]
        transaction.touched |= {key.child for _, key in decision.letters.started}
        transaction.touched |= {key.child for key in decision.letters.cancelled}
        transaction.todo.append(("commit_turn", lambda: hand.turns.write(decision.writes), _nothing))
        for statement, parameters in decision.statements():
            transaction.todo.append(
                (str(statement), lambda s=statement, p=parameters: send(hand.connection, s, p), _nothing)
            )
        if choose((False, True)):
            transaction.todo.append(("claim_activities", lambda: hand.turns.activities(2), _leased(hand)))

    hand.ask("claim_turn", lambda: hand.turns.claim(batch, done), claimed)


def _leased(hand: Hand) -> Callable[[Sequence[Any]], None]:
    def leased(rows: Sequence[Any]) -> None:
        transaction = _open(hand)
        transaction.touched |= {row.id for row in rows}

        def apply(model: Model) -> None:
            for row in rows:
                activity = model.activity((row.id, row.seq))
                hand.leases[row.id, row.seq] = row.token
                if activity is not None:
                    assert row.attempt == activity.attempt + 1
                    activity.token, activity.attempt, activity.expired = row.token, row.attempt, False
                else:
                    assert not model.workflows[row.id].is_live

        transaction.effects.append(apply)

    return leased


def _activities(_: Model, hand: Hand, choose: Choose) -> None:
    slots = choose((10, 2, 1))
    hand.ask("claim_activities", _in_transaction(hand, lambda: hand.turns.activities(slots)), _leased(hand))


def _columns(leases: Sequence[tuple[Key, str]]) -> list[list[Any]]:
    return [[key[0] for key, _ in leases], [key[1] for key, _ in leases], [token for _, token in leases]]


def _heartbeat(model: Model, hand: Hand, _: Choose) -> None:
    held = sorted(hand.leases.items())

    def beat() -> list[Any]:
        return hand.connection.execute(
            "select workflow_id::text, seq from pgworker.heartbeat(%s, 1, '1 hour', %s::uuid[], %s::bigint[],"
            " %s::uuid[]) where seq is not null",
            [hand.worker, *_columns(held)],
        ).fetchall()

    def beaten(lost: list[Any]) -> None:
        valid = {key for key, token in held if (one := model.activity(key)) and one.token == token}
        late = {key for key, _ in held if not model.workflows[key[0]].is_live}
        assert set(lost) - late == {key for key, _ in held} - valid - late
        for key in set(dict(held)) - set(lost):
            if key in lost:
                del hand.leases[key]
        _open(hand).touched |= {key[0] for key in valid}
        for key in valid:
            _forget_the_time(model, key)

    hand.ask("heartbeat", _in_transaction(hand, beat), beaten)


def _forget_the_time(model: Model, key: Key) -> None:
    """It may have been locked by somebody else, and then its lease was not prolonged."""
    if (activity := model.activity(key)) is not None and activity.expired:
        activity.expired = None


def _release(model: Model, hand: Hand, choose: Choose) -> None:
    held = [lease for lease in sorted(hand.leases.items()) if choose((True, False))]

    def apply(model: Model) -> None:
        for key, token in held:
            hand.leases.pop(key, None)
            activity = model.activity(key)
            if activity is not None and activity.token == token:
                activity.token, activity.expired = None, False
                activity.attempt = max(activity.attempt - 1, 0)

    def released(_: Any) -> None:
        _open(hand).effects.append(apply)

    _open(hand).touched |= {key[0] for key, _ in held}
    hand.ask(
        "release_activities",
        _in_transaction(
            hand,
            lambda: hand.connection.execute(
                "select pgworker.release_activities(%s::uuid[], %s::bigint[], %s::uuid[])", _columns(held)
            ),
        ),
        released,
    )


def _postpone(model: Model, hand: Hand, choose: Choose) -> None:
    if not model.workflows:
        return _heartbeat(model, hand, choose)
    id_ = choose(sorted(model.workflows))
    _open(hand).touched.add(id_)

    def postponed(_: Any) -> None:
        def apply(model: Model) -> None:
            workflow = model.workflows[id_]
            workflow.turn = workflow.is_live  # a strike is a turn that comes later; here at once

        _open(hand).effects.append(apply)

    hand.ask(
        "postpone_turn",
        _in_transaction(
            hand, lambda: hand.connection.execute("select pgworker.postpone_turn(%s, '0 s')", [id_])
        ),
        postponed,
    )
    return None


def _round(_: Model, hand: Hand, choose: Choose) -> None:
    """Claims CloudEvents and gives them their values, again if there are new ways to listen meanwhile."""
    one, batch = Round(hand.connection), choose((200, 2, 1))

    def written(is_done: bool) -> None:
        if not is_done:
            _open(hand).todo.append(("evaluate", one.evaluate, _nothing))
            _open(hand).todo.append(("correlate_events", one.write, written))

    def claimed(ids: list[str]) -> None:
        if ids:
            _open(hand).todo.append(("evaluate", one.evaluate, _nothing))
            _open(hand).todo.append(("correlate_events", one.write, written))

    hand.ask("claim_events", lambda: one.claim(batch), claimed)


def _nothing(_: Any) -> None:
    """Nothing more to learn from the answer."""


# --- users


def _user(model: Model, hand: Hand, choose: Choose) -> None:
    """A user's transaction begins with whatever it does first."""
    CONTINUED[choose(CONTINUATIONS)](model, hand, choose)


def _start(_: Model, hand: Hand, choose: Choose) -> None:
    key = choose((*KEYS, None))
    transaction = _open(hand)
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
    hand.ask("start_workflow", _in_transaction(hand, lambda: start(hand.connection, **more)), started)


def _started(id_: str, key: str | None) -> Callable[[Model], None]:
    def apply(model: Model) -> None:
        if key is not None:
            assert model.keys.setdefault(key, id_) == id_, f"the key {key} has started two workflows"
        model.workflows.setdefault(id_, Workflow(id_))

    return apply


def _on_workflow(hand: Hand, model: Model, choose: Choose) -> str | None:
    """One that a user may lock now: whoever locks several in one transaction does so in one order."""
    ids = [id_ for id_ in sorted(model.workflows) if (1, id_) >= _open(hand).rank]
    if not ids:
        return None
    id_: str = choose(ids)
    _open(hand).rank = (1, id_)
    _open(hand).touched.add(id_)
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

        _open(hand).effects.append(apply)

    hand.ask("append_event", _in_transaction(hand, append), appended)
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
            _open(hand).effects.append(apply)

    hand.ask("cancel_workflow", _in_transaction(hand, cancel), cancelled)
    return None


def _publish(_: Model, hand: Hand, choose: Choose) -> None:
    name, type_, data = choose(EVENTS), choose(TYPES), choose(({"order": 1}, {"order": 2}))
    transaction = _open(hand)
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
        "publish_event", _in_transaction(hand, lambda: publish(hand.connection, type_, data, **more)), published
    )


PARTS: dict[str, Part] = {
    "user": _user,
    "turn": _turn,
    "round": _round,
    "activities": _activities,
    "heartbeat": _heartbeat,
    "release": _release,
    "postpone": _postpone,
    "start": _start,
    "append": _append,
    "insert": _insert,
    "cancel": _cancel,
    "publish": _publish,
}
CONTINUED = {name: PARTS[name] for name in ("start", "append", "publish", "insert", "cancel")}
CONTINUATIONS = (*CONTINUED, "publish", "publish", "append")
BEGINNINGS = (*["turn"] * 8, *["user"] * 5, *["round"] * 3, "activities", "heartbeat", "release", "postpone")

