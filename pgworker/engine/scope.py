"""The variables that expressions can read ("Runtime expression arguments" in the DSL)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pgworker import __version__
from pgworker.engine.state import ROOT, State
from pgworker.errors import Fault, FaultKind
from pgworker.expressions.jq import NOW
from pgworker.plan.nodes import ForNode, Plan, TaskNode, TryNode
from pgworker.types import JsonObject, JsonValue

RUNTIME: JsonObject = {"name": "pgworker", "version": __version__, "metadata": {}}


class Scope:
    """What is bound at one place of one workflow; values are made when a program first asks for them.

    The attributes ``input``, ``output`` and ``task_output`` are set as the data flow comes by; ``loop`` is
    the frame from which the variables of the frames around are looked up. ``context`` stands in for the
    frame's own where it is set, and ``locals`` holds variables that only this place knows.
    """

    __slots__ = ("_node", "_plan", "_raw", "_started_at", "_state", "_workflow_id", "context", "input",
                 "iteration", "locals", "loop", "now", "output", "task_output")  # fmt: skip

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
        self.context: JsonValue = None
        self.locals: dict[str, JsonValue] = {}
        self.input: JsonValue = None
        self.output: JsonValue = None
        self.task_output: JsonValue = None

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
                    bound[name] = None
                case "secrets":
                    raise Fault(
                        FaultKind.AUTHORIZATION, "no secret can be had: none is provided to this worker"
                    )
                case _ if name == NOW:
                    bound[name] = self.now.timestamp()
                case _:
                    self._bind_local(name, bound)
        return bound

    def _context(self) -> JsonValue:
        if self.context is not None:
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
            if isinstance(node, ForNode) and frame.items is not None:
                index = frame.index if iteration is None else iteration
                if name == node.at:
                    bound[name] = index
                    return
                if name == node.each:
                    bound[name] = frame.items[index]
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
        if self._node is None:
            return None
        return {
            **self._node.definition,
            "name": self._node.name,
            "reference": self._node.reference,
            "definition": self._node.definition,
            "input": self._raw,
            "output": self.task_output,
            "startedAt": moment(self._started_at),
        }


def moment(time: datetime) -> JsonObject:
    """A time as expressions see it ("DateTime Descriptor" in the DSL)."""
    seconds = time.timestamp()
    return {
        "iso8601": time.isoformat().replace("+00:00", "Z"),
        "epoch": {"seconds": int(seconds), "milliseconds": int(seconds * 1000)},
    }
