"""Tasks in a flowchart: one function for each kind."""

from __future__ import annotations

from typing import assert_never

from pgworker.plan.mermaid.catching import catch_lines, retry_lines
from pgworker.plan.mermaid.chart import Chart, Shape
from pgworker.plan.mermaid.ways import Ways
from pgworker.plan.mermaid.wording import events_line, lifetime_line, member, span, worded
from pgworker.plan.nodes import (
    ActivityNode,
    Case,
    ChildNode,
    DoNode,
    EmitNode,
    ForkNode,
    ForNode,
    FunctionNode,
    ListenNode,
    Node,
    RaiseNode,
    SetNode,
    SubscribeNode,
    SwitchNode,
    TaskList,
    TaskNode,
    Time,
    TryNode,
    WaitNode,
)

_TELLING = ("method", "endpoint", "language", "image", "command", "function")
"""The arguments by which one sees what an activity does."""


def draw_list(chart: Chart, tasks: TaskList, ways: Ways) -> str:
    """Draws all tasks of a list; returns the box that it begins with, which is its end if it is empty."""
    boxes = draw_all(chart, tasks, ways)
    return ways.list_end if tasks.first is None else boxes[tasks.first]


def draw_all(chart: Chart, tasks: TaskList, ways: Ways) -> dict[str, str]:
    """Draws all tasks of a list; returns their boxes by name."""
    boxes = {name: chart.reserve() for name in tasks.tasks}
    for name, node in tasks.tasks.items():
        draw(chart, node, boxes[name], ways.among(boxes))
    return boxes


def draw(chart: Chart, node: Node, box: str, ways: Ways) -> None:  # noqa: PLR0912 -- one line for each kind
    """Draws a task, beginning with the box, and where it leads."""
    match node:
        case SetNode():
            _set(chart, node, box, ways)
        case DoNode():
            _do(chart, node, box, ways)
        case SwitchNode():
            _switch(chart, node, box, ways)
        case ForNode():
            _for(chart, node, box, ways)
        case RaiseNode():
            _raise(chart, node, box, ways)
        case WaitNode():
            _wait(chart, node, box, ways)
        case ActivityNode():
            _activity(chart, node, box, ways)
        case EmitNode():
            _emit(chart, node, box, ways)
        case ForkNode():
            _fork(chart, node, box, ways)
        case TryNode():
            _try(chart, node, box, ways)
        case ListenNode():
            _listen(chart, node, box, ways)
        case SubscribeNode():
            _subscribe(chart, node, box, ways)
        case ChildNode():
            _child(chart, node, box, ways)
        case FunctionNode():
            _function(chart, node, box, ways)
        case _:
            assert_never(node)


def timing(timeout: Time | None) -> str:
    """The line that tells a timeout; empty if there is none."""
    return "" if timeout is None else f"timeout {span(timeout)}"


def _set(chart: Chart, node: SetNode, box: str, ways: Ways) -> None:
    chart.box(box, Shape.BOX, *_head(node), worded(node.value))
    chart.edge(box, ways.to(node.then))


def _do(chart: Chart, node: DoNode, box: str, ways: Ways) -> None:
    with chart.frame(*_head(node)):
        chart.box(box, Shape.CIRCLE, "do")
        first = draw_list(chart, node.body, ways.inside(ways.to(node.then)))
    chart.edge(box, first)


def _switch(chart: Chart, node: SwitchNode, box: str, ways: Ways) -> None:
    chart.box(box, Shape.DIAMOND, *_head(node))
    for case in node.cases:
        chart.edge(box, ways.to(case.then), *_case(case))
    if all(case.condition is not None for case in node.cases):
        chart.edge(box, ways.to(node.then), "no case matches")


def _case(case: Case) -> tuple[str, ...]:
    if case.condition is None:
        return (f"default {case.name}",)
    return f"case {case.name}", f"when {worded(case.condition)}"


def _for(chart: Chart, node: ForNode, box: str, ways: Ways) -> None:
    with chart.frame(*_head(node)):
        while_ = "" if node.while_ is None else f"while {worded(node.while_)}"
        chart.box(box, Shape.HEXAGON, f"for {node.each}, {node.at} in {worded(node.items)}", while_)
        first = draw_list(chart, node.body, ways.inside(box))
    chart.edge(box, first, "each")
    chart.edge(box, ways.to(node.then), "done")


