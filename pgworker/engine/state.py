"""The state of one workflow: what its history amounts to.

Only ``evolve`` changes a state, so that a state is always the fold of the events up to ``seq``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pgworker.types import JsonObject, JsonValue, Pointer

ROOT = 0
"""The key of the frame in which the workflow's own task list runs."""


RECEIVING = "with/subscription/consume"
HANDLING = "with/subscription/foreach/do"
"""The sections of a subscription: where its next message is received, and where it is dealt with."""


class Status(StrEnum):
    """Where a workflow stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    PAUSED = "PAUSED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow any more."""
        return self in _TERMINAL


_TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


@dataclass(slots=True)
class Listening:
    """A listen or a subscription that goes on: what it expects, and what it has consumed.

    ``expected`` holds the expected keys of each filter, ``learned`` those that the first CloudEvent gave;
    ``items`` are the consumed CloudEvents as they are ``read``, ``outputs`` what was made of them, one for
    each iteration that has come to its end; ``passed`` names the filters that have let one pass. The items
    of a subscription are messages, and it expects nothing.
    """

    read: str
    expected: list[JsonValue]
    learned: JsonObject = field(default_factory=dict)
    items: list[JsonValue] = field(default_factory=list)
    outputs: list[JsonValue] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Activation:
    """A task that has started and not ended: its data, and what it waits for.

    ``start`` is the seq of its ``task.started`` event. An activity's name and arguments are kept until it
    ends; ``timers`` tells the purpose of each timer that is set for it, by the seq of the event that set it.
    ``listening`` is there while it listens; ``child`` is the workflow that it started, ``waits`` whether it
    waits for its end.
    """

    task: Pointer
    start: int
    parent: int
    raw: JsonValue
    origin: int
    input: JsonValue
    started_at: datetime
    activity: str | None = None
    arguments: JsonValue = None
    timers: dict[int, str] = field(default_factory=dict)
    listening: Listening | None = None
    child: str | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class BranchEnd:
    """How a branch of a fork ended: its data and context, or its error."""

    data: JsonValue
    origin: int
    context: JsonValue
    exported: bool
    error: JsonObject | None


@dataclass(slots=True)
class Extended:
    """An extended task: the lists that run before and after it, and itself (an empty reference) between them.

    Where it leads is kept while the lists after it run. ``exits`` says that one before it took its place.
    """

    phases: list[str]
    next: str | None = None
    ends: bool = False
    exits: bool = False


@dataclass(slots=True)
class Frame(Activation):
    """A live composite task, or the workflow itself: a list of tasks and where it stands.

    ``opens`` is the kind of task. Until the list has ``begun`` its first task is to run, then the one that
    ``next`` names; None at the end. ``data`` is what flows from task to task, ``data_origin`` the seq of the
    event it came from. ``error`` is the uncaught error of a task inside. ``section`` leads from the task's
    definition to the list. ``holder`` is the key of the frame whose context is read and written inside.

    A loop has its ``items`` and the ``index`` of the iteration that runs, -1 before the first; the root's
    index is 0 once its input is taken. A try counts its attempts, and keeps the error that it caught. A fork
    has a frame for each of its branches, of which ``index`` is the place, and keeps how they ended.
    ``expired`` says that the frame's timeout has come.

    ``inside`` holds the starts of all that lives in a frame.
    """

    opens: str = "do"
    begun: bool = False
    next: str | None = None
    data: JsonValue = None
    data_origin: int = 0
    input_origin: int = 0
    error: JsonObject | None = None
    items: list[JsonValue] | None = None
    index: int = -1
    section: str = "do"
    holder: int = ROOT
    context: JsonValue = None
    exported: bool = False
    expired: bool = False
    attempt: int = 1
    caught: JsonObject | None = None
    branches: list[str] | None = None
    ended: dict[int, BranchEnd] = field(default_factory=dict)
    extended: Extended | None = None
    inside: dict[int, None] = field(default_factory=dict)

    @property
    def precedes(self) -> bool:
        """Whether what runs here comes before the task that it extends."""
        return self.extended is not None and self.index < self.extended.phases.index("")


@dataclass(slots=True)
class State:
    """Everything that is known of a workflow after the event ``seq``.

    ``ready`` holds the keys of the frames that can go on, in the order in which they became so; ``timers``
    leads from the seq of a timer to the start of what it is set for. ``retrying`` is there until a
    workflow that had failed has been put back: the task to go on from, empty for the one that failed.
    ``incarnation`` tells workflows apart that bore the same id, one after the other.
    """

    seq: int = 0
    status: Status = Status.PENDING
    input: JsonValue = None
    context: JsonValue = None
    output: JsonValue = None
    error: JsonObject | None = None
    started_at: datetime | None = None
    incarnation: str | None = None
    ending: bool = False
    retrying: str | None = None
    frames: dict[int, Frame] = field(default_factory=dict)
    activations: dict[int, Activation] = field(default_factory=dict)
    ready: dict[int, None] = field(default_factory=dict)
    timers: dict[int, int] = field(default_factory=dict)

    def go_first(self, frame: int) -> None:
        """The frame goes on before all others: what ends the workflow is not overtaken by another branch."""
        self.ready = {frame: None, **self.ready}

    def find(self, start: int) -> Activation:
        """The live frame or activation that began with this event."""
        return self.frames[start] if start in self.frames else self.activations[start]

    def open(self, activation: Activation) -> None:
        """Something begins to live inside its parent frame."""
        if isinstance(activation, Frame):
            self.frames[activation.start] = activation
        else:
            self.activations[activation.start] = activation
        if activation.start != ROOT:
            self.frames[activation.parent].inside[activation.start] = None

    def close(self, start: int) -> Activation:
        """What began with this event lives no longer; it is returned."""
        activation: Activation | None = self.frames.pop(start, None) or self.activations.pop(start)
        assert activation is not None
        del self.frames[activation.parent].inside[start]
        self.ready.pop(start, None)
        return activation

    def export(self, frame: Frame, context: JsonValue) -> None:
        """Replaces the context that is read in a frame."""
        if frame.holder == ROOT:
            self.context = context
        else:
            holder = self.frames[frame.holder]
            holder.context, holder.exported = context, True

    def context_in(self, frame: Frame) -> JsonValue:
        """The context that is read in a frame."""
        return self.context if frame.holder == ROOT else self.frames[frame.holder].context


def subscribes(activation: Activation) -> bool:
    """Whether it receives messages, for which it asks itself, and listens for no CloudEvents."""
    return isinstance(activation, Frame) and activation.opens == "subscribe"
