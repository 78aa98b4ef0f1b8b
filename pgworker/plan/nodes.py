"""The nodes of a plan: one frozen class for each kind of task, and what all of them share.

A plan is what the engine walks. It knows no dialect: both languages compile to these nodes, and what they
mean is said here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from pgworker.expressions.durations import Duration
from pgworker.expressions.sealing import Seal
from pgworker.expressions.templates import Expression, Template
from pgworker.plan.listening import Read, Strategy
from pgworker.plan.schedule import Schedule
from pgworker.plan.schema import Schema
from pgworker.types import JsonObject, Pointer


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a task: the named sibling, or the end of its list (None), or the end of the workflow.

    ``exits`` tells an end of the list that was asked for from one that was reached.
    """

    name: str | None = None
    ends_workflow: bool = False
    exits: bool = False


@dataclass(frozen=True, slots=True)
class DataFlow:
    """How data enters and leaves a task or a workflow; every part may be missing."""

    input_schema: Schema | None = None
    input_from: Template | None = None
    output_as: Template | None = None
    output_schema: Schema | None = None
    export_as: Template | None = None
    export_schema: Schema | None = None


Time: TypeAlias = Duration | Template
"""A span of time: written down, or what a template gives (a duration object or ISO 8601 text)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNode:
    """What every task has."""

    name: str
    reference: Pointer
    kind: str
    definition: JsonObject
    then: Next
    condition: Expression | None = None
    flow: DataFlow = DataFlow()
    timeout: Time | None = None
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNode(TaskNode):
    """Replaces the data by a template's value."""

    value: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class DoNode(TaskNode):
    """Runs a list of tasks, one after the other."""

    body: TaskList


@dataclass(frozen=True, slots=True)
class Case:
    """A case of a switch; without a condition it always matches."""

    name: str
    condition: Expression | None
    then: Next


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchNode(TaskNode):
    """Goes where the first case that matches points to."""

    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForNode(TaskNode):
    """Runs its body once for each item; ``each`` and ``at`` name the item and its index (from 0)."""

    each: str
    at: str
    items: Template
    while_: Expression | None = None
    body: TaskList


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseNode(TaskNode):
    """Fails with the problem object that the template gives (``instance`` is set by the engine)."""

    error: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitNode(TaskNode):
    """Goes on after a duration, counted from the recorded time at which the task starts."""

    duration: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityNode(TaskNode):
    """Work outside: ``activity`` names who performs it, the template's value is what it is given.

    ``sealed`` are the parts of the arguments that read secrets: they are evaluated by who performs it.
    Without ``waits`` the work is only begun, and the task's output is its input.
    """

    activity: str
    arguments: Template
    sealed: tuple[Seal, ...] = ()
    waits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveNode(ActivityNode):
    """The activity that receives the next message of a subscription; it is told how long it may wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitNode(TaskNode):
    """Publishes the CloudEvent whose attributes the template gives; the usual ones are filled in."""

    attributes: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkNode(TaskNode):
    """Runs branches side by side, each a task of the list; with ``compete`` the first to complete wins."""

    branches: TaskList
    compete: bool


class Backoff(StrEnum):
    """How the delay grows with the number n of the retry: d, d * n, d * 2^(n-1)."""

    CONSTANT = "constant"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When, how soon and how often a failed attempt is followed by another.

    ``most_retries`` counts the attempts after the first; the jitter is drawn between its two durations.
    """

    condition: Expression | None = None
    exception: Expression | None = None
    delay: Time | None = None
    backoff: Backoff = Backoff.CONSTANT
    jitter: tuple[Time, Time] | None = None
    most_retries: int | None = None
    attempt_limit: Time | None = None
    total_limit: Time | None = None


@dataclass(frozen=True, slots=True)
class Catch:
    """Which errors a try catches, and what follows then.

    ``errors`` holds the members that an error must have to be caught; ``name`` is the variable that holds it.
    ``then`` is None where the try's own applies.
    """

    errors: JsonObject
    name: str
    condition: Expression | None = None
    exception: Expression | None = None
    retry: RetryPolicy | None = None
    body: TaskList | None = None
    then: Next | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TryNode(TaskNode):
    """Runs a list of tasks and catches what fails in it."""

    body: TaskList
    catch: Catch


@dataclass(frozen=True, slots=True)
class Foreach:
    """What is done with each CloudEvent or message; ``each`` and ``at`` name it and its index."""

    each: str
    at: str
    body: TaskList | None
    flow: DataFlow


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenNode(TaskNode):
    """Waits for CloudEvents; its output is the array of those that it consumed."""

    strategy: Strategy
    read: Read
    foreach: Foreach | None = None


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How many messages a subscription consumes, how long, and on which conditions: all have to hold."""

    amount: int | None = None
    lasts: Time | None = None
    while_: Expression | None = None
    until: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeNode(TaskNode):
    """Receives messages, one by one, and does something with each before it asks for the next.

    ``receive`` is a list of one task, the activity; its output is the array of what it received.
    """

    receive: TaskList
    lifetime: Lifetime
    foreach: Foreach


class Return(StrEnum):
    """What of a process is handed on."""

    STDOUT = "stdout"
    STDERR = "stderr"
    CODE = "code"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildNode(TaskNode):
    """Runs another workflow; ``version`` None is the newest. Without ``waits`` its end is not waited for."""

    namespace: Template
    child: Template
    version: Template | None
    input: Template
    waits: bool
    returns: Return


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionNode(TaskNode):
    """Calls a function: runs its one task on the arguments."""

    arguments: Template
    body: TaskList


@dataclass(frozen=True, slots=True)
class Extension:
    """Tasks that run before and after every task of some kind, where the condition holds.

    The condition and the tasks see the extended task as ``$task``.
    """

    name: str
    condition: Expression | None
    before: TaskList | None
    after: TaskList | None


Node: TypeAlias = (
    SetNode
    | DoNode
    | SwitchNode
    | ForNode
    | RaiseNode
    | WaitNode
    | ActivityNode
    | EmitNode
    | ForkNode
    | TryNode
    | ListenNode
    | SubscribeNode
    | ChildNode
    | FunctionNode
)


@dataclass(frozen=True, slots=True)
class TaskList:
    """Tasks in the order in which they are written; ``reference`` points to the list itself."""

    reference: Pointer
    tasks: MappingProxyType[str, Node]
    first: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled definition. ``lists`` finds every task list by its reference."""

    namespace: str
    name: str
    version: str
    definition: JsonObject
    body: TaskList
    flow: DataFlow
    timeout: Time | None
    lists: MappingProxyType[Pointer, TaskList] = field(repr=False)
    nodes: MappingProxyType[Pointer, Node] = field(repr=False)
    schedule: Schedule | None = None
    secrets: frozenset[str] = frozenset()
