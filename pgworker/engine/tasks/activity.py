"""Activities: tasks whose work is done outside, under a lease, while no transaction is open."""

from __future__ import annotations

from pgworker.engine.faults import FAILURES
from pgworker.engine.inputs import ActivityCompleted, ActivityFailed
from pgworker.engine.run import Run
from pgworker.plan.nodes import ActivityNode
from pgworker.types import JsonObject
from pgworker.values import canonical


def begin(run: Run, node: ActivityNode) -> None:
    """Schedules the activity with its evaluated arguments."""
    arguments = canonical(node.arguments.evaluate(run.input, run.scope.bind))
    run.begin(activity=node.activity, arguments=arguments)


def end(run: Run, told: ActivityCompleted | ActivityFailed) -> None:
    """Takes the outcome: the result is the task's raw output, a fault fails it."""
    lease: JsonObject = {"attempt": told.attempt}
    if told.token is not None:
        lease["token"] = told.token
    if isinstance(told, ActivityFailed):
        run.fail(told.fault, **lease)
        return
    try:
        run.complete(canonical(told.result), **lease)
    except FAILURES as failure:
        run.fail(failure, **lease)
