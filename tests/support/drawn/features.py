"""Features: what a workflow that was run through has met, by which to tell what drawn cases are made of."""

from __future__ import annotations

from collections.abc import Iterator

from pgworker.engine import events
from pgworker.engine.events import Event
from pgworker.engine.inputs import ChildReported
from pgworker.plan.listening import Strategy
from pgworker.plan.nodes import ActivityNode, ChildNode, FunctionNode, ListenNode, Node, SubscribeNode
from tests.support.pure import Play
from tests.support.told import Told


def features(told: Told) -> set[str]:
    """Everything that is worth a name."""
    one = told.one
    return {
        *one.types,
        *(feature for event in one.history for feature in _of_data(event)),
        *(feature for event in one.history for feature in _of_task(event, one)),
        *_nesting(one),
        *_of_inputs(told),
    }


def kind_of(node: Node) -> str:
    """The kind of a task, closer than the document's word for it."""
    match node:
        case ActivityNode():
            return "activity"
        case FunctionNode():
            return "function"
        case ChildNode():
            return "child"
        case ListenNode(foreach=foreach):
            return "listen" if foreach is None else "foreach"
        case SubscribeNode():
            return "subscribe"
        case _:
            return node.kind


def _of_data(event: Event) -> Iterator[str]:
    """What an event's members tell; of a purpose, what it is."""
    for member, value in event.data.items():
        if value is True or member in ("learned", "ends_child", "ends_jobs", "iteration", "retry", "sealed"):
            yield member
        elif member in ("purpose", "read", "status") or (member == "version" and event.task):
            yield f"{member} {value}"
    if event.type == events.CHILD_STARTED and "waits" not in event.data:
        yield "child that is not waited for"
    if event.type == events.TASK_RETRIED and "due_at" in event.data:
        yield "retry after a delay"
    if isinstance(event.data.get("emits"), dict):
        yield "emits, and gives something else"


def _of_task(event: Event, one: Play) -> Iterator[str]:
    """What an event tells of the task that it is about."""
    node = one.plan.nodes.get(event.task or "")
    if node is None:
        return
    kind = kind_of(node)
    if event.type in (events.TASK_COMPLETED, events.TASK_FAILED, events.TASK_CANCELLED):
        yield f"{kind} {event.type.removeprefix('task.')}"
    if event.type == events.TASK_COMPLETED:
        flow = node.flow
        stages = {"input": flow.input_from, "output": flow.output_as, "export": flow.export_as}
        yield from (f"{kind} with {stage}" for stage, template in stages.items() if template is not None)
    elif event.type in (events.TIMER_SET, events.TIMER_FIRED) and event.data["purpose"] == "timeout":
        yield f"{kind} with timeout" if event.type == events.TIMER_SET else f"{kind} too long"
    elif event.type == events.EXTENSION_STARTED:
        yield f"{kind} extended"
    elif event.type == events.LISTEN_COMPLETED and isinstance(node, ListenNode):
        yield from _of_strategy(node.strategy)


def _of_strategy(strategy: Strategy) -> Iterator[str]:
    until = strategy.until
    yield f"listen to {strategy.mode}"
    if until is not None:
        yield f"listen until {until.mode}" if isinstance(until, Strategy) else "listen until an expression"
    if any(key.expect is not None for filter_ in strategy.filters for key in filter_.keys):
        yield "listen with an expectation"


def _nesting(one: Play) -> Iterator[str]:
    """Which kinds of tasks have run inside of which."""
    around: dict[int, list[str]] = {0: []}
    for event in one.history:
        node = one.plan.nodes.get(event.task or "")
        if node is None or event.frame not in around:
            continue
        kind = kind_of(node)
        if event.type in (events.TASK_STARTED, events.TASK_COMPLETED):
            yield from (f"{kind} in {outer}" for outer in around[event.frame])
        if event.type == events.TASK_STARTED:
            around[event.seq] = [kind, *around[event.frame]]
        elif event.type == events.EXTENSION_STARTED:
            around[event.seq] = ["extension", *around[event.frame]]
        elif event.type == events.BRANCH_STARTED:
            around[event.seq] = around[event.start]


def _of_inputs(told: Told) -> Iterator[str]:
    for turn in told.turns:
        yield from (f"told {type(one).__name__}" for one in turn.told)
        yield from (f"child {one.status}" for one in turn.told if isinstance(one, ChildReported))
        if len(turn.told) > 1:
            yield "told several at once"
    reached = {point.turns: point.place for point in told.points}
    if len(set(reached.values())) < len(reached):
        yield "told in vain"
