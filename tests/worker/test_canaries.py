"""Five hundred secrets by every way and into every failure: none is left in database, log, trace or error.

Each case has a secret of its own, which the service that is called repeats in whatever way the case is about:
as it is, in JSON, in a URL, in hexadecimal digits, in base64. All canaries begin alike, so that what is left
behind can be looked for once, and is found even where it was cut short.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conftest import WorkerFactory
from tests.support.canaries import CASES, KEPT, MARK, READ, Service, api, secret_of, written
from tests.support.collector import Collector
from tests.support.serving import serving
from tests.support.waiting import eventually
from tests.support.workflows import are_ended, define, start, workflow


def marks() -> Iterator[bytes]:
    """How the beginning of a canary looks in each encoding."""
    mark = MARK.encode()
    yield from (mark, mark.hex().encode(), mark.hex().upper().encode())
    for before in range(3):
        digits = base64.b64encode(bytes(before) + mark).decode().rstrip("=")
        yield digits[-(-before * 4 // 3) : (before + len(mark)) * 4 // 3].encode()


def everything(connection: psycopg.Connection) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of every schema of ours, as text."""
    tables = connection.execute(
        "select quote_ident(table_schema) || '.' || quote_ident(table_name) from information_schema.tables"
        " where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
    ).fetchall()
    assert len(tables) > 5
    for (table,) in tables:
        for (row,) in connection.execute(f"select t::text from {table} t".encode()).fetchall():
            yield table, row.encode()


def found_in(content: bytes) -> bytes | None:
    """A mark in the content, with what is around it."""
    for mark in marks():
        place = content.find(mark)
        if place >= 0:
            return content[max(place - 200, 0) : place + 100]
    return None


def test_a_canary_is_found_in_every_spelling() -> None:
    text = CASES[7].canary
    for spelled in (text, quote(text), text.encode().hex(), json.dumps(text)):
        assert found_in(b"x" + spelled.encode()) is not None
    for before in range(5):
        assert found_in(base64.b64encode(b"." * before + text.encode())) is not None
    assert found_in(b"nothing of the kind") is None


async def test_no_secret_is_left_behind(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    assert len(CASES) >= 500
    folder = tmp_path / "secrets"
    folder.mkdir()
    resources = tmp_path / "resources"
    resources.mkdir()
    collector = Collector()
    async with Service().open() as service, serving(collector.application) as port:
        (resources / "api.json").write_text(json.dumps(api(service.url)))
        for case in CASES:
            (folder / case.secret).write_text(secret_of(case, service.url))
        worker = worker_process(
            secrets_dir=folder,
            resources_dir=resources,
            log_level="DEBUG",
            http_allow_private="127.0.0.0/8",
            concurrency=20,
            otel_endpoint=f"http://127.0.0.1:{port}",
        )
        use = {"secrets": [case.secret for case in CASES]}
        started = []
        for way in (*READ, *KEPT):
            tasks = [{f"try{case.number}": written(case, service.url)} for case in CASES if case.way == way]
            name = "way-" + way.replace(" ", "-")
            started.append(start(connection, define(connection, tasks, name=name, use=use)))
        await eventually(lambda: are_ended(connection, started), seconds=100, what="the end of all of them")
        await eventually(lambda: len(_workflows(collector)) == len(started), what="the traces")
    for one in started:
        row = workflow(connection, one)
        assert row["status"] == "COMPLETED", row["error"]
    assert service.reached == {case.number for case in CASES}
    left = [(table, found) for table, row in everything(connection) if (found := found_in(row))]
    assert left == []
    assert found_in(worker.log.encode()) is None
    assert len([span for span in collector.spans if span.name.startswith("http ")]) > 300
    assert found_in(collector.raw) is None


def _workflows(collector: Collector) -> list[Span]:
    return [span for span in collector.spans if span.name.startswith("workflow ")]
