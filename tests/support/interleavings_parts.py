"""Parts that a transaction may play: worker, user, keeper of leases, or whoever correlates CloudEvents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.support.interleavings_hands import Hand
from tests.support.interleavings_model import Key, Model
from tests.support.interleavings_turns import Choose, decide, send
from tests.support.interleavings_users import ACTIONS, user
from tests.support.letters import Round

Part = Callable[[Model, Hand, Choose], None]


def _turn(model: Model, hand: Hand, choose: Choose) -> None:
    """Claims, and decides what to write about each workflow."""
    batch = choose((5, 2, 1))
    done: list[tuple[str, int, str]] = []
    for (id_, seq), token in sorted(hand.leases.items()):
        if choose((True, False)):
            done.append((id_, seq, token))

    def claimed(rows: Sequence[Any]) -> None:
        transaction = hand.opened
        transaction.touched |= {row.id for row in rows}
        for row in rows:
            for seq in row.done:
                if not model.workflows[row.id].is_live:
                    continue  # it was claimed while the workflow ended: the turn only drops it
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
        transaction = hand.opened
        transaction.touched |= {row.id for row in rows}

        def apply(model: Model) -> None:
            for row in rows:
                activity = model.activity((row.id, row.seq))
                hand.leases[row.id, row.seq] = row.token
                if activity is not None:
                    assert row.attempt == activity.attempt + 1
                    assert row.token != activity.token, "the old token would still be good"
                    activity.token, activity.attempt, activity.expired = row.token, row.attempt, False
                else:
                    assert not model.workflows[row.id].is_live

        transaction.effects.append(apply)

    return leased


def _activities(_: Model, hand: Hand, choose: Choose) -> None:
    slots = choose((10, 2, 1))
    hand.ask("claim_activities", hand.within(lambda: hand.turns.activities(slots)), _leased(hand))


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
        hand.opened.touched |= {key[0] for key in valid}
        for key in valid:
            _forget_the_time(model, key)

    hand.ask("heartbeat", hand.within(beat), beaten)


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
        hand.opened.effects.append(apply)

    hand.opened.touched |= {key[0] for key, _ in held}
    hand.ask(
        "release_activities",
        hand.within(
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
    hand.opened.touched.add(id_)

    def postponed(_: Any) -> None:
        def apply(model: Model) -> None:
            workflow = model.workflows[id_]
            workflow.turn = workflow.is_live  # a strike is a turn that comes later; here at once

        hand.opened.effects.append(apply)

    hand.ask(
        "postpone_turn",
        hand.within(lambda: hand.connection.execute("select pgworker.postpone_turn(%s, '0 s')", [id_])),
        postponed,
    )
    return None


def _round(_: Model, hand: Hand, choose: Choose) -> None:
    """Claims CloudEvents and gives them their values, again if there are new ways to listen meanwhile."""
    one, batch = Round(hand.connection), choose((200, 2, 1))

    def written(is_done: bool) -> None:
        if not is_done:
            hand.opened.todo.append(("evaluate", one.evaluate, _nothing))
            hand.opened.todo.append(("correlate_events", one.write, written))

    def claimed(ids: list[str]) -> None:
        if ids:
            hand.opened.todo.append(("evaluate", one.evaluate, _nothing))
            hand.opened.todo.append(("correlate_events", one.write, written))

    hand.ask("claim_events", lambda: one.claim(batch), claimed)


def _nothing(_: Any) -> None:
    """Nothing more to learn from the answer."""


PARTS: dict[str, Part] = {
    "user": user,
    "turn": _turn,
    "round": _round,
    "activities": _activities,
    "heartbeat": _heartbeat,
    "release": _release,
    "postpone": _postpone,
    **ACTIONS,
}
BEGINNINGS = (*["turn"] * 8, *["user"] * 5, *["round"] * 3, "activities", "heartbeat", "release", "postpone")
