"""Decide: from a state to the next events, until everything that can go on waits for the world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import assert_never

from pgworker.engine import events, workflow
from pgworker.engine.decision import Decision, Record
from pgworker.engine.faults import FAILURES, problem_of, shorten
from pgworker.engine.inputs import (
    ActivityCompleted,
    ActivityFailed,
    CancelWanted,
    ChildReported,
    CloudEventArrived,
    Input,
    TimerDue,
)
from pgworker.engine.rewinding import Back
from pgworker.engine.run import Run
from pgworker.engine.state import ROOT, Frame, State, Status
from pgworker.engine.tasks import (
    activity,
    calling,
    children,
    emitting,
    extending,
    forking,
    listening,
    loop,
    raising,
    sequence,
    setting,
    subscribing,
    switching,
    timing,
    trying,
    waiting,
)
from pgworker.engine.tasks.cancelling import cancel_inside
from pgworker.errors import DocumentError, Fault, FaultKind
from pgworker.plan.nodes import (
    ActivityNode,
    ChildNode,
    DoNode,
    EmitNode,
    ForkNode,
    ForNode,
    FunctionNode,
    ListenNode,
    Node,
    Plan,
    RaiseNode,
    ReceiveNode,
    SetNode,
    SubscribeNode,
    SwitchNode,
    TryNode,
    WaitNode,
)
from pgworker.types import JsonObject

MAX_EVENTS = 1000
"""About how many events one decision makes before it lets others have their turn."""


MAX_SIZE = 4 * 1024 * 1024
"""About how many characters of data it makes."""

MAX_HISTORY = 1_000_000
"""A workflow with so many events fails: it may never end, and others need the room."""


def never() -> bool:
    """As nobody else waits."""
    return False


def decide(
    workflow_id: str,
    plan: Plan,
    state: State,
    now: datetime,
    *,
    inputs: Sequence[Input] = (),
    back: Back | None = None,
    max_events: int = MAX_EVENTS,
    max_history: int = MAX_HISTORY,
    enough: Callable[[], bool] = never,
) -> Record:
    """Takes in what the world told and goes on as far as possible; ``state`` is advanced in place.

    ``now`` is the database's time of the transaction, ``back`` what a workflow that is retried goes on from.
    A paused one takes in what it is told and does not go on. The same arguments give the same events.
    ``enough`` is asked before each further step whether that is left to another decision; it cuts the work
    into pieces, as ``max_events`` does, and changes nothing else.
    """
    decision = Decision(workflow_id, plan, state, now)
    if back is not None:
        workflow.rewind(decision, back)
    for told in inputs:
        _take(decision, told)
    if state.status is Status.PAUSED:
        return decision
    # what ends the whole workflow is not cut: nothing that is told in between may find it half ended
    while state.ready and (
        state.ending
        or (
            len(decision.events) < max_events
            and decision.size < MAX_SIZE
            and state.seq < max_history
            and not (decision.events and enough())
        )
    ):
        _advance(decision, state.frames[next(iter(state.ready))])
    if state.seq >= max_history and not state.status.is_terminal:
        workflow.fail(decision, Fault(FaultKind.RUNTIME, _TOO_LONG.format(limit=max_history)))
    return decision


_TOO_LONG = (
    "the history has reached its limit of {limit} events: let the workflow start another that goes on"
    " (`run: workflow` with `await: false`), or raise PGWORKER_MAX_HISTORY"
)


def refuse(state: State, now: datetime, error: DocumentError) -> Record:
    """Ends a workflow whose definition does not compile, with the problems in the error's detail."""
    return fail_workflow(state, now, Fault(FaultKind.CONFIGURATION, shorten(error.message)))


def fail_workflow(state: State, now: datetime, fault: Fault) -> Record:
    """Ends a workflow for a reason that lies in none of its tasks."""
    record = Record(state, now)
    record.record(events.WORKFLOW_FAILED, None, {"error": problem_of(fault, "/")})
    return record


