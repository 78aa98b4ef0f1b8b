"""``call`` of a function: runs the function's task on the arguments."""

from __future__ import annotations

from pgworker.engine.run import Run
from pgworker.errors import Fault, FaultKind
from pgworker.plan.nodes import FunctionNode
from pgworker.values import canonical

_DEEPEST = 50
"""Functions may call functions, themselves included, so deeply."""


def begin(run: Run, node: FunctionNode) -> None:
    """Opens the frame in which the function's task runs."""
    if run.decision.depth(run.frame) > _DEEPEST:
        raise Fault(FaultKind.RUNTIME, f"functions call each other more than {_DEEPEST} levels deep")
    run.begin(opens="call", arguments=canonical(node.arguments.evaluate(run.input, run.scope.bind)))
