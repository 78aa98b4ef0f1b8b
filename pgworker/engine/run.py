"""A run: one activation of one task while a decision is made, from its raw input to its recorded end."""

from __future__ import annotations

from datetime import datetime

from pgworker.engine import events
from pgworker.engine.authorization import authorization
from pgworker.engine.decision import Decision
from pgworker.engine.faults import problem_of
from pgworker.engine.state import ROOT, Activation, Frame, subscribes
from pgworker.engine.times import due_after
from pgworker.errors import Fault, FaultKind, PgworkerError
from pgworker.expressions.templates import is_true
from pgworker.plan.nodes import Next, Node
from pgworker.plan.schema import Schema
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical

_GIVES_RESULT = frozenset({"call", "run", "listen"})
"""Tasks whose raw output comes from outside: history keeps it even where ``output.as`` changes it."""


class Run:
    """A task in its frame, with its data and its variables.

    ``start`` is the seq of its ``task.started`` event, None as long as (or if ever) there is none: a task
    that starts and ends in one turn without waiting is one event.
    """

    __slots__ = ("_inherited", "decision", "frame", "input", "node", "origin", "output_origin", "raw",
                 "scope", "start")  # fmt: skip

    def __init__(self, decision: Decision, frame: Frame, node: Node) -> None:
        self.decision = decision
        self.frame = frame
        self.node = node
        self.start: int | None = None
        self.raw = frame.data
        self.origin = frame.data_origin
        self.output_origin: int | None = None
        self.input = self.raw
        self._inherited = frame.data
        self.scope = decision.scope(frame.start)
        self.scope.enter(node, self.raw, decision.now)

    @classmethod
    def of(cls, decision: Decision, activation: Activation) -> Run:
        """The run of a task that has started before."""
        run = cls(decision, decision.state.frames[activation.parent], decision.plan.nodes[activation.task])
        run.start = activation.start
        run.raw, run.origin, run.input = activation.raw, activation.origin, activation.input
        run.scope.enter(run.node, run.raw, activation.started_at)
        run.scope.input = run.input
        run.scope.authorization = authorization(activation.arguments)
        if isinstance(activation, Frame):
            run._inherited, run.output_origin = activation.data, activation.data_origin
        return run

    @property
    def now(self) -> datetime:
        """The recorded time of the events that this decision makes."""
        return self.decision.now

    def is_wanted(self) -> bool:
        """Whether the task's ``if`` lets it run."""
        condition = self.node.condition
        return condition is None or is_true(condition.evaluate(self.raw, self.scope.bind))

    def take_input(self) -> None:
        """Checks and transforms the input ("Data Flow" in the DSL, steps 3 and 4)."""
        flow = self.node.flow
        conform(flow.input_schema, self.raw, "input")
        if flow.input_from is not None:
            self.input = canonical(flow.input_from.evaluate(self.raw, self.scope.bind), self.raw)
            self.scope.input = self.input

    def skip(self) -> None:
        """Records that the task was not wanted."""
        self.decision.record(
            events.TASK_SKIPPED, self.node.reference, self._data() | self._lead(self.node.then)
        )

    def begin(self, **members: JsonValue) -> int:
        """Records that the task has started; what it needs to go on is in ``members``. Returns the seq."""
        data = self._data() | self._told_input()
        timeout = self.node.timeout
        due_at = None if timeout is None else due_after(timeout, self.now, self.input, self.scope)
        self.start = self.decision.record(events.TASK_STARTED, self.node.reference, data | members)
        if due_at is not None:
            self.set_timer(due_at, "timeout")
        return self.start

    def set_timer(self, due_at: datetime, purpose: str) -> None:
        """Records that the task, which has started, is to be told when a time has come."""
        data: JsonObject = {"start": self.start, "due_at": due_at.isoformat(), "purpose": purpose}
        self.decision.record(events.TIMER_SET, self.node.reference, data)

    def complete(self, output: JsonValue, then: Next | None = None, /, **members: JsonValue) -> None:
        """Transforms the raw output, which is a new value, and records the task's end (steps 5 to 8)."""
        data = members | self._ending_data()
        data["output"] = self._transform(output, data)
        self._end(events.TASK_COMPLETED, data | self._lead(then or self.node.then))

    def pass_on(self, then: Next | None = None, /, **members: JsonValue) -> None:
        """The same for a task that has no new value: its output is its input, or its last task's output.

        Whether an event brings a value depends on the plan alone, never on which objects happen to be one.
        """
        is_composite = self.output_origin is not None
        output = self._inherited if is_composite else self.input
        if self.node.flow.output_as is not None or (not is_composite and self._transforms_input):
            self.complete(output, then, **members)
            return
        data = members | self._ending_data()
        self._transform(output, data)
        if self.output_origin is not None:
            data["output_from"] = self.output_origin
        self._end(events.TASK_COMPLETED, data | self._lead(then or self.node.then))

    @property
    def _transforms_input(self) -> bool:
        return self.node.flow.input_from is not None

    def _ending_data(self) -> JsonObject:
        """What the end tells of a task; of its input only if no ``task.started`` event has told it."""
        return self._data() if self.start is not None else self._data() | self._told_input()

    def _told_input(self) -> JsonObject:
        return {"input": self.input} if self._transforms_input else {}

    def _transform(self, output: JsonValue, data: JsonObject) -> JsonValue:
        flow = self.node.flow
        scope = self.scope
        scope.task_output = scope.output = output
        if flow.output_as is not None:
            if self.node.kind in _GIVES_RESULT and self.start not in self.decision.state.frames:
                data["result"] = output
            scope.output = output = canonical(flow.output_as.evaluate(output, scope.bind), output)
        conform(flow.output_schema, output, "output")
        if flow.export_as is not None:
            context = canonical(flow.export_as.evaluate(output, scope.bind))
            conform(flow.export_schema, context, "exported context")
            data["context"] = context
        elif flow.export_schema is not None:
            conform(flow.export_schema, self.decision.state.context_in(self.frame), "context")
        return output

    def end_workflow(self) -> None:
        """Records that the task ends because one inside ends the workflow: nothing is transformed."""
        data = self._data()
        if self.output_origin is not None:
            data["output_from"] = self.output_origin
        self._end(events.TASK_COMPLETED, data | follow(Next(ends_workflow=True)))

    def fail(self, failure: PgworkerError, **members: JsonValue) -> None:
        """Records that the task failed."""
        self.fail_with(problem_of(failure, self.node.reference), **members)

    def fail_with(self, problem: JsonObject, **members: JsonValue) -> None:
        """Records that the task failed with this problem object."""
        self._end(events.TASK_FAILED, self._data() | {"error": problem} | members)

    def _lead(self, then: Next) -> JsonObject:
        """What follows; a list before an extended task tells an ``exit`` from its end."""
        exits = then.exits and self.frame.precedes
        return follow(then) | ({"exit": True} if exits else {})

    def _end(self, type_: str, data: JsonObject) -> None:
        if self.start is not None:
            data["start"] = self.start
            del data["from"]
            frame = self.decision.state.frames.get(self.start)
            if frame is not None and frame.attempt > 1:
                data["retry"] = frame.attempt
            activation = self.decision.state.find(self.start)
            if timers := activation.timers:
                others = data.get("ends_jobs")
                data["ends_jobs"] = [*(others if isinstance(others, list) else ()), *timers]
            data |= leaving(activation)
        self.decision.record(type_, self.node.reference, data)

    def _data(self) -> JsonObject:
        data: JsonObject = {"from": self.origin, "kind": self.node.kind}
        if self.frame.start != ROOT:
            data["in"] = self.frame.start
            if (iteration := self.decision.iteration(self.frame)) is not None:
                data["iteration"] = iteration
            if (attempt := self.decision.attempt(self.frame)) > 1:
                data["retry"] = attempt
        return data


def conform(schema: Schema | None, value: JsonValue, what: str) -> None:
    """Raises ``Fault`` (validation) if the value does not conform to the schema."""
    if schema is not None and (violations := schema.violations(value)) is not None:
        raise Fault(FaultKind.VALIDATION, f"the {what} does not conform to its schema: {violations}")


def leaving(activation: Activation) -> JsonObject:
    """What the end of an activation means to others: nobody listens, or waits for a child, any more."""
    left: JsonObject = {}
    if activation.listening is not None and not subscribes(activation):
        left["ends_listen"] = True
    if activation.waits:
        left["ends_child"] = activation.child
    return left


def follow(then: Next) -> JsonObject:
    """How an event tells what comes next."""
    if then.ends_workflow:
        return {"end": True}
    return {} if then.name is None else {"next": then.name}
