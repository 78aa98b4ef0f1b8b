"""Arming a worker process: before it starts, its driver and its activities are wrapped."""

from __future__ import annotations

import os

from tests.support.failpoints.boundaries import Boundaries
from tests.support.failpoints.points import VARIABLE, Failpoint
from tests.support.failpoints.trigger import Trigger
from tests.support.failpoints.wires import Wires


def arm() -> None:
    """Arms this process if its environment says so."""
    if (text := os.environ.get(VARIABLE)) is not None:
        trigger = Trigger(Failpoint.decode(text))
        Wires(trigger).install()
        Boundaries(trigger).install()
