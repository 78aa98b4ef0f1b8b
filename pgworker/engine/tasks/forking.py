"""``fork``: branches side by side, each in a frame of its own, with a context of its own."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.decision import Decision
from pgworker.engine.faults import FAILURES
from pgworker.engine.run import Run
from pgworker.engine.state import BranchEnd, Frame
from pgworker.engine.tasks.cancelling import cancel_inside
from pgworker.plan.nodes import ForkNode
from pgworker.types import JsonObject
from pgworker.values import canonical


def begin(run: Run, node: ForkNode) -> None:
    """Opens the fork's frame; without branches there is nothing to do."""
    if node.branches.first is None:
        run.complete([])
    else:
        run.begin(opens="fork", branches=list(node.branches.tasks))


def advance(run: Run, frame: Frame, node: ForkNode) -> None:
    """Opens the next branch, or ends the fork once it is settled."""
    names = frame.branches or []
    if frame.index < len(names) - 1:
        index = frame.index + 1
        run.decision.record(
            events.BRANCH_STARTED, frame.task, {"start": frame.start, "index": index, "branch": names[index]}
        )
        return
    cancel_inside(run.decision, frame)
    try:
        if node.compete:
            winner = next(end for end in frame.ended.values() if end.error is None)
            run.pass_on(**_merged(run, frame, [winner]))
        else:
            ends = [frame.ended[index] for index in range(len(names))]
            run.complete([end.data for end in ends], **_merged(run, frame, ends))
    except FAILURES as failure:
        run.fail(failure)


def _merged(run: Run, frame: Frame, ends: list[BranchEnd]) -> JsonObject:
    """The context after the fork: what its branches exported is merged into it, in their order."""
    exported = [end.context for end in ends if end.exported]
    if not exported:
        return {}
    context = run.decision.state.context_in(frame)
    for one in exported:
        context = {**context, **one} if isinstance(context, dict) and isinstance(one, dict) else one
    run.scope.context = context = canonical(context)
    return {"context": context}


def end_branch(decision: Decision, branch: Frame) -> None:
    """Records that a branch has come to its end, or has failed, and whether that settles the fork."""
    fork = decision.state.frames[branch.parent]
    node = decision.plan.nodes[fork.task]
    compete = isinstance(node, ForkNode) and node.compete
    is_last = len(fork.ended) == len(fork.branches or ()) - 1
    failed = branch.error is not None
    cancel_inside(decision, branch)
    data: JsonObject = {"start": branch.start, "index": branch.index}
    is_settled = fork.start in decision.state.ready  # by another branch, a moment ago
    if not is_settled and (decision.state.ending or is_last or failed != compete):
        data["settles"] = True
    if branch.error is not None:
        data["error"] = branch.error
    decision.record(events.BRANCH_FAILED if failed else events.BRANCH_COMPLETED, fork.task, data)
