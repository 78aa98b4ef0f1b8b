"""The Python API: define, start and follow workflows.

>>> async def greet() -> None:
...     async with Client("postgresql://localhost/app") as client:
...         await client.define(Path("hello.yaml"))
...         print(await client.result(await client.start("hello", {"name": "Ada"}), timeout=10))
"""

from pgworker.client.client import Client
from pgworker.client.documents import compiled
from pgworker.client.travel import Change, Moment
from pgworker.client.verification import Verified, verify
from pgworker.store.inspection import Flaw
from pgworker.store.publishing import EventAttributes
from pgworker.store.rows import (
    ActivityRow,
    Head,
    HistoryRow,
    JobRow,
    LifecycleRow,
    Outcome,
    ProgressRow,
    TaskRow,
    WorkerRow,
    Workflow,
)
from pgworker.store.starting import StartOptions, start_in

__all__ = [
    "ActivityRow",
    "Change",
    "Client",
    "EventAttributes",
    "Flaw",
    "Head",
    "HistoryRow",
    "JobRow",
    "LifecycleRow",
    "Moment",
    "Outcome",
    "ProgressRow",
    "StartOptions",
    "TaskRow",
    "Verified",
    "WorkerRow",
    "Workflow",
    "compiled",
    "start_in",
    "verify",
]
