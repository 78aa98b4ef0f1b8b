"""Events: the facts of one workflow, in the order in which they were committed.

What the members of ``data`` mean (all are optional, absent means none):

========== ======================================================================================
``in``     the frame that the task runs in: the seq of the event that opened it, absent for the root
``from``   the seq of the event whose value was the task's raw input
``input``  the input after ``input.from``, where that changed it; for ``workflow.started`` the raw input
``output`` the output after ``output.as``; absent where it is the value of ``output_from`` (or of ``from``)
``result`` what an activity returned, where ``output.as`` made something else of it
``start``  the seq of the ``task.started`` event of the activation that this event ends
``kind``   the kind of the task; ``opens`` the same, where the task opens a frame
``iteration`` the index of the innermost loop's iteration that the task runs in
``emits``  true where the output is a CloudEvent that was published; that event, where the output is another
``retry``  which attempt of the innermost try around it this is, from the second on
``next``   the name of the task that follows in the same list; absent at the list's end
``end``    true where the whole workflow ends with this task
``ends_jobs`` the seqs of the timers and activities that are void from now on
``context`` the new context, where the task exported one
``arguments`` what an activity or a function is given
``sealed`` the parts of the arguments that read secrets, as they are before that; ``declared``: which may
``expected`` what a listen expects of its keys, filter by filter; ``learned``: what it has learnt to expect
``cloud_event`` the CloudEvent that a listen consumed; ``received`` our id of it, ``filter`` what let it pass
``subscriptions`` how a listen finds its CloudEvents: correlation, type, keys and value, filter by filter
``ends_listen`` true where the activation that the event ends was listening
``incarnation`` tells a workflow whose id was chosen from an earlier one of that id, which was purged
``child``  the id of the workflow that a task started; ``ends_child`` true where nobody waits for it any more
``section`` the list, or part of it, that a frame comes to; absent where it is the task itself
``from_task`` the task that a workflow which failed goes on from; absent for the one that failed
``state`` what the workflow goes on from: as things stood after the event ``to``; ``returned`` our ids of the
          CloudEvents that it has consumed since then, and may consume again
========== ======================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from pgworker.types import JsonObject, JsonValue, Pointer

WORKFLOW_STARTED: Final = "workflow.started"
WORKFLOW_COMPLETED: Final = "workflow.completed"
WORKFLOW_FAILED: Final = "workflow.failed"
WORKFLOW_CANCELLED: Final = "workflow.cancelled"
WORKFLOW_PAUSED: Final = "workflow.paused"
WORKFLOW_RESUMED: Final = "workflow.resumed"
WORKFLOW_RETRIED: Final = "workflow.retried"
WORKFLOW_REWOUND: Final = "workflow.rewound"
TERMINAL: Final = frozenset({WORKFLOW_COMPLETED, WORKFLOW_FAILED, WORKFLOW_CANCELLED})
INPUT_TRANSFORMED: Final = "input.transformed"
TASK_STARTED: Final = "task.started"
TASK_COMPLETED: Final = "task.completed"
TASK_FAILED: Final = "task.failed"
TASK_SKIPPED: Final = "task.skipped"
ITERATION_STARTED: Final = "iteration.started"
TIMER_SET: Final = "timer.set"
TIMER_FIRED: Final = "timer.fired"
TASK_RETRIED: Final = "task.retried"
TASK_CANCELLED: Final = "task.cancelled"
ERROR_CAUGHT: Final = "error.caught"
BRANCH_STARTED: Final = "branch.started"
BRANCH_COMPLETED: Final = "branch.completed"
BRANCH_FAILED: Final = "branch.failed"
BRANCH_CANCELLED: Final = "branch.cancelled"
LISTEN_STARTED: Final = "listen.started"
LISTEN_COMPLETED: Final = "listen.completed"
EVENT_RECEIVED: Final = "event.received"
ITERATION_COMPLETED: Final = "iteration.completed"
MESSAGE_RECEIVED: Final = "message.received"
CHILD_STARTED: Final = "child.started"
CHILD_COMPLETED: Final = "child.completed"
CHILD_FAILED: Final = "child.failed"
EXTENSION_STARTED: Final = "extension.started"
EXTENSION_ENTERED: Final = "extension.entered"
EXTENSION_COMPLETED: Final = "extension.completed"
EXTENSION_FAILED: Final = "extension.failed"
EXTENSION_CANCELLED: Final = "extension.cancelled"


_START: Final = frozenset({"start"})

MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    WORKFLOW_STARTED: frozenset({"input"}),
    WORKFLOW_FAILED: frozenset({"error"}),
    WORKFLOW_REWOUND: frozenset({"state", "to", "returned"}),
    INPUT_TRANSFORMED: frozenset({"output"}),
    TASK_STARTED: frozenset({"kind", "from"}),
    TASK_COMPLETED: frozenset({"kind"}),
    TASK_FAILED: frozenset({"kind", "error"}),
    TASK_SKIPPED: frozenset({"kind", "from"}),
    TASK_CANCELLED: frozenset({"kind", "start"}),
    TASK_RETRIED: frozenset({"start", "attempt", "error"}),
    ITERATION_STARTED: frozenset({"kind", "index", "start"}),
    ITERATION_COMPLETED: frozenset({"index", "start"}),
    TIMER_SET: frozenset({"start", "due_at", "purpose"}),
    TIMER_FIRED: frozenset({"start", "timer", "purpose"}),
    ERROR_CAUGHT: frozenset({"start", "error"}),
    BRANCH_STARTED: frozenset({"start", "index", "branch"}),
    BRANCH_COMPLETED: frozenset({"start", "index"}),
    BRANCH_FAILED: frozenset({"start", "index", "error"}),
    BRANCH_CANCELLED: _START,
    LISTEN_STARTED: frozenset({"start", "read", "expected", "subscriptions"}),
    LISTEN_COMPLETED: _START,
    EVENT_RECEIVED: frozenset({"start", "filter", "received", "cloud_event"}),
    MESSAGE_RECEIVED: _START,
    CHILD_STARTED: frozenset({"start", "child", "namespace", "name", "input"}),
    CHILD_COMPLETED: _START,
    CHILD_FAILED: _START,
    EXTENSION_STARTED: frozenset({"phases"}),
    EXTENSION_ENTERED: frozenset({"start", "index"}),
    EXTENSION_COMPLETED: _START,
    EXTENSION_FAILED: frozenset({"start", "error"}),
    EXTENSION_CANCELLED: _START,
}
"""What the data of every event of a type has, whatever else is there; the other types need none."""


_PLAIN: Final = frozenset(
    {WORKFLOW_COMPLETED, WORKFLOW_CANCELLED, WORKFLOW_PAUSED, WORKFLOW_RESUMED, WORKFLOW_RETRIED}
)
_OWN: Final = re.compile(
    r"(workflow|task|timer|iteration|input|error|listen|child|branch|extension|snapshot)\.|(event|message)\.received$"
)
"""Types of which the engine alone writes events, as the database's ``is_engines_type`` has them."""


