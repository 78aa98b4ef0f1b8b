"""The workers' profiles, added up."""

from __future__ import annotations

import pstats
from pathlib import Path

_LINES = 40
_EXPRESSIONS = ("expressions/jq.py", "first")
_TURNS = ("worker/wheel.py", "_turn")


def print_top(folder: Path, kept: Path) -> None:
    """Adds the profiles in the folder up, keeps the sum in a file, and prints where most time went."""
    parts = sorted(str(path) for path in folder.iterdir())
    if not parts:
        print("no worker left a profile")
        return
    total = pstats.Stats(*parts)
    total.dump_stats(kept)
    total.sort_stats(pstats.SortKey.CUMULATIVE).print_stats(_LINES)
    share = _seconds(total, *_EXPRESSIONS) / _seconds(total, *_TURNS)
    print(f"expressions take {share:.0%} of the time that turns take, database calls included")


def _seconds(stats: pstats.Stats, file: str, function: str) -> float:
    """The seconds spent in a function and in what it called."""
    return sum(
        figures[3]
        for (path, _, name), figures in stats.stats.items()
        if name == function and path.endswith(file)
    )
