"""A plan as a flowchart."""

from __future__ import annotations

from pgworker.plan.mermaid.chart import Chart, Shape
from pgworker.plan.mermaid.tasks import draw_list, timing
from pgworker.plan.mermaid.ways import Ways
from pgworker.plan.nodes import Plan


def flowchart(plan: Plan) -> str:
    """The definition as the text of a Mermaid flowchart, which ends in a newline.

    Boxes are tasks, frames are tasks that contain others, arrows are the flow, and dashed arrows are errors.
    """
    chart = Chart()
    start, end, failed = chart.reserve(), chart.reserve(), chart.reserve()
    title = f"workflow {plan.namespace}/{plan.name} {plan.version}"
    chart.box(start, Shape.STADIUM, title, timing(plan.timeout))
    chart.edge(start, draw_list(chart, plan.body, Ways(workflow_end=end, list_end=end, errors=failed)))
    chart.box(end, Shape.STADIUM, "end")
    if chart.is_reached(failed):
        chart.box(failed, Shape.STADIUM, "failed")
    return chart.text()
