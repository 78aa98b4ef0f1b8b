"""What was measured: rows, printed as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the median of the repetitions, and what else there is to say of it."""

    name: str
    value: float
    unit: str
    note: str = ""
    samples: Sequence[float] = field(default=())
    is_limit: bool = False

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "note": self.note,
            "samples": list(self.samples),
        }


def median_row(name: str, unit: str, samples: Sequence[float], *, is_limit: bool = False) -> Row:
    """The row of repeated measurements; a limit is what others of its unit are held against."""
    return Row(name, median(samples), unit, samples=samples, is_limit=is_limit)


def percentiles(name: str, seconds: Sequence[float], note: str = "") -> list[Row]:
    """The rows of p50 and p99, in milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return [
        Row(f"{name}, p50", cuts[49] * 1000, "ms", note),
        Row(f"{name}, p99", cuts[98] * 1000, "ms", note),
    ]


def table(rows: Sequence[Row]) -> str:
    """The rows as text; what is told in a limit's unit is also told as a share of that limit."""
    limits = [row for row in rows if row.is_limit]
    lines = [["", "median", "", *(f"/ limit {number}" for number in range(1, len(limits) + 1)), ""]]
    told = ""
    for row in rows:
        ratios = [_number(row.value / limit.value) if row.unit == limit.unit else "" for limit in limits]
        name = row.name + (f" (limit {limits.index(row) + 1})" if row.is_limit else "")
        lines.append(["" if name == told else name, _number(row.value), row.unit, *ratios, row.note])
        told = name
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    last = len(cells) - 1
    padded = [
        cell.ljust(width) if column in (0, 2, last) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
