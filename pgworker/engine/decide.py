"""Decide: from a state to the next events, until everything that can go on waits for the world."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from pgworker.engine import events
from pgworker.engine.decision import Decision, Record
from pgworker.engine.faults import FAILURES, problem_of, shorten
from pgworker.engine.inputs import ActivityCompleted, ActivityFailed, Input, TimerDue
from pgworker.engine.run import Run, conform
from pgworker.engine.state import ROOT, Frame, State
from pgworker.engine.tasks import activity, loop, raising, sequence, setting, switching, waiting
from pgworker.errors import DocumentError, Fault, FaultKind
from pgworker.plan.nodes import (
    ActivityNode,
    DoNode,
    ForNode,
    Node,
    Plan,
    RaiseNode,
    SetNode,
    SwitchNode,
    WaitNode,
)
from pgworker.types import JsonObject
from pgworker.values import canonical

MAX_EVENTS = 1000
"""About how many events one decision makes before it lets others have their turn."""


def decide(
    workflow_id: str,
    plan: Plan,
    state: State,
    now: datetime,
    *,
    inputs: Sequence[Input] = (),
    max_events: int = MAX_EVENTS,
) -> Record:
    """Takes in what the world told and goes on as far as possible; ``state`` is advanced in place.

    ``now`` is the database's time of the transaction. The same arguments give the same events.
    """
    decision = Decision(workflow_id, plan, state, now)
    for told in inputs:
        _take(decision, told)
    while state.ready and len(decision.events) < max_events:
        _advance(decision, state.frames[next(iter(state.ready))])
    return decision


def refuse(state: State, now: datetime, error: DocumentError) -> Record:
    """Ends a workflow whose definition does not compile, with the problems in the error's detail."""
    return fail_workflow(state, now, Fault(FaultKind.CONFIGURATION, shorten(error.message)))


def fail_workflow(state: State, now: datetime, fault: Fault) -> Record:
    """Ends a workflow for a reason that lies in none of its tasks."""
    record = Record(state, now)
    record.record(events.WORKFLOW_FAILED, None, {"error": fault.problem("/")})
    return record


def _take(decision: Decision, told: Input) -> None:
    """Takes in one input; what it is meant for may have ended in the meantime, then nothing happens."""
    state = decision.state
    match told:
        case ActivityCompleted() | ActivityFailed():
            if told.start in state.activations:
                activity.end(Run.of(decision, state.activations[told.start]), told)
        case TimerDue():
            for activation in state.activations.values():
                if activation.timer == told.timer:
                    waiting.end(Run.of(decision, activation), told)
                    break
        case _:
            assert_never(told)


def _advance(decision: Decision, frame: Frame) -> None:
    """Makes the next event or events of a frame that is not waiting."""
    if frame.start == ROOT:
        _advance_workflow(decision, frame)
    elif frame.error is not None:
        Run.of(decision, frame).fail_with(frame.error)
    elif decision.state.ending:
        Run.of(decision, frame).end_workflow()
    elif (node := _next_task(decision, frame)) is not None:
        _start(decision, frame, node)
    elif frame.items is not None:
        loop.next_iteration(Run.of(decision, frame), frame)
    else:
        sequence.end(Run.of(decision, frame), frame)


def _next_task(decision: Decision, frame: Frame) -> Node | None:
    if frame.items is not None and frame.index < 0:
        return None  # a loop before its first iteration
    tasks = decision.plan.lists[f"{frame.task}/do"]
    name = frame.next if frame.begun else tasks.first
    return None if name is None else tasks.tasks[name]


def _start(decision: Decision, frame: Frame, node: Node) -> None:
    run = Run(decision, frame, node)
    try:
        if not run.is_wanted():
            run.skip()
            return
        run.take_input()
        _begin(run, node)
    except FAILURES as failure:
        run.fail(failure)


def _begin(run: Run, node: Node) -> None:
    match node:
        case SetNode():
            setting.run(run, node)
        case SwitchNode():
            switching.run(run, node)
        case DoNode():
            sequence.begin(run)
        case ForNode():
            loop.begin(run, node)
        case RaiseNode():
            raising.run(run, node)
        case WaitNode():
            waiting.begin(run, node)
        case ActivityNode():
            activity.begin(run, node)
        case _:
            assert_never(node)


def _advance_workflow(decision: Decision, root: Frame) -> None:
    """The workflow's own data flow around its task list ("Data Flow" in the DSL, steps 1, 2, 10 and 11)."""
    if root.error is not None:
        decision.record(events.WORKFLOW_FAILED, None, {"error": root.error})
        return
    try:
        if not root.begun and root.index < 0 and _takes_input(decision, root):
            return
        node = None if decision.state.ending else _next_task(decision, root)
        if node is None:
            _complete_workflow(decision, root)
            return
    except FAILURES as failure:
        where = "/output" if root.begun else "/input"
        decision.record(events.WORKFLOW_FAILED, None, {"error": problem_of(failure, where)})
        return
    _start(decision, root, node)


def _takes_input(decision: Decision, root: Frame) -> bool:
    """Checks the workflow's input; true if it was transformed and an event says so."""
    flow = decision.plan.flow
    conform(flow.input_schema, root.raw, "workflow's input")
    if flow.input_from is None:
        return False
    scope = decision.scope(ROOT)
    scope.input = root.raw
    value = canonical(flow.input_from.evaluate(root.raw, scope.bind))
    decision.record(events.INPUT_TRANSFORMED, None, {"output": value})
    return True


def _complete_workflow(decision: Decision, root: Frame) -> None:
    flow = decision.plan.flow
    output = root.data
    if flow.output_as is not None:
        scope = decision.scope(ROOT)
        scope.input = root.input
        scope.output = output
        output = canonical(flow.output_as.evaluate(output, scope.bind))
    conform(flow.output_schema, output, "workflow's output")
    data: JsonObject = {"output_from": root.data_origin} if output is root.data else {"output": output}
    decision.record(events.WORKFLOW_COMPLETED, None, data)
