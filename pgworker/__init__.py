"""A durable workflow engine whose only server is PostgreSQL."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgworker.activities.functions.current import FunctionCall, current_call
    from pgworker.worker.worker import Worker

__all__ = ["FunctionCall", "Worker", "__version__", "current_call"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """What is public is loaded when it is first asked for: a supervisor does without all of it."""
    if name == "Worker":
        from pgworker.worker.worker import Worker

        return Worker
    if name in ("FunctionCall", "current_call"):
        from pgworker.activities.functions import current

        return getattr(current, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
