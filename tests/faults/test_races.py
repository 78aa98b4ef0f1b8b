"""Two at once: whatever races for an activity, one of them wins, and who loses leaves no trace.

Both sides are made by hand, on connections of their own, and set off together; where a lease runs out, it
runs out at about that moment.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest

from tests.support.oracle import violations
from tests.support.turns import Draft, Turns
from tests.support.workflows import call, define, jobs, results, start, workflow

Connect = Callable[[], psycopg.Connection]

TASK = "/do/0/ask"
LEASE = 0.003
RACES = 30
"""Of each pair; a thousand in the long run."""


@dataclass(frozen=True)
class Held:
    """An activity as one who has leased it knows it."""

    workflow: str
    seq: int
    token: str
    attempt: int = 1

    @property
    def lease(self) -> tuple[str, int, str]:
        return self.workflow, self.seq, self.token


class Side:
    """One of the two that race."""

    def __init__(self, connection: psycopg.Connection, worker: str) -> None:
        self.connection = connection
        self.turns = Turns(connection, worker=worker)

    def begin(self, lease: float) -> Held:
        """Starts a workflow, and leases its activity."""
        started = start(self.connection)
        self.turns.lease = f"{lease} s"
        [claimed] = self.turns.claim()
        draft = Draft(claimed)
        token = str(uuid4())
        seq = draft.event("task.started", '{"from": 1, "kind": "call", "activity": "http"}', TASK)
        draft.job(seq, "perform", token=token)
        self.turns.commit(draft.done())
        return Held(started, seq, token)

    def complete(self, held: Held) -> bool:
        """Records a result, as soon as nobody holds the workflow; false if the lease is lost."""
        while True:
            for claimed in self.turns.claim(batch=0, done=[held.lease]):
                if claimed.done:
                    self._record(claimed, held)
                    return True
            self.turns.rollback()
            if self.has_lost(held):
                return False

    def _record(self, claimed: object, held: Held) -> None:
        draft = Draft(claimed)
        output = json.dumps({"by": self.turns.worker, "token": held.token})
        data = {"kind": "call", "start": held.seq, "token": held.token, "attempt": held.attempt}
        result = draft.event("task.completed", json.dumps(data | {"output": json.loads(output)}), TASK)
        draft.event("workflow.completed", json.dumps({"output_from": result}), None)
        self.turns.commit(draft.done("COMPLETED", output))

    def has_lost(self, held: Held) -> bool:
        """Sends a heartbeat; whether it says that the lease is lost."""
        rows = self.connection.execute(
            "select seq from pgworker.heartbeat(%s, 1, '30 s', %s::uuid[], %s::bigint[], %s::uuid[])",
            [self.turns.worker, [held.workflow], [held.seq], [held.token]],
        ).fetchall()
        return len(rows) == 2

    def take(self, held: Held, patience: float = 0.05) -> Held | None:
        """Leases the activity when it is free; None if it does not become so."""
        self.turns.lease = "30 s"
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for leased in self.turns.activities():
                assert (leased.id, leased.seq) == (held.workflow, held.seq)
                return Held(held.workflow, held.seq, leased.token, leased.attempt)
        return None

    def release(self, held: Held) -> None:
        self.connection.execute(
            "select pgworker.release_activities(%s::uuid[], %s::bigint[], %s::uuid[])",
            [[held.workflow], [held.seq], [held.token]],
        )

    def cancel(self, held: Held) -> bool:
        row = self.connection.execute("select pgworker.cancel_workflow(%s)", [held.workflow]).fetchone()
        return row == (True,)


class Course:
    """Where they race: sets both off at once, and tells what each of them brought home."""

    def __init__(self, connect: Connect) -> None:
        self.seed = int(os.environ.get("PGWORKER_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
        sys.stdout.write(f"PGWORKER_TEST_SEED={self.seed}\n")
        self.chance = random.Random(self.seed)
        self.mine, self.theirs = Side(connect(), "mine"), Side(connect(), "theirs")
        self.outcomes: Counter[object] = Counter()
        self._pool = ThreadPoolExecutor(2)
        self._barrier = threading.Barrier(2)

    def race(self, one: Callable[[], object], other: Callable[[], object]) -> tuple[object, object]:
        """Both at once, one of them up to two leases later."""
        delays = [0.0, self.chance.uniform(0, 2 * LEASE)]
        self.chance.shuffle(delays)
        futures = [
            self._pool.submit(self._run, side, delay)
            for side, delay in zip((one, other), delays, strict=True)
        ]
        return futures[0].result(30), futures[1].result(30)

    def _run(self, side: Callable[[], object], delay: float) -> object:
        self._barrier.wait(10)
        time.sleep(delay)
        return side()

    def close(self) -> None:
        self._pool.shutdown()


@pytest.fixture
def course(connection: psycopg.Connection, connect: Connect) -> Iterator[Course]:
    define(connection, [{"ask": call("http://localhost")}])
    course = Course(connect)
    yield course
    course.close()
    sys.stdout.write(f"{dict(course.outcomes)}\n")


def _completion_and_expiry(course: Course) -> object:
    held = course.mine.begin(LEASE)
    recorded, heir = course.race(lambda: course.mine.complete(held), lambda: course.theirs.take(held))
    assert recorded is (heir is None)
    if isinstance(heir, Held):
        assert (heir.attempt, course.mine.complete(held)) == (2, False)
        assert course.theirs.complete(heir)
    _one_result(course, held, held if heir is None else heir)
    return recorded


def _completion_and_self_claim(course: Course) -> object:
    course.theirs.turns.worker = course.mine.turns.worker
    return _completion_and_expiry(course)


def _completion_and_repetition(course: Course) -> object:
    """As after a commit whose answer was lost, while the server is still busy with it."""
    held = course.mine.begin(30)
    first, second = course.race(lambda: course.mine.complete(held), lambda: course.theirs.complete(held))
    assert first is not second
    _one_result(course, held, held)
    return first


def _completion_and_heartbeat(course: Course) -> object:
    held = course.mine.begin(30)
    recorded, lost = course.race(lambda: course.mine.complete(held), lambda: course.theirs.has_lost(held))
    assert recorded is True
    _one_result(course, held, held)
    assert course.theirs.has_lost(held)
    return lost


def _completion_and_cancellation(course: Course) -> object:
    held = course.mine.begin(30)
    recorded, cancelled = course.race(lambda: course.mine.complete(held), lambda: course.theirs.cancel(held))
    assert recorded is not cancelled
    row = workflow(course.mine.connection, held.workflow)
    assert row["status"] == ("COMPLETED" if recorded else "CANCELLED")
    assert len(results(course.mine.connection, held.workflow)) == recorded
    return recorded


def _completion_and_release(course: Course) -> object:
    held = course.mine.begin(30)
    recorded, _ = course.race(lambda: course.mine.complete(held), lambda: course.theirs.release(held))
    heir = course.theirs.take(held, patience=0.01)
    assert recorded is (heir is None)
    if heir is not None:
        assert (heir.attempt, course.mine.complete(held)) == (1, False)
        assert course.theirs.complete(heir)
    _one_result(course, held, heir or held)
    return recorded


def _heartbeat_and_expiry(course: Course) -> object:
    held = course.mine.begin(LEASE)
    lost, heir = course.race(lambda: course.mine.has_lost(held), lambda: course.theirs.take(held))
    [job] = jobs(course.mine.connection, held.workflow)
    holder = heir if isinstance(heir, Held) else held
    assert str(job.lease_token) == holder.token
    assert course.mine.has_lost(held) is (heir is not None)
    assert course.theirs.complete(holder)
    _one_result(course, held, holder)
    return lost, heir is not None


def _release_and_expiry(course: Course) -> object:
    held = course.mine.begin(LEASE)
    _, heir = course.race(lambda: course.mine.release(held), lambda: course.theirs.take(held))
    assert isinstance(heir, Held)
    course.mine.release(held)  # late, and of no effect
    assert course.mine.complete(held) is False
    assert course.theirs.complete(heir)
    _one_result(course, held, heir)
    return heir.attempt


def _cancellation_and_expiry(course: Course) -> object:
    held = course.mine.begin(LEASE)
    cancelled, heir = course.race(lambda: course.mine.cancel(held), lambda: course.theirs.take(held))
    assert cancelled is True
    _nothing(course, held, *([heir] if isinstance(heir, Held) else []))
    return heir is not None


def _cancellation_and_heartbeat(course: Course) -> object:
    held = course.mine.begin(30)
    cancelled, lost = course.race(lambda: course.mine.cancel(held), lambda: course.theirs.has_lost(held))
    assert cancelled is True
    _nothing(course, held)
    return lost


def _cancellation_and_release(course: Course) -> object:
    held = course.mine.begin(30)
    cancelled, _ = course.race(lambda: course.mine.cancel(held), lambda: course.theirs.release(held))
    assert cancelled is True
    _nothing(course, held)
    return None


def _one_result(course: Course, held: Held, winner: Held) -> None:
    """There is the winner's result, and nothing else."""
    [result] = results(course.mine.connection, held.workflow)
    assert (result.data["token"], result.data["attempt"]) == (winner.token, winner.attempt)
    row = workflow(course.mine.connection, held.workflow)
    assert (row["status"], row["output"]["token"], row["last_seq"]) == ("COMPLETED", winner.token, 4)
    assert jobs(course.mine.connection, held.workflow) == []


def _nothing(course: Course, *helds: Held) -> None:
    """The workflow is cancelled, and nobody records or holds anything any more."""
    for held in helds:
        assert course.mine.complete(held) is False
        assert course.theirs.take(held, patience=0.001) is None
        row = workflow(course.mine.connection, held.workflow)
        assert (row["status"], row["last_seq"]) == ("CANCELLED", 3)
        assert jobs(course.mine.connection, held.workflow) == []


PAIRS = [
    _completion_and_expiry,
    _completion_and_self_claim,
    _completion_and_repetition,
    _completion_and_heartbeat,
    _completion_and_cancellation,
    _completion_and_release,
    _heartbeat_and_expiry,
    _release_and_expiry,
    _cancellation_and_expiry,
    _cancellation_and_heartbeat,
    _cancellation_and_release,
]


@pytest.mark.parametrize("races", [RACES, pytest.param(1000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("pair", PAIRS, ids=[pair.__name__.strip("_").replace("_", " ") for pair in PAIRS])
def test_one_wins_and_the_other_leaves_no_trace(
    connection: psycopg.Connection, course: Course, pair: Callable[[Course], object], races: int
) -> None:
    for _ in range(races):
        course.outcomes[pair(course)] += 1
    assert violations(connection) == []
