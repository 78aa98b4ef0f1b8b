"""Extensions: lists of tasks that run before and after another task."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.decision import Decision
from pgworker.engine.run import Run, follow
from pgworker.engine.state import ROOT, Frame
from pgworker.engine.tasks.cancelling import cancel_inside
from pgworker.expressions.templates import is_true
from pgworker.plan.nodes import Node
from pgworker.types import JsonObject, JsonValue


def begin(run: Run) -> bool:
    """Opens the frame around an extended task; false if no extension applies to it now."""
    applying = [
        extension
        for extension in run.node.extensions
        if extension.condition is None or is_true(extension.condition.evaluate(run.raw, run.scope.bind))
    ]
    before: list[JsonValue] = [e.before.reference for e in applying if e.before is not None]
    after: list[JsonValue] = [e.after.reference for e in reversed(applying) if e.after is not None]
    if not before and not after:
        return False
    phases = [*before, "", *after]
    data: JsonObject = {"phases": phases}
    run.decision.record(events.EXTENSION_STARTED, run.node.reference, data | _inside(run.frame))
    return True


def advance(decision: Decision, frame: Frame, node: Node) -> None:
    """The list of a phase, or the task itself, has come to its end: the next phase, or the end of it all."""
    extended = frame.extended
    assert extended is not None
    parent = decision.state.frames[frame.parent]
    if frame.error is not None:
        cancel_inside(decision, frame)
        failed: JsonObject = {"start": frame.start, "error": frame.error}
        decision.record(events.EXTENSION_FAILED, frame.task, failed | _inside(parent))
        return
    if extended.exits:
        _stand_in(decision, frame, node)
    elif frame.index < len(extended.phases) - 1 and not decision.state.ending:
        decision.record(
            events.EXTENSION_ENTERED, frame.task, {"start": frame.start, "index": frame.index + 1}
        )
        return
    _complete(decision, frame, parent, node)


def _complete(decision: Decision, frame: Frame, parent: Frame, node: Node) -> None:
    extended = frame.extended
    assert extended is not None
    completed: JsonObject = {"start": frame.start}
    if extended.exits:
        completed |= follow(node.then)
    elif extended.ends or decision.state.ending:
        completed["end"] = True
    elif extended.next is not None:
        completed["next"] = extended.next
    decision.record(events.EXTENSION_COMPLETED, frame.task, completed | _inside(parent))


def _stand_in(decision: Decision, frame: Frame, node: Node) -> None:
    """What ran before the task has taken its place: the task ends with what that left, without having run."""
    data: JsonObject = {
        "from": frame.input_origin,
        "output_from": frame.data_origin,
        "kind": node.kind,
        "in": frame.start,
    }
    decision.record(events.TASK_COMPLETED, frame.task, data)


def _inside(parent: Frame) -> JsonObject:
    return {} if parent.start == ROOT else {"in": parent.start}