def _raise(chart: Chart, node: RaiseNode, box: str, ways: Ways) -> None:
    told = " ".join(filter(None, (member(node.error, name) for name in ("status", "type"))))
    chart.box(box, Shape.TRAPEZOID, *_head(node), told or worded(node.error))
    chart.edge(box, ways.errors, "error", dashed=True)
    if node.condition is not None:
        chart.edge(box, ways.to(node.then), "skipped")


def _wait(chart: Chart, node: WaitNode, box: str, ways: Ways) -> None:
    chart.box(box, Shape.ROUND, *_head(node), f"for {span(node.duration)}")
    chart.edge(box, ways.to(node.then))


def _activity(chart: Chart, node: ActivityNode, box: str, ways: Ways) -> None:
    told = " ".join(filter(None, (member(node.arguments, name) for name in _TELLING)))
    chart.box(box, Shape.DOUBLE, *_head(node, node.activity), told, "" if node.waits else "not awaited")
    chart.edge(box, ways.to(node.then))


def _emit(chart: Chart, node: EmitNode, box: str, ways: Ways) -> None:
    chart.box(box, Shape.FLAG, *_head(node), member(node.attributes, "type"))
    chart.edge(box, ways.to(node.then))


def _fork(chart: Chart, node: ForkNode, box: str, ways: Ways) -> None:
    end = chart.reserve()
    with chart.frame(*_head(node)):
        chart.box(box, Shape.HEXAGON, "fork", "branches compete" if node.compete else "")
        branches = draw_all(chart, node.branches, ways.inside(end))
        chart.box(end, Shape.CIRCLE, "first" if node.compete else "all")
    for branch in branches.values() or (end,):
        chart.edge(box, branch)
    chart.edge(end, ways.to(node.then))


def _try(chart: Chart, node: TryNode, box: str, ways: Ways) -> None:
    catch = node.catch
    caught = chart.reserve()
    after = ways.to(node.then)
    handled = after if catch.then is None else ways.to(catch.then)
    with chart.frame(*_head(node)):
        chart.box(box, Shape.CIRCLE, "try")
        first = draw_list(chart, node.body, ways.inside(after, errors=caught))
        chart.box(caught, Shape.SLANTED, *catch_lines(catch))
        if catch.body is not None:
            handled = draw_list(chart, catch.body, ways.inside(handled))
    chart.edge(box, first)
    chart.edge(box, caught, "error", dashed=True)
    if catch.retry is not None:
        chart.edge(caught, box, *retry_lines(catch.retry))
    if catch.retry is not None and catch.body is None and catch.then is None:
        chart.edge(caught, ways.errors, "no more retries", dashed=True)
    else:
        chart.edge(caught, handled, "" if catch.retry is None else "no more retries")


def _listen(chart: Chart, node: ListenNode, box: str, ways: Ways) -> None:
    after = ways.to(node.then)
    told = events_line(node.strategy)
    if node.foreach is None or node.foreach.body is None:
        chart.box(box, Shape.FLAG, *_head(node), told)
        chart.edge(box, after)
        return
    with chart.frame(*_head(node)):
        chart.box(box, Shape.HEXAGON, told)
        first = draw_list(chart, node.foreach.body, ways.inside(box))
    chart.edge(box, first, f"each {node.foreach.each}")
    chart.edge(box, after, "done")


def _subscribe(chart: Chart, node: SubscribeNode, box: str, ways: Ways) -> None:
    after = ways.to(node.then)
    told = lifetime_line(node.lifetime)
    if node.foreach.body is None:
        chart.box(box, Shape.DOUBLE, *_head(node), told)
        chart.edge(box, after)
        return
    with chart.frame(*_head(node)):
        chart.box(box, Shape.HEXAGON, told)
        first = draw_list(chart, node.foreach.body, ways.inside(box))
    chart.edge(box, first, f"each {node.foreach.each}")
    chart.edge(box, after, "done")


def _child(chart: Chart, node: ChildNode, box: str, ways: Ways) -> None:
    told = f"{worded(node.namespace)}/{worded(node.child)}"
    version = "" if node.version is None else f":{worded(node.version)}"
    chart.box(
        box, Shape.DOUBLE, *_head(node, "workflow"), told + version, "" if node.waits else "not awaited"
    )
    chart.edge(box, ways.to(node.then))


def _function(chart: Chart, node: FunctionNode, box: str, ways: Ways) -> None:
    chart.box(box, Shape.DOUBLE, *_head(node, node.body.first or "function"))
    chart.edge(box, ways.to(node.then))


def _head(node: TaskNode, *more: str) -> tuple[str, ...]:
    condition = "" if node.condition is None else f"if {worded(node.condition)}"
    return " ".join((node.kind, *more, node.name)), condition, timing(node.timeout)
