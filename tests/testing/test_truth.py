"""The engine in memory tells the truth: workflows do in it what they do on a real worker."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pgworker.errors import Fault, FaultKind
from pgworker.testing import Call, Engine, Workflow
from pgworker.types import JsonValue
from tests.conftest import WorkerFactory
from tests.support.failpoints.call_kinds import call_kinds
from tests.support.failpoints.control_kinds import control_kinds
from tests.support.failpoints.event_kinds import event_kinds
from tests.support.failpoints.flow_kinds import flow_kinds
from tests.support.failpoints.kinds import Kind, Tell, definition
from tests.support.stub import Stub
from tests.support.waiting import until
from tests.support.workflows import history

_OUTSIDE = {"script", "python function", "catalog", "stop", "broken definition", "refused"}
"""What is outside of workflows: a process, a folder, the end of a worker, documents that clients refuse."""


def _kinds() -> list[Kind]:
    with TemporaryDirectory() as folder:  # for the one with a catalog in it, which is left out
        kinds = [*flow_kinds(), *call_kinds(Path(folder)), *event_kinds(), *control_kinds()]
    return [kind for kind in kinds if kind.name not in _OUTSIDE]


KINDS = pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.name)


def _answer(call: Call) -> JsonValue:
    """As the stub answers."""
    flaky = sum("/flaky" in one.endpoint and one.workflow_id == call.workflow_id for one in _MADE)
    _MADE.append(call)
    if found := re.search(r"/status/(\d+)", call.endpoint):
        raise Fault(FaultKind.COMMUNICATION, "as was asked for", status=int(found[1]))
    if "/flaky" in call.endpoint and not flaky:
        raise Fault(FaultKind.COMMUNICATION, "the first time it fails", status=503)
    return {"effect": 1, "count": 1}


_MADE: list[Call] = []


def _slow(milliseconds: int) -> str:
    return f"*/slow?ms={milliseconds}"


def _engine() -> Engine:
    _MADE.clear()
    engine = Engine()
    engine.on_call().does(_answer)
    for milliseconds in (60, 420, 900, 20000):
        engine.on_call(url=_slow(milliseconds)).takes(milliseconds=milliseconds).does(_answer)
    return engine


def _play(kind: Kind) -> Engine:
    """Lets in memory happen what the kind says."""
    engine = _engine()
    for name, text in kind.documents.items():
        engine.define(definition(name, text, "https://stub.test"))
    for name in kind.starts:
        engine.start(name)
    for tell in kind.tells:
        engine.advance(milliseconds=200)
        _tell(engine, tell)
    engine.advance(seconds=60)
    return engine


def _tell(engine: Engine, tell: Tell) -> None:
    if "publish_event" in tell.statement:
        type_, data = tell.parameters
        engine.publish(type_, data.obj)
    elif "define_workflow" in tell.statement:
        engine.define(tell.parameters[0].obj)
    else:
        (verb,) = re.findall(r"(pause|resume|retry|cancel)_workflow", tell.statement)
        getattr(engine.workflows[0], verb)()


@KINDS
def test_workflows_of_a_kind_end_in_memory_as_they_do_on_workers(kind: Kind) -> None:
    """What the ends are, the failpoints' matrix holds every kind to on real workers."""
    engine = _play(kind)
    for name, end in kind.ends.items():
        ended = [workflow for workflow in engine.workflows if workflow.name == name]
        assert len(ended) == end.times if end.times is not None else len(ended) >= 3, name
        for workflow in ended:
            assert workflow.status == end.status, name
            value = workflow.output if end.status == "COMPLETED" else (workflow.error or {}).get("status")
            assert value == end.value, name


def test_histories_are_event_for_event_those_of_a_real_worker(
    connection: psycopg.Connection, worker_process: WorkerFactory, stub: Stub
) -> None:
    """Of all kinds to which nobody tells anything meanwhile, and that hear nothing of each other."""
    kinds = [
        kind
        for kind in _kinds()
        if kind.starts
        and not (kind.tells or kind.settings)
        and not any("listen" in text for text in kind.documents.values())
    ]
    assert len(kinds) > 25
    for kind in kinds:
        for name, text in kind.documents.items():
            document = Jsonb(definition(name, text, stub.url))
            connection.execute("select pgworker.define_workflow(%s)", [document])
    worker_process(concurrency=50)
    for kind in kinds:
        for name in kind.starts:
            connection.execute("select pgworker.start_workflow(%s)", [name])
    until(lambda: _count(connection, "ended_at is null") == 0, seconds=30, what="the end of all")
    for kind in kinds:
        for workflow in _play(kind).workflows:
            row = connection.execute(
                "select id::text from pgworker.workflows where name = %s", [workflow.name]
            ).fetchall()
            ((real,),) = row
            assert _told(workflow) == _told_by(connection, real), f"{kind.name}: {workflow.describe()}"


def _count(connection: psycopg.Connection, condition: str) -> int:
    row = connection.execute(f"select count(*) from pgworker.workflows where {condition}").fetchone()
    return 0 if row is None else int(row[0])


def _told(workflow: Workflow) -> Counter[str]:
    return Counter(_event(event.type, event.task, event.data) for event in workflow.history)


def _told_by(connection: psycopg.Connection, workflow_id: str) -> Counter[str]:
    return Counter(_event(event.type, event.task, event.data) for event in history(connection, workflow_id))


_REFERENCES = frozenset({"from", "in", "start", "output_from", "timer", "ends_jobs", "settles"})
"""Numbers of events: branches that run side by side may come in another order."""

_OWN = frozenset({"token", "due_at", "child", "parent", "ends_child", "received", "cloud_event"})
"""What is another each time that a workflow runs."""


_DIFFERENT = {
    r"(effect|count)': \d+": "counted",
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "ID",
    r"\d{4}-\d\d-\d\dT[0-9:.]+Z": "TIME",
}


def _event(type_: str, task: str | None, data: dict[str, Any]) -> str:
    told = {name: value for name, value in data.items() if name not in _REFERENCES | _OWN}
    if "error" in told:
        told["error"] = {**told["error"], "detail": "in other words"}
    if "arguments" in told:
        told["arguments"] = "evaluated"
    if told.get("kind") == "call" or type_ == "task.completed":
        told.pop("result", None)
    text = f"{type_} {task} {sorted(told.items())}"
    for pattern, stands_for in _DIFFERENT.items():
        text = re.sub(pattern, stands_for, text)
    return text
