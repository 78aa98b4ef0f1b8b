"""Testing workflows: an engine in memory, with a clock that the test sets and calls that the test answers.

>>> from pgworker.testing import Engine
>>> engine = Engine()
>>> workflow = engine.run(
...     {
...         "document": {"dsl": "1.0.3", "namespace": "default", "name": "nap", "version": "1.0.0"},
...         "do": [{"nap": {"wait": {"hours": 8}}}, {"done": {"set": {"rested": True}}}],
...     }
... )
>>> workflow.status
'RUNNING'
>>> engine.advance(hours=8)
>>> workflow.output
{'rested': True}
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pgworker.testing.calls import Call, UnansweredCall
    from pgworker.testing.engine import Engine
    from pgworker.testing.workflow import TaskRun, Workflow

__all__ = ["Call", "Engine", "TaskRun", "UnansweredCall", "Workflow"]

_PLACES: Final = {
    "Call": "calls",
    "Engine": "engine",
    "TaskRun": "workflow",
    "UnansweredCall": "calls",
    "Workflow": "workflow",
}


def __getattr__(name: str) -> object:
    """What is public is loaded when it is first asked for: pytest loads the plugin whatever is tested."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"pgworker.testing.{_PLACES[name]}"), name)
