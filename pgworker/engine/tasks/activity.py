"""Activities: tasks whose work is done outside, under a lease, while no transaction is open."""

from __future__ import annotations

from pgworker.engine.faults import FAILURES
from pgworker.engine.inputs import ActivityCompleted, ActivityFailed
from pgworker.engine.run import Run
from pgworker.plan.nodes import ActivityNode
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical


def begin(run: Run, node: ActivityNode) -> None:
    """Schedules the activity with its evaluated arguments."""
    schedule(run, node, node.arguments.evaluate(run.input, run.scope.bind))


def schedule(run: Run, node: ActivityNode, arguments: JsonValue) -> None:
    """Schedules the activity with these arguments."""
    arguments = canonical(arguments)
    secrets: JsonObject = {}
    if node.sealed:
        closed = [seal.closed(run.input, run.scope.bind) for seal in node.sealed]
        secrets = {"sealed": canonical(list(closed)), "declared": [*sorted(run.decision.plan.secrets)]}
    run.begin(activity=node.activity, arguments=arguments, **secrets)


def end(run: Run, told: ActivityCompleted | ActivityFailed) -> None:
    """Takes the outcome: the result is the task's raw output if it is waited for, a fault fails it."""
    if isinstance(told, ActivityFailed):
        run.fail(told.fault, attempt=told.attempt, token=told.token)
        return
    node = run.node
    assert isinstance(node, ActivityNode)
    try:
        result = canonical(told.result) if node.waits else run.input
        run.complete(result, attempt=told.attempt, token=told.token)
    except FAILURES as failure:
        run.fail(failure, attempt=told.attempt, token=told.token)
