"""Invariants: what has to hold of what is committed, whoever is in the middle of what."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from tests.support.interleavings_hands import Hand
from tests.support.interleavings_model import UNKNOWN, Key, Model
from tests.support.turns import Turns


def _is_late(problem: str, _workflow_id: str, detail: str) -> bool:
    """Whether it is an activity that was given back while its workflow ended in another transaction.

    Whoever performs it next has its result dropped by a turn.
    """
    return problem == "an ended workflow has a job" and ": perform at " in detail


def note_times(model: Model, probe: psycopg.Connection) -> None:
    """When workflows were created and CloudEvents published, as the database says."""
    for one in model.workflows.values():
        if one.created_at == UNKNOWN:
            row = probe.execute(
                "select created_at from pgworker.workflows where id = %s", [one.id]
            ).fetchone()
            assert row is not None, f"{one.id} was started and is not there"
            one.created_at = row[0]
    for event in model.events.values():
        if event.published_at == UNKNOWN:
            row = probe.execute(
                "select published_at from pgworker.cloud_events where id = %s", [event.id]
            ).fetchone()
            assert row is not None, f"{event.id} was published and is not there"
            event.published_at = row[0]


def check(model: Model, probe: psycopg.Connection, hands: Sequence[Hand]) -> None:
    """All that can be checked in the middle of everything."""
    wrong = [row for row in _problems(probe) if not _is_late(*row)]
    assert not wrong, wrong
    known = {one.id: (one.last_seq, one.status) for one in model.workflows.values()}
    stored = probe.execute("select id::text, last_seq, status from pgworker.workflows").fetchall()
    assert {id_: (last_seq, status) for id_, last_seq, status in stored} == known
    busy: set[str] = set()
    for hand in hands:
        if hand.transaction is not None:
            busy |= hand.transaction.touched
    if any(hand.waiting is not None for hand in hands):
        return  # whoever waits may hold more than anybody has been told of
    _check_turns(model, probe, busy)
    _check_activities(model, probe, busy)


def _check_turns(model: Model, probe: psycopg.Connection, busy: set[str]) -> None:
    """No wake-up is lost: what can go on is claimed, and told of all that it waits for."""
    row = probe.execute("select count(*) from pgworker.jobs where kind = 'correlate'").fetchone()
    is_correlated = row == (0,)
    turns = Turns(probe)
    claimed = {one.id: one for one in turns.claim(batch=1000)}
    turns.rollback()
    for workflow in model.workflows.values():
        if workflow.id in busy or not workflow.is_live:
            continue
        due, mail = model.due(workflow), model.mail(workflow) if is_correlated else set()
        if not due and not mail:
            continue
        assert workflow.id in claimed, f"{workflow} has due {due} and mail {mail}, and nobody is told"
        claim = claimed[workflow.id]
        assert due <= set(claim.due), f"{workflow} has due {due}, and is told of {claim.due}"
        told = {(letter[0], letter[2]) for letter in claim.mail or ()}
        assert mail <= told, f"{workflow} has mail {mail}, and is told of {told}"


def _check_activities(model: Model, probe: psycopg.Connection, busy: set[str]) -> None:
    """What nobody performs is claimed, as the next attempt; what somebody performs is not."""
    with probe.transaction(force_rollback=True):
        claimed: dict[Key, int] = {(one.id, one.seq): one.attempt for one in Turns(probe).activities(1000)}
    for key, activity in model.activities():
        if key[0] in busy or activity.expired is None:
            continue
        free = activity.token is None or activity.expired
        assert claimed.get(key) == (activity.attempt + 1 if free else None), f"{key}: {activity}"


def check_all_is_over(probe: psycopg.Connection) -> None:
    """Everything has ended, and nothing is left of it but the histories."""
    left = [
        *_problems(probe),
        *probe.execute("select * from pgworker.jobs").fetchall(),
        *probe.execute("select * from pgworker.subscriptions").fetchall(),
    ]
    assert not left, left


def _problems(probe: psycopg.Connection) -> list[tuple[str, ...]]:
    return probe.execute(
        "select problem, workflow_id::text, detail from pgworker.check_workflows()"
    ).fetchall()
