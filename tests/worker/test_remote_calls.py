"""Calls by gRPC, MCP and A2A, as workflows make them: their outputs and keys, and what secrets leave."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg

from tests.conftest import WorkerFactory
from tests.support.agent import agent_at_work
from tests.support.greeter import MOOD, PROTO, greeting
from tests.support.oracle import violations
from tests.support.processes import WorkerProcess
from tests.support.tools import PROGRAM, ROOT, serving
from tests.support.workflows import define, has_ended, history, start

CANARY = "canary-that-nobody-may-see"
USE = {"secrets": ["shop"], "authentications": {"shop": {"bearer": {"use": "shop"}}}}


def a_worker(worker_process: WorkerFactory, folder: Path) -> WorkerProcess:
    for name in ("secrets", "resources", "resources/shared"):
        (folder / name).mkdir()
    (folder / "secrets" / "shop").write_text(json.dumps({"token": CANARY}))
    (folder / "resources" / "greet.proto").write_text(PROTO)
    (folder / "resources" / "shared" / "mood.proto").write_text(MOOD)
    return worker_process(
        secrets_dir=folder / "secrets", resources_dir=folder / "resources", run_allow="script, shell"
    )


def kept(connection: psycopg.Connection, worker: WorkerProcess) -> str:
    """All that remains of what happened: every table's rows, and the log."""
    tables = ("events", "workflows", "jobs", "cloud_events")
    rows = [connection.execute(f"select t::text from pgworker.{table} t").fetchall() for table in tables]
    return str(rows) + worker.log


def echoing(transport: dict[str, Any]) -> dict[str, Any]:
    parameters = {"name": "echo", "arguments": {"text": "${ .text }"}}
    return {
        "call": "mcp",
        "with": {"method": "tools/call", "parameters": parameters, "transport": transport},
        "output": {"as": "${ {text: .structuredContent.result} }"},
    }


async def test_every_kind_of_remote_call_is_made_with_its_secrets_and_keeps_none(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    worker = a_worker(worker_process, tmp_path)
    async with greeting() as greeter, serving() as tools, agent_at_work() as agent:
        service = {"name": "GreeterApi.Greeter", "host": "127.0.0.1", "port": greeter.port}
        greet = {
            "call": "grpc",
            "with": {
                "proto": {"endpoint": "file://greet.proto"},
                "service": service | {"authentication": {"use": "shop"}},
                "method": "Chat",
                "arguments": "${ [.names[] | {name: .}] }",
            },
            "output": {"as": '${ {text: (map(.message) | join(", "))} }'},
        }
        over_http = echoing({"http": {"endpoint": tools.url, "headers": {"X-T": "${ $secrets.shop.token }"}}})
        environment = {"PYTHONPATH": str(ROOT), "T": "${ $secrets.shop.token }"}
        command = {"command": sys.executable, "arguments": PROGRAM[1:], "environment": environment}
        over_stdio = echoing({"stdio": command})
        server = {"uri": agent.url, "authentication": {"use": "shop"}}
        parts = [{"kind": "text", "text": "${ .text }"}]
        send = {
            "call": "a2a",
            "with": {"method": "message/send", "server": server, "parameters": {"message": {"parts": parts}}},
        }
        tasks = [{"greet": greet}, {"http": over_http}, {"stdio": over_stdio}, {"send": send}]
        define(connection, tasks, use=USE)
        started = start(connection, input={"names": ["Ada", "Ben"]})
        row = await has_ended(connection, started)
    assert row["status"] == "COMPLETED", row["error"]
    assert row["output"]["artifacts"] == [{"parts": [{"kind": "text", "text": "Hello Ada, Hello Ben"}]}]
    assert greeter.seen[0]["authorization"] == f"Bearer {CANARY}"
    assert agent.headers[0]["authorization"] == f"Bearer {CANARY}"
    assert {seen["x-t"] for seen in tools.seen} == {CANARY}
    keys = [f"{started}:{event.seq}" for event in history(connection, started) if "activity" in event.data]
    assert greeter.seen[0]["idempotency-key"] == keys[0]
    assert {seen["idempotency-key"] for seen in tools.seen} == {keys[1]}
    assert agent.headers[0]["idempotency-key"] == keys[3]
    assert CANARY not in kept(connection, worker)
    assert violations(connection) == []


async def test_a_status_of_grpc_can_be_caught_and_tried_again(
    connection: psycopg.Connection, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    a_worker(worker_process, tmp_path)
    async with greeting() as greeter:
        greet = {
            "call": "grpc",
            "with": {
                "proto": {"endpoint": "file://greet.proto"},
                "service": {"name": "Greeter", "host": "127.0.0.1", "port": greeter.port},
                "method": "SayHello",
                "arguments": {"name": "code UNAVAILABLE busy"},
            },
        }
        errors = {"with": {"status": 503}}
        retry = {"delay": "PT0.01S", "limit": {"attempt": {"count": 2}}}
        catch = {
            "errors": errors,
            "retry": retry,
            "do": [{"give": {"set": {"detail": "${ $error.detail }"}}}],
        }
        define(connection, [{"try": {"try": [{"greet": greet}], "catch": catch}}])
        row = await has_ended(connection, start(connection))
    assert row["output"]["detail"].endswith("ended with UNAVAILABLE: busy"), row
    assert len({seen["idempotency-key"] for seen in greeter.seen}) == 3
