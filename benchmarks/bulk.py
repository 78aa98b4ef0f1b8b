"""Throughput: many workflows, from the first start to the last completion."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.documents import TASKS
from benchmarks.load import Load
from benchmarks.report import Row, median_row
from pgworker.types import JsonObject

_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Run:
    """One repetition, in seconds: starting all workflows, and what came after the last start."""

    starting: float
    draining: float
    events: int


def started_before(load: Load, name: str, given: JsonObject, count: int) -> Run:
    """All workflows are started by one statement; workers see them when it commits."""
    before = load.events()
    began = time.perf_counter()
    load.start(name, given, count)
    started = time.perf_counter()
    load.finish()
    ended = time.perf_counter()
    return Run(started - began, ended - started, load.events() - before)


def started_meanwhile(load: Load, name: str, given: JsonObject, count: int) -> Run:
    """Workflows are started a hundred at a time while the workers work."""
    before = load.events()
    began = time.perf_counter()
    for first in range(0, count, _CHUNK):
        load.start(name, given, min(_CHUNK, count - first))
    started = time.perf_counter()
    load.finish()
    ended = time.perf_counter()
    return Run(started - began, ended - started, load.events() - before)


def task_rows(name: str, runs: Sequence[Run], count: int, *, drained: bool, tasks: int = TASKS) -> list[Row]:
    """Speeds, of the draining alone or of everything from the first start; ``tasks`` is of one workflow."""
    seconds = [run.draining if drained else run.starting + run.draining for run in runs]
    label = f"{name}, {'without' if drained else 'with'} the starts"
    workflows = [count / each for each in seconds]
    events = [run.events / each for run, each in zip(runs, seconds, strict=True)]
    rows = [
        median_row(label, "tasks/s", [each * tasks for each in workflows]),
        median_row(label, "workflows/s", workflows),
        median_row(label, "events/s", events),
    ]
    if not drained:
        rows.append(median_row(f"{name}, the starts", "starts/s", [count / run.starting for run in runs]))
    return rows


def call_row(name: str, runs: Sequence[Run], count: int) -> Row:
    """Calls a second, of the draining alone."""
    return median_row(name, "calls/s", [count * TASKS / run.draining for run in runs])
