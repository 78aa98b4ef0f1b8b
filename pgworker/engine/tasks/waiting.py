"""``wait``: goes on when a time has come."""

from __future__ import annotations

from pgworker.engine.faults import FAILURES
from pgworker.engine.run import Run
from pgworker.engine.times import due_after
from pgworker.plan.nodes import WaitNode


def begin(run: Run, node: WaitNode) -> None:
    """Sets the timer."""
    due_at = due_after(node.duration, run.now, run.input, run.scope)
    run.begin()
    run.set_timer(due_at, "wait")


def end(run: Run) -> None:
    """The time has come: the output is the input."""
    try:
        run.pass_on()
    except FAILURES as failure:
        run.fail(failure)
