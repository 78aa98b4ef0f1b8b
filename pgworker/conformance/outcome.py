"""The outcome of a scenario's workflow, and whether the checks hold for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from pgworker.client import TaskRow, Workflow
from pgworker.conformance.difference import difference, shown
from pgworker.conformance.steps import (
    Check,
    CompletesWith,
    Ends,
    FaultsWith,
    OutputHas,
    OutputHasItems,
    OutputHasValue,
    RunsBefore,
    RunsFirst,
    RunsLast,
)
from pgworker.errors import Unmet
from pgworker.types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Outcome:
    """A workflow that has ended, and each time that one of its tasks ran, in the order of their beginnings.

    A task that ran more than once (in a loop, or because it was tried again) is judged by its last run; the
    order between two tasks by the first run of each.
    """

    workflow: Workflow
    tasks: Sequence[TaskRow]

    def check(self, check: Check) -> None:
        """Raises ``Unmet`` unless the check holds."""
        match check:
            case Ends(task, status):
                self._end(task, status)
            case CompletesWith(task, output):
                self._same(self._end(task, "COMPLETED").output, output, f"the output of {_subject(task)}")
            case FaultsWith(task, error):
                self._same_members(self._end(task, "FAILED").error or {}, error, _subject(task))
            case OutputHas(paths):
                for path in paths:
                    self._output_at(path)
            case OutputHasValue(path, value):
                self._same(self._output_at(path), value, f"the output's `{path}`")
            case OutputHasItems(path, count):
                self._count(path, count)
            case RunsFirst(task):
                self._run_at(0, task, "first")
            case RunsLast(task):
                self._run_at(-1, task, "last")
            case RunsBefore(earlier, later):
                self._order(earlier, later)
            case _:
                assert_never(check)

    @property
    def _runs(self) -> list[TaskRow]:
        return [task for task in self.tasks if task.status != "SKIPPED"]

    def _runs_of(self, task: str) -> list[TaskRow]:
        found = [run for run in self._runs if run.name == task]
        if not found:
            names = ", ".join(dict.fromkeys(f"`{run.name}`" for run in self._runs))
            raise Unmet(f"{_subject(task)} did not run: what ran is {names or 'nothing'}")
        return found

    def _end(self, task: str | None, status: str) -> Workflow | TaskRow:
        """What has ended, if it has ended this way."""
        found = self.workflow if task is None else self._runs_of(task)[-1]
        if found.status != status:
            reason = f": {_told(found.error)}" if found.error else ""
            raise Unmet(f"{_subject(task)} is {found.status}, and not {status}{reason}")
        return found

    def _same(self, found: JsonValue, expected: JsonValue, what: str) -> None:
        if told := difference(found, expected):
            raise Unmet(f"{what} is another: {told}")

    def _same_members(self, found: JsonObject, expected: JsonObject, subject: str) -> None:
        # An engine may say more about an error than the scenario does: a detail, for one.
        mentioned = {key: value for key, value in found.items() if key in expected}
        self._same(mentioned, expected, f"the error of {subject}")

    def _output_at(self, path: str) -> JsonValue:
        """What a path such as ``pets.0.name`` leads to in the output of the completed workflow."""
        self._end(None, "COMPLETED")
        value = self.workflow.output
        for key in path.split("."):
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isascii() and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                raise Unmet(f"the output has no `{path}`: there is no `{key}` in {shown(value)}")
        return value

    def _count(self, path: str, count: int) -> None:
        value = self._output_at(path)
        if not isinstance(value, list):
            raise Unmet(f"the output's `{path}` is no array: {shown(value)}")
        if len(value) != count:
            raise Unmet(f"the output's `{path}` has {len(value)} items, and not {count}: {shown(value)}")

    def _run_at(self, index: int, task: str, place: str) -> None:
        self._runs_of(task)
        found = self._runs[index].name
        if found != task:
            raise Unmet(f"`{found}` ran {place}, and not {_subject(task)}")

    def _order(self, earlier: str, later: str) -> None:
        first, second = self._runs_of(earlier)[0], self._runs_of(later)[0]
        if first.seq >= second.seq:
            raise Unmet(f"{_subject(earlier)} did not begin before {_subject(later)}")
        if second.task.startswith(f"{first.task}/"):
            return
        if not (first.ended_at and second.started_at and first.ended_at <= second.started_at):
            raise Unmet(f"{_subject(earlier)} had not ended when {_subject(later)} began")


def _told(error: JsonObject) -> str:
    reason = error.get("detail") or error.get("title")
    return f"{reason} ({error.get('type')}, {error.get('status')}) at {error.get('instance')}"


def _subject(task: str | None) -> str:
    return "the workflow" if task is None else f"the task `{task}`"
