"""``switch``: goes where the first case that matches points to."""

from __future__ import annotations

from pgworker.engine.run import Run
from pgworker.expressions.templates import is_true
from pgworker.plan.nodes import SwitchNode


def run(run: Run, node: SwitchNode) -> None:
    """Ends with the outcome of the first case that matches, or the task's own ``then``."""
    for case in node.cases:
        if case.condition is None or is_true(case.condition.evaluate(run.input, run.scope.bind)):
            run.pass_on(case.then, case=case.name)
            return
    run.pass_on()
