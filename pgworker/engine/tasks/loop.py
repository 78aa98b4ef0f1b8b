"""``for``: runs its body once for each item, each time on what the iteration before left."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.faults import FAILURES
from pgworker.engine.run import Run
from pgworker.engine.state import Frame
from pgworker.engine.tasks import sequence
from pgworker.errors import Fault, FaultKind
from pgworker.expressions.templates import is_true
from pgworker.plan.nodes import ForNode
from pgworker.values import canonical


def begin(run: Run, node: ForNode) -> None:
    """Evaluates the collection, which history keeps; nothing to loop over means that nothing happens."""
    items = canonical(node.items.evaluate(run.input, run.scope.bind))
    if items is None or items == []:
        run.pass_on()
    elif isinstance(items, list):
        run.begin(opens="for", items=items)
    else:
        raise Fault(
            FaultKind.EXPRESSION, f"`for.in` gave a {_kind(items)}, and only an array can be looped over"
        )


def next_iteration(run: Run, frame: Frame) -> None:
    """Starts the next iteration, or ends the loop after the last one or when ``while`` says so."""
    index = frame.index + 1
    try:
        wanted = index < len(frame.items or ()) and _goes_on(run, frame, index)
    except FAILURES as failure:
        run.fail(failure)
        return
    if wanted:
        run.decision.record(
            events.ITERATION_STARTED, frame.task, {"start": frame.start, "index": index, "kind": "for"}
        )
    else:
        sequence.end(run)


def _goes_on(run: Run, frame: Frame, index: int) -> bool:
    node = run.node
    if not isinstance(node, ForNode) or node.while_ is None:
        return True
    scope = run.decision.scope(frame.start)
    scope.enter(node, frame.raw, frame.started_at)
    scope.input = frame.data
    scope.iteration = index
    return is_true(node.while_.evaluate(frame.data, scope.bind))


def _kind(value: object) -> str:
    return {str: "string", bool: "boolean", dict: "object"}.get(type(value), "number")
