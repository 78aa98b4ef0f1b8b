"""The workers' profiles, added up."""

from __future__ import annotations

import pstats
from pathlib import Path

_LINES = 40


def print_top(folder: Path, kept: Path) -> None:
    """Adds the profiles in the folder up, keeps the sum in a file, and prints where most time went."""
    parts = sorted(str(path) for path in folder.iterdir())
    if not parts:
        print("no worker left a profile")
        return
    total = pstats.Stats(*parts)
    total.dump_stats(kept)
    total.sort_stats(pstats.SortKey.CUMULATIVE).print_stats(_LINES)
