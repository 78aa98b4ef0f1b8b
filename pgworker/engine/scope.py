"""The variables that expressions can read ("Runtime expression arguments" in the DSL)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pgworker import __version__
from pgworker.engine.state import ROOT, Frame, State
from pgworker.errors import Fault, FaultKind
from pgworker.expressions.jq import NOW
from pgworker.plan.nodes import ForNode, ListenNode, Plan, SubscribeNode, TaskNode, TryNode
from pgworker.types import JsonObject, JsonValue


class _Unset:
    """Says that the frame's own context is the one: null is a context, too."""


_UNSET = _Unset()

RUNTIME: JsonObject = {"name": "pgworker", "version": __version__, "metadata": {}}


class Scope:
    """What is bound at one place of one workflow; values are made when a program first asks for them.

    The attributes ``input``, ``output``, ``task_output`` and ``authorization`` are set as the data flow comes
    by; ``loop`` is the frame from which the variables of the frames around are looked up. ``context`` stands
    in for the frame's own where it is set, and ``locals`` holds variables that only this place knows.
    """

    __slots__ = ("_node", "_plan", "_raw", "_started_at", "_state", "_workflow_id", "authorization",
                 "context", "input", "iteration", "locals", "loop", "now", "output",
                 "task_output")  # fmt: skip

    def __init__(self, workflow_id: str, plan: Plan, state: State, now: datetime, loop: int = ROOT) -> None:
        self._workflow_id = workflow_id
        self._plan = plan
        self._state = state
        self._node: TaskNode | None = None
        self._raw: JsonValue = None
        self._started_at = now
        self.now = now
        self.loop = loop
        self.iteration: int | None = None
        self.context: JsonValue | _Unset = _UNSET
        self.locals: dict[str, JsonValue] = {}
        self.input: JsonValue = None
        self.output: JsonValue = None
        self.task_output: JsonValue = None
        self.authorization: JsonValue = None

    def enter(self, node: TaskNode, raw: JsonValue, started_at: datetime) -> None:
        """Makes the scope that of a task."""
        self._node = node
        self._raw = raw
        self._started_at = started_at
        self.input = raw

    def bind(self, names: frozenset[str]) -> Mapping[str, JsonValue]:
        """The values of the named variables; a name that is bound nowhere is left out."""
        bound: dict[str, JsonValue] = {}
        for name in names:
            match name:
                case "context":
                    bound[name] = self._context()
                case "input":
                    bound[name] = self.input
                case "output":
                    bound[name] = self.output
                case "task":
                    bound[name] = self._task()
                case "workflow":
                    bound[name] = self._workflow()
                case "runtime":
                    bound[name] = RUNTIME
                case "authorization":
                    bound[name] = self.authorization
                case "secrets":
                    raise Fault(
                        FaultKind.AUTHORIZATION,
                        "secrets are for the arguments of calls: elsewhere history would keep them",
                    )
                case _ if name == NOW:
                    bound[name] = self.now.timestamp()
                case _:
                    self._bind_local(name, bound)
        return bound

    def _context(self) -> JsonValue:
        if not isinstance(self.context, _Unset):
            return self.context
        frame = self._state.frames.get(self.loop)
        return self._state.context if frame is None else self._state.context_in(frame)

    def _bind_local(self, name: str, bound: dict[str, JsonValue]) -> None:
        """Variables of the frames around: a loop's item and index, the error that a try caught."""
        if name in self.locals:
            bound[name] = self.locals[name]
            return
        key, iteration = self.loop, self.iteration
        while key != ROOT:
            frame = self._state.frames[key]
            node = self._plan.nodes[frame.task]
            looped = _looped(frame, node)
            if looped is not None:
                each, at, items = looped
                index = frame.index if iteration is None else iteration
                if name == at:
                    bound[name] = index
                    return
                if name == each:
                    bound[name] = items[index]
                    return
            if isinstance(node, TryNode) and frame.caught is not None and name == node.catch.name:
                bound[name] = frame.caught
                return
            key, iteration = frame.parent, None

    def _workflow(self) -> JsonObject:
        return {
            "id": self._workflow_id,
            "definition": self._plan.definition,
            "input": self._state.input,
            "startedAt": moment(self._state.started_at or self.now),
        }

    def _task(self) -> JsonValue:
        extended = self._extended_task()
        if extended is not None:
            is_over = extended.extended is not None and extended.index > extended.extended.phases.index("")
            output = extended.input if is_over else None
            node: TaskNode = self._plan.nodes[extended.task]
            return _describe(node, extended.raw, output, extended.started_at)
        if self._node is None:
            return None
        return _describe(self._node, self._raw, self.task_output, self._started_at)

    def _extended_task(self) -> Frame | None:
        """The frame around the task that is extended by the list which runs here, if one does."""
        key = self.loop
        while key != ROOT:
            frame = self._state.frames[key]
            if frame.extended is not None and frame.section:
                return frame
            key = frame.parent
        return None


def _looped(frame: Frame, node: TaskNode) -> tuple[str, str, list[JsonValue]] | None:
    """What a frame loops over, and the names of the item and of its index."""
    if frame.extended is not None:
        return None
    if isinstance(node, ForNode) and frame.items is not None:
        return node.each, node.at, frame.items
    if (
        isinstance(node, ListenNode | SubscribeNode)
        and node.foreach is not None
        and frame.listening is not None
    ):
        return node.foreach.each, node.foreach.at, frame.listening.items
    return None


def _describe(node: TaskNode, raw: JsonValue, output: JsonValue, started_at: datetime) -> JsonObject:
    return {
        **node.definition,
        "name": node.name,
        "reference": node.reference,
        "definition": node.definition,
        "input": raw,
        "output": output,
        "startedAt": moment(started_at),
    }


def moment(time: datetime) -> JsonObject:
    """A time as expressions see it ("DateTime Descriptor" in the DSL)."""
    seconds = time.timestamp()
    return {
        "iso8601": time.isoformat().replace("+00:00", "Z"),
        "epoch": {"seconds": int(seconds), "milliseconds": int(seconds * 1000)},
    }
