"""``set``: replaces the data."""

from __future__ import annotations

from pgworker.engine.run import Run
from pgworker.plan.nodes import SetNode
from pgworker.values import canonical


def run(run: Run, node: SetNode) -> None:
    """Evaluates the template and ends."""
    run.complete(canonical(node.value.evaluate(run.input, run.scope.bind), run.input))
