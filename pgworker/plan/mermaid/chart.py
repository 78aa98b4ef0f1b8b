"""The chart that is being drawn: boxes in nested frames, and the edges between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from itertools import count

from pgworker.plan.mermaid.labels import label


class Shape(Enum):
    """The outline of a box: what stands before and after its label."""

    BOX = ("[", "]")
    ROUND = ("(", ")")
    STADIUM = ("([", "])")
    DOUBLE = ("[[", "]]")
    CIRCLE = ("((", "))")
    DIAMOND = ("{", "}")
    HEXAGON = ("{{", "}}")
    FLAG = (">", "]")
    SLANTED = ("[/", "/]")
    TRAPEZOID = ("[/", "\\]")


class Chart:
    """Mermaid's text, line by line.

    Boxes are known by numbers of ours: names of tasks may be anything, Mermaid's own words among it. All
    edges follow after the boxes, and lead from box to box: an edge would draw a box that it is the first to
    name into its own frame, and one between a frame and what is inside it cannot be laid out.
    """

    def __init__(self) -> None:
        self._numbers = count()
        self._boxes: list[str] = []
        self._edges: list[str] = []
        self._ends: set[str] = set()
        self._depth = 1

    def reserve(self) -> str:
        """A new box's id; edges may lead to it before it is drawn."""
        return f"n{next(self._numbers)}"

    def box(self, box: str, shape: Shape, *lines: str) -> None:
        """Draws the box, with a label of these lines."""
        before, after = shape.value
        self._boxes.append(f"{'  ' * self._depth}{box}{before}{label(*lines)}{after}")

    def edge(self, start: str, end: str, *lines: str, dashed: bool = False) -> None:
        """Draws an edge, with a label if there is something to say."""
        arrow = "-.->" if dashed else "-->"
        said = f"|{label(*lines)}|" if any(lines) else ""
        self._edges.append(f"  {start} {arrow}{said} {end}")
        self._ends.add(end)

    def is_reached(self, box: str) -> bool:
        """Whether an edge leads to the box."""
        return box in self._ends

    @contextmanager
    def frame(self, *lines: str) -> Iterator[None]:
        """What is drawn in the block stands inside a frame with this title."""
        indent = "  " * self._depth
        self._boxes.append(f"{indent}subgraph s{next(self._numbers)} [{label(*lines)}]")
        self._depth += 1
        yield
        self._depth -= 1
        self._boxes.append(f"{indent}end")

    def text(self) -> str:
        """The whole chart."""
        return "\n".join(["flowchart TD", *self._boxes, *self._edges]) + "\n"
