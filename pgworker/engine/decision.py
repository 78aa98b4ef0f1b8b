"""A decision in the making: the events recorded so far, and the state that they lead to."""

from __future__ import annotations

from datetime import datetime

from pgworker.engine.codec import encode
from pgworker.engine.events import Event
from pgworker.engine.evolve import evolve
from pgworker.engine.scope import Scope
from pgworker.engine.state import ROOT, Frame, State, Status
from pgworker.plan.nodes import Plan
from pgworker.types import JsonObject, Pointer


class Record:
    """New events of one workflow in one turn, and the state that they lead to.

    ``events`` and ``encoded`` (their data as JSON text, ``size`` characters in all) go together. ``consumed``
    holds the ids of the CloudEvents that were consumed, ``examined`` leads from a listen to the position that
    it has looked up to.
    """

    __slots__ = ("consumed", "encoded", "events", "examined", "now", "size", "state")

    def __init__(self, state: State, now: datetime) -> None:
        self.state = state
        self.now = now
        self.events: list[Event] = []
        self.encoded: list[str] = []
        self.size = 0
        self.consumed: set[str] = set()
        self.examined: dict[int, int] = {}

    @property
    def goes_on(self) -> bool:
        """Whether the decision stopped at its limit, not because there was nothing more to do."""
        return bool(self.state.ready) and self.state.status is Status.RUNNING

    def record(self, type_: str, task: Pointer | None, data: JsonObject) -> int:
        """Makes an event, takes it into the state, returns its seq; raises ``Fault`` if it is too large."""
        text = encode(data)
        event = Event(self.state.seq + 1, type_, task, data, self.now)
        evolve(self.state, event)
        self.events.append(event)
        self.encoded.append(text)
        self.size += len(text)
        return event.seq


class Decision(Record):
    """A record that is made by following a plan."""

    __slots__ = ("plan", "workflow_id")

    def __init__(self, workflow_id: str, plan: Plan, state: State, now: datetime) -> None:
        super().__init__(state, now)
        self.workflow_id = workflow_id
        self.plan = plan

    def name(self, number: int) -> str:
        """What tells apart that which the workflow makes known to others, ``number`` being its own."""
        incarnation = self.state.incarnation
        return str(number) if incarnation is None else f"{number}:{incarnation}"

    def scope(self, frame: int) -> Scope:
        """The variables that can be read in a frame."""
        return Scope(self.workflow_id, self.plan, self.state, self.now, frame)

    def attempt(self, frame: Frame) -> int:
        """Which attempt of the innermost try around this is; 1 outside of tries."""
        while frame.start != ROOT:
            if frame.section == "try":
                return frame.attempt
            frame = self.state.frames[frame.parent]
        return 1

    def is_extension(self, frame: Frame) -> bool:
        """Whether what runs in a frame belongs to an extension, be it in a function that it calls."""
        while frame.start != ROOT:
            if frame.extended is not None and frame.section:
                return True
            frame = self.state.frames[frame.parent]
        return False

    def depth(self, frame: Frame) -> int:
        """How many function calls are around."""
        depth = 0
        while frame.start != ROOT:
            depth += frame.opens == "call"
            frame = self.state.frames[frame.parent]
        return depth

    def iteration(self, frame: Frame) -> int | None:
        """The index of the iteration of the innermost loop around, or None outside of loops."""
        while frame.start != ROOT:
            if frame.items is not None or frame.listening is not None:
                return frame.index
            frame = self.state.frames[frame.parent]
        return None