def _take(decision: Decision, told: Input) -> None:
    """Takes in one input; what it is meant for may have ended in the meantime, then nothing happens."""
    state = decision.state
    match told:
        case ActivityCompleted() | ActivityFailed():
            activation = state.activations.get(told.start)
            if activation is not None and activation.activity is not None:
                activity.end(Run.of(decision, activation), told)
        case TimerDue():
            timing.fire(decision, told)
        case CloudEventArrived():
            listening.take(decision, told)
        case ChildReported():
            activation = state.activations.get(told.start)
            if activation is not None and activation.child is not None:
                children.end(Run.of(decision, activation), told)
        case CancelWanted():
            workflow.cancel(decision)
        case _:
            assert_never(told)


def _advance(decision: Decision, frame: Frame) -> None:
    """Makes the next event or events of a frame that is not waiting."""
    if frame.start == ROOT:
        workflow.advance(decision, frame, _next_task(decision, frame), _start)
        return
    ending = decision.state.ending
    stands = frame.extended is not None and frame.extended.exits
    node = None if frame.error is not None or ending or stands else _next_task(decision, frame)
    if node is not None:
        _start(decision, frame, node)
    elif frame.extended is not None:
        extending.advance(decision, frame, decision.plan.nodes[frame.task])
    elif frame.opens == "branch":
        forking.end_branch(decision, frame)
    elif frame.error is not None:
        _fail(Run.of(decision, frame), frame, frame.error)
    elif ending:
        cancel_inside(decision, frame)
        Run.of(decision, frame).end_workflow()
    else:
        _end(Run.of(decision, frame), frame)


def _next_task(decision: Decision, frame: Frame) -> Node | None:
    """The task that comes next in the frame's list; None at the end of it, or where there is no list."""
    if frame.extended is not None and not frame.section:
        return None if frame.begun else decision.plan.nodes[frame.task]
    # the lists of extensions are known by their own references
    reference = f"{frame.task}/{frame.section}" if frame.extended is None else frame.section
    tasks = decision.plan.lists.get(reference)
    loops = frame.items is not None or frame.listening is not None
    if tasks is None or (loops and frame.index < 0):
        return None  # a loop before its first iteration
    name = frame.next if frame.begun else tasks.first
    return None if name is None else tasks.tasks[name]


def _fail(run: Run, frame: Frame, error: JsonObject) -> None:
    """An error has reached a composite task."""
    if isinstance(run.node, TryNode):
        trying.fail(run, frame, run.node, error)
    else:
        cancel_inside(run.decision, frame)
        run.fail_with(error)


def _end(run: Run, frame: Frame) -> None:
    """The list of a composite task has come to its end."""
    match run.node:
        case ForNode():
            loop.next_iteration(run, frame)
        case ForkNode():
            forking.advance(run, frame, run.node)
        case TryNode():
            trying.end(run, frame, run.node)
        case ListenNode():
            listening.advance(run, frame)
        case SubscribeNode():
            subscribing.advance(run, frame, run.node)
        case _:
            sequence.end(run)


def _start(decision: Decision, frame: Frame, node: Node) -> None:
    run = Run(decision, frame, node)
    try:
        if frame.extended is None or frame.section:
            if not run.is_wanted():
                run.skip()
                return
            if node.extensions and not decision.is_extension(frame) and extending.begin(run):
                return
        run.take_input()
        _begin(run, node)
    except FAILURES as failure:
        run.fail(failure)


def _begin(run: Run, node: Node) -> None:  # noqa: PLR0912 -- one line for each kind of task
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
        case ReceiveNode():
            subscribing.receive(run, node)
        case ActivityNode():
            activity.begin(run, node)
        case EmitNode():
            emitting.run(run, node)
        case ForkNode():
            forking.begin(run, node)
        case TryNode():
            trying.begin(run, node)
        case ListenNode():
            listening.begin(run, node)
        case SubscribeNode():
            subscribing.begin(run)
        case ChildNode():
            children.begin(run, node)
        case FunctionNode():
            calling.begin(run, node)
        case _:
            assert_never(node)
