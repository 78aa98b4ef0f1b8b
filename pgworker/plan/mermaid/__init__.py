"""Plans as Mermaid flowcharts: what a definition does, to look at."""

from pgworker.plan.mermaid.flowchart import flowchart

__all__ = ["flowchart"]
