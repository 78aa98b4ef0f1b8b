"""The pytest plugin: the fixture ``pgworker_engine``, and histories where an assertion about one fails."""

from __future__ import annotations

import pytest

from pgworker.testing.engine import Engine
from pgworker.testing.workflow import StatusText


@pytest.fixture
def pgworker_engine() -> Engine:
    """An engine in memory with nothing in it, whose clock stands."""
    return Engine()


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Shows what happened to a workflow whose status is not the one that was expected."""
    statuses = [side for side in (left, right) if isinstance(side, StatusText)]
    if not statuses:
        return None
    workflow = statuses[0].workflow
    return [f"{str(left)!r} {op} {str(right)!r}", "", *workflow.describe().splitlines()]
