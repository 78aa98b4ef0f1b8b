"""The command, as people run it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_OTHERS = ("PGWORKER_", "PG", "DATABASE_URL", "LOG_LEVEL", "CONCURRENCY", "WORKER_ID", "XDG_", "NO_COLOR")


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> object:
        """The one JSON value on stdout."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[dict[str, object]]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


class Command:
    """Runs pgworker in a folder, with nothing of this environment but what is said here."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
        top = str(Path(__file__).resolve().parents[2])
        self.environment = clean | {"PYTHONPATH": top, "COLUMNS": "200"} | environment

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Answer:
        done = subprocess.run(
            self.line(arguments),
            cwd=self.folder,
            env=self.environment | environment,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Answer(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Starts a command and returns at once."""
        return subprocess.Popen(
            self.line(arguments),
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "pgworker", *arguments]


@pytest.fixture
def bare(tmp_path: Path) -> Command:
    """pgworker without a database."""
    return Command(tmp_path, {"HOME": str(tmp_path)})


@pytest.fixture
def pgworker(tmp_path: Path, database_url: str, listen_url: str | None) -> Command:
    """pgworker with a database that is migrated and empty."""
    environment = {"HOME": str(tmp_path), "PGWORKER_DATABASE_URL": database_url}
    if listen_url is not None:
        environment["PGWORKER_LISTEN_URL"] = listen_url
    return Command(tmp_path, environment)


def _document(name: str, tasks: str) -> str:
    return f"document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0'}}\ndo:\n{tasks}"


DOCUMENTS = {
    "hello.yaml": _document("hello", '  - greet: {set: {greeting: "${ \\"Hello \\" + .name }"}}\n'),
    "echo.yaml": _document("echo", "  - echo: {set: '${ . }'}\n"),
    "fails.yaml": _document(
        "fails",
        "  - boom:\n"
        "      raise: {error: {type: 'https://example.com/b', status: 418, title: Boom, detail: no tea}}\n",
    ),
    "waits.yaml": _document("waits", "  - nap: {wait: {hours: 1}}\n"),
    "bad.yaml": _document("bad", "  - first: {sett: {}}\n"),
}


@pytest.fixture(autouse=True)
def _documents(tmp_path: Path) -> None:
    for name, text in DOCUMENTS.items():
        (tmp_path / name).write_text(text)
