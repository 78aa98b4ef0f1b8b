"""The pytest plugin: the fixture ``pgworker_engine``, and histories where an assertion about one fails.

Pytest loads it wherever pgworker is installed, so it loads the engine only for those who use it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pgworker.testing.engine import Engine


@pytest.fixture
def pgworker_engine() -> Engine:
    """An engine in memory with nothing in it, whose clock stands."""
    from pgworker.testing.engine import Engine

    return Engine()


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Shows what happened to a workflow whose status is not the one that was expected."""
    if "pgworker.testing.workflow" not in sys.modules:
        return None
    from pgworker.testing.workflow import StatusText

    statuses = [side for side in (left, right) if isinstance(side, StatusText)]
    if not statuses:
        return None
    workflow = statuses[0].workflow
    return [f"{str(left)!r} {op} {str(right)!r}", "", *workflow.describe().splitlines()]
