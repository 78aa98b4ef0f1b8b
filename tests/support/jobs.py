"""What the database keeps for a workflow besides its history: jobs, subscriptions, workflows it waits for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, assert_never

from pgworker.engine.commands import (
    CancelChild,
    Command,
    Consume,
    Drop,
    FireTimer,
    LookAgain,
    Perform,
    Publish,
    Return,
    StartChild,
    Subscribe,
    Unsubscribe,
)
from pgworker.engine.inputs import (
    ActivityCompleted,
    ActivityFailed,
    CancelWanted,
    ChildReported,
    CloudEventArrived,
    Input,
    TimerDue,
)
from pgworker.engine.state import State, subscribes
from pgworker.types import JsonObject

Open: TypeAlias = tuple[set[int], set[int], dict[int, set[int]], dict[str, int]]
"""Activities, timers, filters of listens, and the starts of what waits for other workflows."""

NOTHING: Open = (set(), set(), {}, {})


class Jobs:
    """What is open, as the commands of each turn and the inputs of the next one leave it.

    ``listens`` has the filters of each, ``children`` leads from the workflows that are waited for to the
    start of what waits; ``begun`` are the starts of all that were started, ``alone`` the workflows that
    nobody waits for. ``complaints`` tells what made no sense.
    """

    def __init__(self) -> None:
        self.performs: set[int] = set()
        self.timers: set[int] = set()
        self.listens: dict[int, set[int]] = {}
        self.children: dict[str, int] = {}
        self.begun: set[int] = set()
        self.alone: set[str] = set()
        self.consumed: list[str] = []
        self.published: list[JsonObject] = []
        self.complaints: list[str] = []
        self._ended: set[int | str] = set()

    @property
    def open(self) -> Open:
        """Everything that is open."""
        return self.performs, self.timers, self.listens, self.children

    def turn(self, told: Iterable[Input], commands: Iterable[Command], state: State) -> None:
        """What was told is done, commands are followed, and what is open is held against the state."""
        self._end(told)
        for one in commands:
            if not self._makes_sense(one):
                self.complaints.append(f"{one} makes no sense after event {state.seq}")
            self._follow(one)
        self._compare(state)

    def _end(self, told: Iterable[Input]) -> None:
        """The jobs of what is told end with the turn that takes it in; to drop them then is no mistake."""
        before: set[int | str] = {*self.performs, *self.timers, *self.children}
        for one in told:
            match one:
                case ActivityCompleted(start=start) | ActivityFailed(start=start):
                    self.performs.discard(start)
                case TimerDue(timer=timer):
                    self.timers.discard(timer)
                case ChildReported(start=start, status=status):
                    if status is None or status.is_terminal:
                        self.children = {c: waits for c, waits in self.children.items() if waits != start}
                case CloudEventArrived() | CancelWanted():
                    pass
                case _:
                    assert_never(one)
        self._ended = before - {*self.performs, *self.timers, *self.children}

    def _makes_sense(self, one: Command) -> bool:
        """Nothing is asked for twice, and nothing ended that is not there."""
        match one:
            case Perform(start=start):
                return start not in self.performs
            case FireTimer(timer=timer):
                return timer not in self.timers
            case Drop(seq=seq):
                return seq in self.performs or seq in self.timers or seq in self._ended
            case Subscribe(start=start, filter=place):
                return place not in self.listens.get(start, ())
            case Unsubscribe(start=start) | LookAgain(start=start):
                return start in self.listens
            case StartChild(start=start):
                return start not in self.begun
            case CancelChild(child=child):
                return child in self.children or child in self._ended
            case Return(event_id=event_id):
                return event_id in self.consumed
            case Consume(event_id=event_id):
                return event_id not in self.consumed
            case Publish():
                return True
            case _:
                assert_never(one)

    def _follow(self, one: Command) -> None:  # noqa: PLR0912 -- one branch for each kind of command
        match one:
            case Perform(start=start):
                self.performs.add(start)
            case FireTimer(timer=timer):
                self.timers.add(timer)
            case Drop(seq=seq):
                self.performs.discard(seq)
                self.timers.discard(seq)
            case Subscribe(start=start, filter=place):
                self.listens.setdefault(start, set()).add(place)
            case Unsubscribe(start=start):
                self.listens.pop(start, None)
            case StartChild(start=start, child=child, waits=waits):
                self.begun.add(start)
                if waits:
                    self.children[child] = start
                else:
                    self.alone.add(child)
            case CancelChild(child=child):
                self.children.pop(child, None)
            case Return(event_id=event_id):
                self.consumed.remove(event_id)
            case Consume(event_id=event_id):
                self.consumed.append(event_id)
            case Publish(cloud_event=cloud_event):
                self.published.append(cloud_event)
            case LookAgain():
                pass

    def _compare(self, state: State) -> None:
        """Everything that is open belongs to something that lives, and the other way round."""
        live = [*state.frames.values(), *state.activations.values()]
        listens = {one.start for one in live if one.listening is not None and not subscribes(one)}
        waits: list[tuple[str, object, object]] = [
            ("activities", self.performs, {one.start for one in live if one.activity is not None}),
            ("timers", dict.fromkeys(self.timers), dict.fromkeys(state.timers)),
            ("timers of tasks", {timer: one.start for one in live for timer in one.timers}, state.timers),
            ("listens", set(self.listens), listens),
            ("children", self.children, {one.child: one.start for one in live if one.waits}),
            ("starts", self.begun, self.begun | {one.start for one in live if one.child is not None}),
        ]
        self.complaints += [
            f"{what} after event {state.seq}: {known}, and the state has {wanted}"
            for what, known, wanted in waits
            if known != wanted
        ]
