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

from pgworker.testing.calls import Call, UnansweredCall
from pgworker.testing.engine import Engine
from pgworker.testing.workflow import TaskRun, Workflow

__all__ = ["Call", "Engine", "TaskRun", "UnansweredCall", "Workflow"]
