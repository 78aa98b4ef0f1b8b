"""What the world tells a workflow, at random: to what it waits for, and now and then to what it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pgworker.engine.inputs import (
    ActivityCompleted,
    ActivityFailed,
    CancelWanted,
    ChildReported,
    CloudEventArrived,
    Input,
    TimerDue,
)
from pgworker.engine.state import ROOT, Status, subscribes
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical
from tests.support.drawn.avoided import MENDED
from tests.support.drawn.dice import Dice
from tests.support.drawn.listens import cloud_event_drawn
from tests.support.drawn.values import RESULTS
from tests.support.post import Post
from tests.support.pure import Play

_REPORTS: list[Status | None] = [
    Status.COMPLETED, Status.COMPLETED, Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.RUNNING,
    None,
]  # fmt: skip

_BOUNDS = ("timeout", "attempt")

_GONE: JsonObject = {"type": "t", "title": "Gone", "status": 503, "instance": "/do/0/x"}
"""The error of another workflow."""

_CANCEL, _STALE = 47, range(44, 47)
"""Which of ``_KINDS`` kinds of picks cancel, or are about what is not waited for."""

_KINDS = 48


@dataclass(frozen=True)
class Answers:
    """What the world says, in turns; each number picks something to be told."""

    picks: tuple[tuple[int, ...], ...]


class World:
    """The world of one workflow. What it says follows from the picks and from where the workflow stands."""

    def __init__(self, answers: Answers, one: Play) -> None:
        self._picks = answers.picks
        self._one = one
        self._post = Post(one)
        self._published = 0

    def turn(self, index: int) -> tuple[datetime, list[Input]]:
        """What is told in one turn, and when; CloudEvents come last, the oldest first."""
        told: list[Input] = []
        now = self._one.now
        letters = 0
        for drawn in self._picks[index % len(self._picks)]:
            pick, kind = divmod(drawn, _KINDS)
            waiting, bounds = self._waiting(pick), self._timers(bounds=True)
            if kind == _CANCEL:
                told.append(CancelWanted())
            elif kind in _STALE:
                told.append(self._stale(pick))
            elif bounds and kind % 5 == 4:
                told.append(bounds[pick % len(bounds)])
            elif self._listens() and (kind % 2 or not waiting):
                for number in range(3):
                    self._publish(pick + 5 * number)
                letters += 1 + pick % 4
            elif waiting or bounds:
                told.append((waiting or bounds)[pick % len(waiting or bounds)])
        for timer in (one.timer for one in told if isinstance(one, TimerDue)):
            if timer in self._one.state.timers:
                now = max(now, datetime.fromisoformat(str(self._one.history[timer - 1].data["due_at"])))
        if not MENDED:
            told = self._without_second_bounds(told)
        return now, [*told, *self._post.mail()[:letters]]

    def _without_second_bounds(self, told: list[Input]) -> list[Input]:
        """Of two bounds of one try the second hides what the first was for."""
        bounds = self._timers(bounds=True)
        kept: list[Input] = []
        starts: set[int] = set()
        for one in told:
            if isinstance(one, TimerDue) and one in bounds:
                start = self._one.state.timers[one.timer]
                frame = self._one.state.frames.get(start)
                if start in starts or (frame is not None and frame.expired):
                    continue
                starts.add(start)
            kept.append(one)
        return kept

    def _waiting(self, pick: int) -> list[Input]:
        """What the workflow waits for, each with what the pick makes of it."""
        state = self._one.state
        waiting: list[Input] = []
        for start, activation in state.activations.items():
            if activation.activity is not None:
                receives = activation.parent != ROOT and subscribes(state.frames[activation.parent])
                waiting.append(_received(start, pick) if receives else _outcome(start, pick))
            elif activation.child is not None:
                waiting.append(_report(start, pick))
        return [*waiting, *self._timers(bounds=False)]

    def _timers(self, *, bounds: bool) -> list[Input]:
        """The timers that bound how long something takes, or the others."""
        state = self._one.state
        timers = ((timer, state.find(start).timers[timer]) for timer, start in state.timers.items())
        return [TimerDue(timer) for timer, purpose in timers if (purpose in _BOUNDS) is bounds]

    def _listens(self) -> list[int]:
        state = self._one.state
        live = (*state.frames.values(), *state.activations.values())
        return [one.start for one in live if one.listening is not None and not subscribes(one)]

    def _publish(self, pick: int) -> None:
        """Publishes a CloudEvent; some are the same as the one before."""
        self._published += bool(pick % 7)
        self._post.add(cloud_event_drawn(self._published, pick // 7))

    def _stale(self, pick: int) -> Input:
        """Something about an event that may be about anything, or not even there."""
        seq = pick // 4 % (self._one.state.seq + 3)
        letter = CloudEventArrived(seq, 1, f"stale {pick}", cloud_event_drawn(pick, pick))
        kinds: list[Input] = [TimerDue(seq), _outcome(seq, pick), _report(seq, pick), letter]
        told = kinds[pick % 4]
        # a listen is told of a CloudEvent by its position, which here is none
        return TimerDue(seq) if told is letter and seq in self._listens() else told


def _received(start: int, pick: int) -> Input:
    """Mostly a message, sometimes none, or what any activity may give."""
    if pick % 8 == 0:
        return _outcome(start, pick // 8)
    messages: list[JsonValue] = [{"payload": pick % 5, "headers": {}}]
    return ActivityCompleted(start, messages if pick % 8 > 1 else [], 1, "token")


def _outcome(start: int, pick: int) -> Input:
    if pick % 6 == 1:
        return ActivityFailed(start, Fault(FaultKind.COMMUNICATION, "no answer"), 1, "token")
    return ActivityCompleted(start, RESULTS[pick % len(RESULTS)], 1, "token")


def _report(start: int, pick: int) -> Input:
    status = _REPORTS[pick % len(_REPORTS)]
    # what the database gives is canonical
    output = canonical(RESULTS[pick % (len(RESULTS) - 1)]) if status is Status.COMPLETED else None
    error = _GONE if status is Status.FAILED or (status is Status.CANCELLED and pick % 2) else None
    return ChildReported(start, status, output, error)


def answers(dice: Dice) -> Answers:
    """What the world will say."""
    return Answers(
        tuple(tuple(dice.below(100_000) for _ in range(1 + dice.below(3))) for _ in range(3 + dice.below(8)))
    )
