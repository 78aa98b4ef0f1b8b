"""Calls with credentials, as workflows make them: secrets leave the worker in a header, and nowhere else."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import WorkerFactory
from tests.support.processes import WorkerProcess
from tests.support.stub import Stub
from tests.support.workflows import define, ended, history, start

CANARY = "canary-that-nobody-may-see"


@pytest.fixture
def worker(worker_process: WorkerFactory, tmp_path: Path, stub: Stub) -> WorkerProcess:
    for folder in ("secrets", "resources"):
        (tmp_path / folder).mkdir()
    (tmp_path / "secrets" / "login").write_text(json.dumps({"username": "ada", "password": CANARY}))
    echo = {"operationId": "echo", "parameters": [{"name": "q", "in": "query"}]}
    document = {"openapi": "3.0.3", "servers": [{"url": stub.url}], "paths": {"/echo": {"get": echo}}}
    (tmp_path / "resources" / "api.json").write_text(json.dumps(document))
    return worker_process(secrets_dir=tmp_path / "secrets", resources_dir=tmp_path / "resources")


def kept(connection: psycopg.Connection, worker: WorkerProcess) -> str:
    """All that remains of what happened: every table's rows, and the log."""
    tables = ("events", "workflows", "jobs", "cloud_events")
    rows = [connection.execute(f"select t::text from pgworker.{table} t").fetchall() for table in tables]
    return str(rows) + worker.log


AUTHENTICATION = {"use": "login"}
USE = {"secrets": ["login"], "authentications": {"login": {"basic": {"use": "login"}}}}


def http(stub: Stub, authentication: Any = AUTHENTICATION) -> dict[str, Any]:
    endpoint = {"uri": f"{stub.url}/echo", "authentication": authentication}
    return {"call": "http", "with": {"method": "get", "endpoint": endpoint}}


def test_secrets_authenticate_calls_and_are_kept_nowhere(
    connection: psycopg.Connection, stub: Stub, worker: WorkerProcess
) -> None:
    with_document = {
        "document": {"endpoint": "file://api.json"},
        "operationId": "echo",
        "parameters": {"q": "tea"},
    }
    openapi = {
        "call": "openapi",
        "with": with_document | {"authentication": AUTHENTICATION, "output": "response"},
    }
    failing = http(stub)
    failing["with"]["endpoint"]["uri"] = f"{stub.url}/status/401"
    tasks = [{"one": http(stub)}, {"two": openapi}, {"three": failing}]
    define(connection, tasks, use=USE)
    started = start(connection)
    row = ended(connection, started)
    assert (row["status"], row["error"]["status"]) == ("FAILED", 401)
    first, second = [
        event.data["output"] for event in history(connection, started) if event.type == "task.completed"
    ]
    assert first["headers"]["authorization"] == "Basic ***"
    assert second["content"]["query"] == {"q": "tea"}
    assert second["request"]["headers"]["Authorization"] == "***"
    assert CANARY not in kept(connection, worker)
    assert "Y2FuYXJ5" not in kept(connection, worker)


@pytest.mark.parametrize("secret", ["login", "unknown"])
def test_a_secret_that_is_not_declared_or_not_there_fails_the_call(
    connection: psycopg.Connection, stub: Stub, worker: WorkerProcess, secret: str
) -> None:
    declared = [] if secret == "login" else [secret]
    define(connection, [{"ask": http(stub, {"bearer": {"use": secret}})}], use={"secrets": declared})
    row = ended(connection, start(connection))
    assert row["status"] == "FAILED"
    assert row["error"]["type"] == "https://serverlessworkflow.io/spec/1.0.0/errors/authorization"
    assert row["error"]["status"] == 403
    assert stub.effects() == []


@pytest.mark.parametrize(
    "written",
    [
        {"endpoint": "URL/echo", "headers": {"X-Tok": "${ $secrets.login.password }"}, "output": "response"},
        {"endpoint": "URL/echo?q=${ $secrets.login.password }"},
        {"endpoint": "URL/status/404/${ $secrets.login.password }"},
        {"endpoint": "http://${ $secrets.login.password }.invalid/"},
        {"endpoint": "${ $secrets.login.password }"},
        {"endpoint": "URL/echo", "method": "post", "body": {"p": "${ $secrets.login.password }"}},
        {
            "endpoint": {
                "uri": "URL/echo",
                "authentication": {"bearer": {"token": "${ $secrets.login.password }"}},
            }
        },
        {
            "endpoint": {
                "uri": "URL/echo",
                "authentication": {"basic": {"username": "u", "password": "${ $secrets.login.password }"}},
            }
        },
    ],
    ids=str,
)
def test_a_secret_in_the_arguments_of_a_call_comes_back_in_nothing_that_is_kept(
    connection: psycopg.Connection, stub: Stub, worker: WorkerProcess, written: dict[str, Any]
) -> None:
    arguments = json.loads(json.dumps({"method": "get", **written}).replace("URL", stub.url))
    define(connection, [{"c": {"call": "http", "with": arguments}}], use={"secrets": ["login"]})
    ended(connection, start(connection))
    everything = kept(connection, worker)
    assert CANARY not in everything
    assert b64encode(f"u:{CANARY}".encode()).decode() not in everything
