"""Concealment: a worker's environment may hold passwords, and the processes of workflows run as its user."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def conceal() -> None:
    """Keeps other processes of the same user from reading this one's environment and memory, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
