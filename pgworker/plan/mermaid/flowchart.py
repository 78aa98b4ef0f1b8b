"""A plan as a flowchart."""

from __future__ import annotations

from pgworker.plan.mermaid.chart import Chart, Shape
from pgworker.plan.mermaid.tasks import draw_list, timing
from pgworker.plan.mermaid.ways import Ways
from pgworker.plan.nodes import FunctionNode, Plan, TaskList


def flowchart(plan: Plan) -> str:
    """The definition as the text of a Mermaid flowchart, which ends in a newline.

    Boxes are tasks, frames are tasks that contain others, arrows are the flow, and dashed arrows are errors.
    Functions and extensions stand apart, drawn once however often they are used.
    """
    chart = Chart()
    start, end, failed = chart.reserve(), chart.reserve(), chart.reserve()
    title = f"workflow {plan.namespace}/{plan.name} {plan.version}"
    chart.box(start, Shape.STADIUM, title, timing(plan.timeout))
    ways = Ways(workflow_end=end, list_end=end, errors=failed)
    chart.edge(start, draw_list(chart, plan.body, ways))
    for name, tasks in _apart(plan).items():
        with chart.frame(name):
            begin, over = chart.reserve(), chart.reserve()
            chart.box(begin, Shape.CIRCLE, "begin")
            chart.edge(begin, draw_list(chart, tasks, ways.inside(over)))
            chart.box(over, Shape.CIRCLE, "over")
    chart.box(end, Shape.STADIUM, "end")
    if chart.is_reached(failed):
        chart.box(failed, Shape.STADIUM, "failed")
    return chart.text()


def _apart(plan: Plan) -> dict[str, TaskList]:
    """The lists of functions and extensions, by what is written on their frames."""
    lists: dict[str, TaskList] = {}
    for node in plan.nodes.values():
        if isinstance(node, FunctionNode):
            lists[f"function {node.body.first}"] = node.body
        for extension in node.extensions:
            for when, tasks in (("before", extension.before), ("after", extension.after)):
                if tasks is not None:
                    lists[f"extension {extension.name}, {when}"] = tasks
    return lists
