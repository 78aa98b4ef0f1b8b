"""Secrets reach the service that is called, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from aiohttp import web

from tests.conftest import InProcessWorker
from tests.support.serving import serving
from tests.support.waiting import eventually
from tests.support.workflows import are_ended, define, start, workflow

CANARY = "canary-0123456789"


class Service:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[tuple[str, str, str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request.path_qs, request.headers.get("X-Token", ""), await request.text()))
        return web.json_response({"ok": True})


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    one = Service()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", one.answer)
    async with serving(app) as port:
        one.url = f"http://127.0.0.1:{port}"
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "service").write_text(f'{{"token": "{CANARY}"}}')
    return tmp_path


async def _run(
    connection: psycopg.Connection,
    worker: InProcessWorker,
    folder: Path,
    do: list[dict[str, object]],
    declared: list[str],
) -> dict[str, object]:
    define(connection, do, use={"secrets": declared})
    started = start(connection, input={"path": "p"})
    async with worker(secrets_dir=folder):
        await eventually(lambda: are_ended(connection, [started]), seconds=10)
    return workflow(connection, started)


def _call(url: str, **arguments: object) -> list[dict[str, object]]:
    return [{"c": {"call": "http", "with": {"method": "post", "endpoint": url, **arguments}}}]


async def test_a_secret_goes_into_every_part_of_a_request_and_into_no_table(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, folder: Path, service: Service
) -> None:
    do = _call(
        service.url + "/{path}?t=${ $secrets.service.token | @uri }",
        headers={"X-Token": "${ $secrets.service.token }"},
        body={"deep": [{"text": '<${ $secrets["service"].token + .path }>'}]},
    )
    row = await _run(connection, in_process_worker, folder, do, ["service"])
    assert row["status"] == "COMPLETED", row["error"]
    assert service.seen == [(f"/p?t={CANARY}", CANARY, f'{{"deep":[{{"text":"<{CANARY}p>"}}]}}')]
    for table in ("events", "workflows", "jobs", "definitions"):
        found = connection.execute(f"select t::text from pgworker.{table} t").fetchall()
        assert not any(CANARY in text for (text,) in found), table


@pytest.mark.parametrize(
    ("expression", "declared"),
    [
        ("${ $secrets.service.token }", []),
        ("${ $secrets.other }", ["service", "other"]),
        ('${ $secrets | keys | join(",") }', ["service", "other"]),
    ],
    ids=["not declared", "not there", "one of all is not there"],
)
async def test_a_secret_that_is_not_declared_or_not_there_is_refused(
    connection: psycopg.Connection,
    in_process_worker: InProcessWorker,
    folder: Path,
    service: Service,
    *,
    expression: str,
    declared: list[str],
) -> None:
    do = _call(service.url, headers={"X-Token": expression})
    row = await _run(connection, in_process_worker, folder, do, declared)
    assert row["status"] == "FAILED"
    error = row["error"]
    assert isinstance(error, dict)
    assert (error["status"], error["instance"]) == (403, "/do/0/c")
    assert service.seen == []


async def test_what_an_expression_made_of_a_secret_is_not_told_when_it_fails(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, folder: Path, service: Service
) -> None:
    do = _call(service.url, headers={"X-Token": "${ $secrets.service.token | error }"})
    row = await _run(connection, in_process_worker, folder, do, ["service"])
    assert CANARY not in str(row["error"])
    assert "an expression that reads secrets failed" in str(row["error"])


async def test_history_takes_no_secrets(
    connection: psycopg.Connection, in_process_worker: InProcessWorker, folder: Path
) -> None:
    do: list[dict[str, object]] = [{"s": {"set": {"x": "${ $secrets.service.token }"}}}]
    row = await _run(connection, in_process_worker, folder, do, ["service"])
    error = row["error"]
    assert isinstance(error, dict)
    assert (row["status"], error["status"]) == ("FAILED", 403)
