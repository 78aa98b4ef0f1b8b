"""Processes of this host, by a mark in what they were started with."""

from __future__ import annotations

from pathlib import Path


def marked(mark: str) -> list[int]:
    """The ids of the processes that have a text in their command line or environment, zombies excepted."""
    return [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal() and any(mark in _read(folder / part) for part in ("cmdline", "environ"))
    ]


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except (OSError, ProcessLookupError):
        return ""  # it has just ended, or belongs to somebody else
