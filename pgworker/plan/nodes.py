"""The nodes of a plan: one frozen class for each kind of task, and what all of them share.

A plan is what the engine walks. It knows no dialect: both languages compile to these nodes, and what they
mean is said here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from pgworker.expressions.durations import Duration
from pgworker.expressions.templates import Expression, Template
from pgworker.plan.schema import Schema
from pgworker.types import JsonObject, Pointer


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a task: the named sibling, or the end of its list (None), or the end of the workflow."""

    name: str | None = None
    ends_workflow: bool = False


@dataclass(frozen=True, slots=True)
class DataFlow:
    """How data enters and leaves a task or a workflow; every part may be missing."""

    input_schema: Schema | None = None
    input_from: Template | None = None
    output_as: Template | None = None
    output_schema: Schema | None = None
    export_as: Template | None = None
    export_schema: Schema | None = None


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
    """Goes on after a duration, counted from the recorded time at which the task starts.

    A template's value is a duration object or ISO 8601 text.
    """

    duration: Duration | Template


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityNode(TaskNode):
    """Work outside: ``activity`` names who performs it, the template's value is what it is given."""

    activity: str
    arguments: Template


Node: TypeAlias = SetNode | DoNode | SwitchNode | ForNode | RaiseNode | WaitNode | ActivityNode


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
    lists: MappingProxyType[Pointer, TaskList] = field(repr=False)
    nodes: MappingProxyType[Pointer, Node] = field(repr=False)