class Event(NamedTuple):
    """One fact: ``seq`` counts from 1 without gaps, ``at`` is the time of its transaction (UTC)."""

    seq: int
    type: str
    task: Pointer | None
    data: JsonObject
    at: datetime

    @property
    def start(self) -> int:
        """The activation that the event is about; raises ``TypeError`` if it does not say."""
        return integer(self.data.get("start"))

    @property
    def frame(self) -> int:
        """The frame in which the event's task runs; 0 is the root."""
        key = self.data.get("in")
        return key if isinstance(key, int) else 0


def is_own(type_: str) -> bool:
    """Whether events of the type are written by the engine alone."""
    return _OWN.match(type_) is not None


def lacking(event: Event) -> list[str]:
    """What every event of its type has, and this one has not: members of its data, its task, or a type."""
    wanted = MEMBERS.get(event.type)
    if wanted is None:
        return ["a type that there is"] if is_own(event.type) and event.type not in _PLAIN else []
    lacks = sorted(wanted - event.data.keys())
    return ["task", *lacks] if event.type.startswith("task.") and not event.task else lacks


def ended_jobs(event: Event) -> list[int]:
    """The seqs of the timers and activities that the event makes void."""
    jobs = event.data.get("ends_jobs")
    return [job for job in jobs if isinstance(job, int)] if isinstance(jobs, list) else []


def integer(value: JsonValue) -> int:
    """The value, which has to be a number in every event."""
    if not isinstance(value, int):
        raise TypeError(f"an event holds {value!r} where a number belongs")
    return value


def object_(value: JsonValue) -> JsonObject:
    """The value, which has to be an object in every event."""
    if not isinstance(value, dict):
        raise TypeError(f"an event holds {value!r} where an object belongs")
    return value


def array(value: JsonValue) -> list[JsonValue]:
    """The value, which has to be an array in every event."""
    if not isinstance(value, list):
        raise TypeError(f"an event holds {value!r} where an array belongs")
    return value
