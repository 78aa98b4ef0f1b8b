"""What definitions refer to outside of themselves is loaded once, and kept with them."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex

import psycopg

from tests.conftest import InProcessWorker
from tests.support.waiting import eventually
from tests.support.workflows import are_ended, define, start, workflow

FUNCTION = """
input: {schema: {document: {type: object, required: [message]}}}
do:
  - say: {set: {said: "${ .message }"}}
"""


def _call(folder: Path, function: str = "log:1.0.0@here") -> dict[str, object]:
    catalog = {"here": {"endpoint": {"uri": f"file://{folder}"}}}
    return {
        "do": [{"log": {"call": function, "with": {"message": "${ .text }"}}}],
        "use": {"catalogs": catalog},
    }


def _write(folder: Path, text: str = FUNCTION) -> Path:
    path = folder / "functions" / "log" / "1.0.0" / "function.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def test_a_function_of_a_catalog_is_what_it_was_when_it_was_first_needed(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, tmp_path: Path
) -> None:
    written = _write(tmp_path)
    define(connection, **_call(tmp_path))
    first = start(connection, input={"text": "hello"})
    async with in_process_worker(resources_dir=tmp_path):
        await eventually(lambda: are_ended(connection, [first]), seconds=10)
    assert workflow(connection, first)["output"] == {"said": "hello"}
    written.unlink()
    second = start(connection, input={"text": "again"})
    async with in_process_worker():
        await eventually(lambda: are_ended(connection, [second]), seconds=10)
    assert workflow(connection, second)["output"] == {"said": "again"}


async def test_a_schema_may_be_an_external_resource(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, tmp_path: Path
) -> None:
    (tmp_path / "schema.json").write_text('{"type": "object", "required": ["n"]}')
    schema = {"resource": {"endpoint": f"file://{tmp_path}/schema.json"}}
    define(connection, [{"s": {"set": {"x": 1}}}], input={"schema": schema})
    good, bad = start(connection, input={"n": 1}), start(connection, input={"m": 1})
    async with in_process_worker(resources_dir=tmp_path):
        await eventually(lambda: are_ended(connection, [good, bad]), seconds=10)
    assert workflow(connection, good)["output"] == {"x": 1}
    assert "required" in workflow(connection, bad)["error"]["detail"]


async def test_what_cannot_be_loaded_fails_its_workflows_and_keeps_no_other_waiting(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, tmp_path: Path
) -> None:
    define(connection, name="broken", **_call(tmp_path))
    define(connection, [{"s": {"set": {"x": 1}}}], name="sound")
    broken, sound = start(connection, "broken"), start(connection, "sound")
    async with in_process_worker(resources_dir=tmp_path):
        await eventually(lambda: are_ended(connection, [sound]), seconds=5)
        assert workflow(connection, broken)["status"] in ("PENDING", "RUNNING")
        await eventually(lambda: are_ended(connection, [broken]), seconds=10)
    error = workflow(connection, broken)["error"]
    assert (error["status"], workflow(connection, broken)["status"]) == (400, "FAILED")
    assert "function.yaml" in error["detail"]


async def test_a_function_that_is_wrong_is_told_where_it_is_called(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, tmp_path: Path
) -> None:
    _write(tmp_path, "nonsense: {a: 1}")
    define(connection, **_call(tmp_path))
    started = start(connection)
    async with in_process_worker(resources_dir=tmp_path):
        await eventually(lambda: are_ended(connection, [started]), seconds=10)
    assert "is no kind of task" in workflow(connection, started)["error"]["detail"].replace(
        "is not a kind", "is no kind"
    )


async def test_what_the_database_will_not_keep_fails_its_workflows(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, tmp_path: Path
) -> None:
    """No index takes so long a URI."""
    folder = tmp_path
    for _ in range(14):
        folder /= token_hex(100)
    folder.mkdir(parents=True)
    (folder / "schema.json").write_text('{"type": "object"}')
    schema = {"resource": {"endpoint": f"file://{folder}/schema.json"}}
    define(connection, [{"s": {"set": {"x": 1}}}], input={"schema": schema})
    started = start(connection)
    async with in_process_worker(resources_dir=tmp_path):
        await eventually(lambda: are_ended(connection, [started]), seconds=10)
    assert "index" in workflow(connection, started)["error"]["detail"]
