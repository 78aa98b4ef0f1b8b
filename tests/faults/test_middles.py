"""Workers are killed in the middle of a task, at a random time, and so is the next one: all comes right."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.support.failpoints.cells import Cell
from tests.support.failpoints.kinds import CHILD_RUNS, LISTENING, PERFORMING, RECEIVED, Kind
from tests.support.failpoints.lane import Lane
from tests.support.failpoints.lanes import Lanes
from tests.support.failpoints.points import Fault, When
from tests.support.failpoints.trials import attempt, kill_twice

ROUNDS = 4
LATEST = 0.06
"""Up to so many seconds after its moment a worker is killed; the second one up to a few times later."""


def _happened(type_: str) -> str:
    return f"select exists (select from events where type = '{type_}')"


SCHEDULE_HAS_STARTED = "select exists (select from workflows)"

MIDDLES = {
    "a fork that has begun": ("fork", _happened("branch.started")),
    "a fork of which a branch has ended": ("fork", _happened("branch.completed")),
    "a race": ("fork compete", PERFORMING),
    "a try whose retry is pending": ("try retry", _happened("task.retried")),
    "a listen before the first of two CloudEvents": ("listen all", LISTENING),
    "a listen after the first of two CloudEvents": ("listen all", _happened("event.received")),
    "a listen that does something with each": ("listen foreach", _happened("iteration.started")),
    "a parent whose child has not begun": ("run", _happened("child.started")),
    "a child that performs an activity": ("run", PERFORMING),
    "a parent whose child has ended": (
        "run",
        "select exists (select from workflows where parent_id is not null and ended_at is not null)",
    ),
    "a schedule by time": ("schedule every", SCHEDULE_HAS_STARTED),
    "a schedule upon ends": ("schedule after", SCHEDULE_HAS_STARTED),
    "a schedule upon CloudEvents": ("schedule on all", RECEIVED),
    "a cancelled workflow with a child and a call": (
        "cancel",
        "select exists (select from workflows where status = 'CANCELLED' and parent_id is null)",
    ),
    "a child that lost a race": ("run compete", CHILD_RUNS),
}


@dataclass(frozen=True)
class _Middle:
    what: str
    kind: Kind
    when: str
    after: float
    again: float

    def __str__(self) -> str:
        return f"{self.what}: killed {self.after:.3f} s later, and again after {self.again:.3f} s"


def _kill(lane: Lane, middle: _Middle) -> None:
    kill_twice(lane, middle.kind, middle.when, middle.after, middle.again)


@pytest.mark.parametrize(
    "rounds", [pytest.param(ROUNDS, id="some"), pytest.param(40, id="many", marks=pytest.mark.soak)]
)
def test_whatever_is_under_way_survives_the_death_of_two_workers(
    lanes: Lanes, kinds: Mapping[str, Kind], chance: random.Random, rounds: int
) -> None:
    middles = [
        _Middle(what, kinds[kind], when, chance.uniform(0, LATEST), chance.uniform(0, 5 * LATEST))
        for what, (kind, when) in MIDDLES.items()
        for _ in range(rounds)
    ]
    wrong = lanes.wrongs(middles, _kill)
    assert not wrong, f"{len(wrong)} of {len(middles)}:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("kind", ["schedule every", "schedule after", "schedule on", "schedule on all"])
def test_a_schedule_survives_the_death_of_a_worker_between_its_claim_and_its_settling(
    lanes: Lanes, kinds: Mapping[str, Kind], kind: str
) -> None:
    cells = [Cell(kind, "settle_schedule", when, Fault.KILL, turn) for when in When for turn in (1, 2)]
    assert lanes.wrongs(cells, lambda lane, cell: attempt(lane, cell, kinds[kind])) == []
