"""``listen``: waits for CloudEvents, and does something with each."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.correlating import correlation_of
from pgworker.engine.decision import Decision
from pgworker.engine.events import object_
from pgworker.engine.faults import FAILURES
from pgworker.engine.inputs import CloudEventArrived
from pgworker.engine.run import Run, conform
from pgworker.engine.state import Activation, Frame, Listening, subscribes
from pgworker.engine.tasks.strategies import expectations, find, is_enough
from pgworker.expressions.jq import Bind
from pgworker.expressions.templates import Expression, is_true
from pgworker.plan.listening import Strategy
from pgworker.plan.nodes import Foreach, ListenNode
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical


def begin(run: Run, node: ListenNode) -> None:
    """Begins to listen; what is expected is settled now, once."""
    expected = [object_(canonical(keys)) for keys in expectations(node.strategy, run.input, run.scope.bind)]
    opens: JsonObject = {} if node.foreach is None else {"opens": "listen"}
    run.begin(**opens)
    listens: JsonObject = {
        "start": run.start,
        "read": node.read.value,
        "expected": list(expected),
        "subscriptions": _subscriptions(node.strategy, expected, run.scope.bind),
    }
    run.decision.record(events.LISTEN_STARTED, node.reference, listens)
    if is_enough(node.strategy, _listening(run)):
        _finish(run)


def take(decision: Decision, told: CloudEventArrived) -> None:
    """Takes in a CloudEvent, if the listen is there and has its hands free and it is new to the workflow."""
    activation = _live(decision, told.start)
    if activation is None or activation.listening is None or subscribes(activation) or _is_busy(activation):
        return
    decision.examined[told.start] = told.position
    if told.event_id in decision.consumed:
        return
    run = Run.of(decision, activation)
    try:
        _offer(run, activation.listening, told)
    except FAILURES as failure:
        run.fail(failure)


def advance(run: Run, frame: Frame) -> None:
    """The next step of a listen that does something with each CloudEvent: an iteration begins or ends."""
    node, listening = run.node, _listening(run)
    assert isinstance(node, ListenNode)
    assert node.foreach is not None
    try:
        if frame.index == len(listening.outputs):
            end_iteration(run, frame, node.foreach)
        elif len(listening.items) > len(listening.outputs):
            begins: JsonObject = {"start": frame.start, "index": frame.index + 1, "kind": "listen"}
            run.decision.record(events.ITERATION_STARTED, frame.task, begins)
            return
        if _is_over(run, node.strategy, listening):
            _finish(run)
    except FAILURES as failure:
        run.fail(failure)


def _live(decision: Decision, start: int) -> Activation | None:
    state = decision.state
    frame = state.frames.get(start)
    return state.activations.get(start) if frame is None else frame


def _is_busy(activation: Activation) -> bool:
    """One CloudEvent after the other: as long as an iteration runs, or is to end badly, nothing is taken."""
    listening = activation.listening
    return (
        isinstance(activation, Frame)
        and listening is not None
        and (activation.error is not None or len(listening.items) > len(listening.outputs))
    )


def _listening(run: Run) -> Listening:
    assert run.start is not None
    listening = run.decision.state.find(run.start).listening
    assert listening is not None
    return listening


def _subscriptions(strategy: Strategy, expected: list[JsonObject], bind: Bind) -> list[JsonValue]:
    wanted: list[JsonValue] = []
    for place, filter_ in enumerate(strategy.all_filters):
        correlation, value = correlation_of(filter_, expected[place], bind)
        wanted.append(
            {
                "filter": place,
                "correlation": correlation.id,
                "type": correlation.type,
                "keys": list(correlation.keys),
                "value": value,
            }
        )
    return wanted


def _offer(run: Run, listening: Listening, told: CloudEventArrived) -> None:
    node = run.node
    assert isinstance(node, ListenNode)
    found = find(node.strategy, listening, told.cloud_event, run.scope.bind)
    if found is None:
        return
    place, keys = found
    until = place >= len(node.strategy.filters)
    received: JsonObject = {
        "start": run.start,
        "received": told.event_id,
        "cloud_event": told.cloud_event,
        "filter": place,
    }
    if until:
        received["until"] = True
    if new := {name: value for name, value in keys.items() if name not in listening.learned}:
        received["learned"] = new
    run.decision.consumed.add(told.event_id)
    run.decision.record(events.EVENT_RECEIVED, node.reference, received)
    if (until or node.foreach is None) and _is_over(run, node.strategy, listening):
        _finish(run)


def _is_over(run: Run, strategy: Strategy, listening: Listening) -> bool:
    """Whether it was enough; ``.`` in an expression that says so is the array of what was consumed."""
    if isinstance(strategy.until, Expression):
        return bool(listening.items) and is_true(strategy.until.evaluate(listening.items, run.scope.bind))
    return is_enough(strategy, listening)


def end_iteration(run: Run, frame: Frame, foreach: Foreach, **members: JsonValue) -> None:
    """The tasks for one CloudEvent or message have come to their end: keeps what they made of it."""
    flow = foreach.flow
    scope = run.decision.scope(frame.start)
    scope.enter(run.node, frame.raw, frame.started_at)
    scope.input = frame.input
    listening = _listening(run)
    ended: JsonObject = {"start": frame.start, "index": frame.index} | members
    output = frame.data
    if foreach.body is None:
        output = ended["output"] = listening.items[frame.index]
    scope.output = output
    if flow.output_as is not None:
        output = ended["output"] = canonical(flow.output_as.evaluate(output, scope.bind), output)
    conform(flow.output_schema, output, "iteration's output")
    if flow.export_as is not None:
        scope.output = output
        ended["context"] = canonical(flow.export_as.evaluate(output, scope.bind))
        conform(flow.export_schema, ended["context"], "exported context")
    run.decision.record(events.ITERATION_COMPLETED, frame.task, ended)


def _finish(run: Run) -> None:
    """Ends the listen: its output is the array of what was consumed, or of what was made of each."""
    node, listening = run.node, _listening(run)
    assert isinstance(node, ListenNode)
    completed: JsonObject = {"start": run.start}
    if listening.learned:
        completed["correlation"] = dict(listening.learned)
    run.decision.record(events.LISTEN_COMPLETED, node.reference, completed)
    run.complete(list(listening.items if node.foreach is None else listening.outputs))
