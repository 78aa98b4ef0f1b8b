"""A subscription that does something with each message: receives one, deals with it, asks for the next."""

from __future__ import annotations

from datetime import timedelta

from pgworker.engine import events
from pgworker.engine.faults import FAILURES
from pgworker.engine.run import Run
from pgworker.engine.state import RECEIVING, Frame, Listening
from pgworker.engine.tasks import activity
from pgworker.engine.tasks.listening import end_iteration
from pgworker.engine.times import due_after
from pgworker.errors import Fault, FaultKind
from pgworker.expressions.consumed import with_messages
from pgworker.expressions.templates import Expression, is_true
from pgworker.plan.nodes import ReceiveNode, SubscribeNode
from pgworker.types import JsonObject
from pgworker.values import canonical

_MILLISECOND = timedelta(milliseconds=1)


def begin(run: Run) -> None:
    """Opens the frame in which messages are received and dealt with, one by one."""
    run.begin(opens="subscribe")


def advance(run: Run, frame: Frame, node: SubscribeNode) -> None:
    """The next step: a message was received, or has been dealt with, and maybe it was enough."""
    listening = frame.listening
    assert listening is not None
    try:
        if frame.section == RECEIVING and frame.index == len(listening.items):
            if not isinstance(frame.data, list):
                raise Fault(FaultKind.RUNTIME, "what was received is no array of messages")
            if frame.data:
                run.decision.record(events.MESSAGE_RECEIVED, frame.task, {"start": frame.start})
            else:  # its time was over before one came
                run.complete(list(listening.outputs))
            return
        if frame.index == len(listening.outputs):
            end_iteration(run, frame, node.foreach, kind="subscribe")
        if _goes_on(run, frame, node, listening):
            begins: JsonObject = {"start": frame.start, "index": frame.index + 1, "kind": "subscribe"}
            run.decision.record(events.ITERATION_STARTED, frame.task, begins)
        else:
            run.complete(list(listening.outputs))
    except FAILURES as failure:
        run.fail(failure)


def receive(run: Run, node: ReceiveNode) -> None:
    """Asks for the next message, for as long as is left, as one of those that belong together."""
    arguments = canonical(node.arguments.evaluate(run.input, run.scope.bind))
    assert isinstance(arguments, dict)
    asked = arguments["subscription"]
    assert isinstance(asked, dict)
    asked["session"] = f"{run.decision.workflow_id}:{run.frame.start}"
    subscription = run.decision.plan.nodes[run.frame.task]
    assert isinstance(subscription, SubscribeNode)
    left = _left(Run.of(run.decision, run.frame), run.frame, subscription)
    if left is not None:
        asked["consume"] = {"amount": 1, "for": {"milliseconds": max(0, left // _MILLISECOND)}}
    activity.schedule(run, node, arguments)


def _goes_on(run: Run, frame: Frame, node: SubscribeNode, listening: Listening) -> bool:
    lifetime = node.lifetime
    if lifetime.amount is not None and len(listening.items) >= lifetime.amount:
        return False
    if lifetime.while_ is not None and not _holds(run, lifetime.while_, listening):
        return False
    if lifetime.until is not None and listening.items and _holds(run, lifetime.until, listening):
        return False
    left = _left(run, frame, node)
    return left is None or left >= _MILLISECOND


def _holds(run: Run, condition: Expression, listening: Listening) -> bool:
    """Whether it is true of the messages so far, which ``.`` means and ``$context`` has as well."""
    messages = listening.items
    run.scope.context = with_messages(run.decision.state.context_in(run.frame), messages)
    return is_true(condition.evaluate(messages, run.scope.bind))


def _left(run: Run, frame: Frame, node: SubscribeNode) -> timedelta | None:
    """How much of its time the subscription has left, counted from when it started."""
    lasts = node.lifetime.lasts
    if lasts is None:
        return None
    return due_after(lasts, frame.started_at, frame.input, run.scope) - run.now
