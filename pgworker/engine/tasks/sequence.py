"""``do``: a list of tasks, one after the other."""

from __future__ import annotations

from pgworker.engine.faults import FAILURES
from pgworker.engine.run import Run


def begin(run: Run) -> None:
    """Opens the frame in which the list runs."""
    run.begin(opens="do")


def end(run: Run) -> None:
    """Ends with what the last task left; used by every composite whose output that is."""
    try:
        run.pass_on()
    except FAILURES as failure:
        run.fail(failure)
