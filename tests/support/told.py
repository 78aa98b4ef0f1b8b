"""A workflow that is run through, and at which point of its history it was told what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta

import orjson

from pgworker.engine.decide import decide
from pgworker.engine.events import Event
from pgworker.engine.inputs import Input
from pgworker.engine.state import State
from pgworker.store.snapshots import digest
from pgworker.values import canonical
from tests.support.drawn.avoided import compared
from tests.support.drawn.world import Answers, World
from tests.support.jobs import Jobs
from tests.support.pure import WORKFLOW_ID, Play, stored

MOST_EVENTS = 80
"""Jumps backwards make endless workflows: of those the beginning is looked at."""

MOST_TURNS = 14

_STEP = timedelta(seconds=1)


@dataclass(frozen=True)
class Pace:
    """About how many events a decision makes at most, and how many decisions follow what is told.

    If they are too few for the workflow to go on as far as it can, the world interferes.
    """

    events: int
    decisions: int = 1_000_000


WHOLE = Pace(MOST_EVENTS)
PIECES = Pace(1)
HURRIED = Pace(1, 2)


@dataclass(frozen=True)
class Turn:
    """What was told when, and how many decisions follow it at most."""

    now: datetime
    told: tuple[Input, ...]
    most: int


@dataclass(frozen=True)
class Point:
    """A point between two decisions: how many events and turns there were before, and decisions in the last.

    ``digest`` is that of the state.
    """

    place: int
    turns: int
    decisions: int
    digest: str


class Told:
    """A workflow that was run through.

    ``jobs`` is what the database is left with, ``points`` are all the points at which another worker could
    have taken the workflow over.
    """

    def __init__(self, one: Play, answers: Answers, pace: Pace) -> None:
        self.one = one
        self.pace = pace
        self.jobs = Jobs()
        self.turns: list[Turn] = []
        self.points: list[Point] = []
        one.limit = pace.events
        world = World(answers, one)
        self._tell(Turn(one.now, (), pace.decisions))
        for index in range(MOST_TURNS):
            if one.state.status.is_terminal or self.is_cut:
                return
            one.now += _STEP
            now, told = world.turn(index)
            self._tell(Turn(now, tuple(told), pace.decisions))
        self.tell()

    def tell(self, *told: Input) -> None:
        """Tells the workflow something, and lets it go on as far as it can."""
        self._tell(Turn(self.one.now, told, WHOLE.decisions))

    def _tell(self, turn: Turn) -> None:
        one, told = self.one, turn.told
        one.now = turn.now
        self.turns.append(turn)
        for count in range(1, turn.most + 1):
            before = len(one.commands)
            record = one.step(*told)
            self.jobs.turn(told, one.commands[before:], one.state)
            told = ()
            self.points.append(Point(len(one.history), len(self.turns), count, digest(compared(one.state))))
            if not record.goes_on or self.is_cut:
                return

    @property
    def is_cut(self) -> bool:
        """Whether only the beginning of the workflow was run."""
        return len(self.one.history) >= MOST_EVENTS

    def stored(self, place: int) -> list[Event]:
        """So many events as they come back from the database."""
        return [stored(event) for event in self.one.history[:place]]

    def go_on(self, state: State, point: Point) -> list[Event]:
        """The events that another process makes of the state at a point, told what was told after it.

        Where the world did not interfere, they may as well be decided one by one.
        """
        made: list[Event] = []
        enough = len(self.one.history)
        events = self.pace.events if self.pace.decisions < WHOLE.decisions else 1
        before = self.turns[point.turns - 1]
        rest = replace(before, told=(), most=before.most - point.decisions)
        for turn in (rest, *self.turns[point.turns :]):
            told = turn.told
            for _ in range(turn.most):
                if not told and state.seq >= enough:
                    break
                record = decide(WORKFLOW_ID, self.one.plan, state, turn.now, inputs=told, max_events=events)
                told = ()
                made += record.events
                if not record.goes_on:
                    break
        return made


def texts(events: Iterable[Event]) -> list[tuple[int, str, str | None, bytes, str]]:
    """Events as they would be compared in the database."""
    return [
        (event.seq, event.type, event.task, orjson.dumps(canonical(event.data)), event.at.isoformat())
        for event in events
    ]


def shown(value: object) -> object:
    """A state as plain values, numbers told apart by their type and the order of what is ready included."""
    if is_dataclass(value) and not isinstance(value, type):
        return [(part.name, shown(getattr(value, part.name))) for part in fields(value)]
    if isinstance(value, dict):
        return [(repr(key), shown(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shown(item) for item in value]
    return repr(value)
