"""What the documents show can be done: every command, statement, document and test in them is run.

A block that cannot be run has a comment before it, ``<!-- not run: why -->``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from pgworker.dsl.compile import compile_document
from pgworker.dsl.load import load
from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.conftest import WorkerFactory
from tests.support.blocks import Block, blocks_of
from tests.support.server import free_port
from tests.support.waiting import until
from tests.support.workflows import define, ended, start

ROOT = Path(__file__).parents[2]
GUIDES = [
    path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "README.md"]
    # a map, and a guide whose samples belong together: tests/docs/test_functions.py runs them
    if path.name not in ("architecture.md", "functions.md")
]
BLOCKS = [block for guide in GUIDES for block in blocks_of(guide)]
RUN = {"sh", "sql", "python", "yaml"}
SHOWN = {"json", "text", "mermaid", "ini"}
"""What is only to be read."""

ID = re.compile(r"01980f2e-\.\.\.|\bID\b")
HEADER = "document: {dsl: 1.0.3, namespace: default, name: sample, version: 1.0.0}\n"
LASTING = re.compile(r"pgworker (worker|dev|executor)\b")
_WORKS = re.compile(r"started|listening|working", re.IGNORECASE)
TARGETS = re.compile(r"^([a-z]+):", re.MULTILINE)


def of(language: str) -> pytest.MarkDecorator:
    blocks = [block for block in BLOCKS if block.language == language and block.reason is None]
    assert blocks
    return pytest.mark.parametrize("block", blocks, ids=lambda block: block.place)


def test_every_block_is_run_or_says_why_it_is_not() -> None:
    assert {block.language for block in BLOCKS} <= RUN | SHOWN
    unrun = {block.place: block.reason for block in BLOCKS if block.reason is not None}
    assert all(len(str(reason)) > 10 for reason in unrun.values())
    assert len(unrun) < len(BLOCKS) / 5, unrun


@of("yaml")
def test_yaml_is_a_document_or_a_part_of_one(block: Block) -> None:
    text = block.text
    if re.match(r"call:", text):
        text = "do:\n- sample:\n" + _indented(text, 4)
    elif re.match(r"(basic|bearer|digest|oauth2|oidc):", text):
        policy = _indented(text, 6)
        text = (
            f"use:\n  secrets: [shop]\n  authentications:\n    sample:\n{policy}do:\n- s: {{set: {{n: 1}}}}\n"
        )
    elif not re.search(r"^do:", text, re.MULTILINE):
        text += "do:\n- sample: {set: {n: 1}}\n"
    if not re.search(r"^document:", text, re.MULTILINE):
        text = HEADER + text
    assert compile_document(load(text, block.place)).warnings == ()


def _indented(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in text.splitlines())


@of("python")
def test_python_runs(block: Block, tmp_path: Path, database_url: str, worker_process: WorkerFactory) -> None:
    """Tests are run by pytest; a program has a database, a worker and a definition to talk to."""
    is_test = "def test_" in block.text
    script = tmp_path / ("test_sample.py" if is_test else "sample.py")
    script.write_text(block.text)
    if not is_test:
        _populate(database_url, worker_process)
    line = [
        sys.executable,
        *(["-m", "pytest", "-q", "-p", "no:cacheprovider"] if is_test else []),
        str(script),
    ]
    environment = _environment(database_url, tmp_path)
    ran = subprocess.run(
        line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@of("sql")
def test_sql_runs(
    block: Block, connection: psycopg.Connection, database_url: str, worker_process: WorkerFactory
) -> None:
    done, going = _populate(database_url, worker_process)
    connection.execute("create table orders (id integer primary key, item text)")
    connection.execute("set search_path to pgworker, public")
    for statement in block.statements:
        is_steering = re.search(r"append_event|insert into (pgworker\.)?events|pause|cancel", statement)
        connection.execute(ID.sub(going if is_steering else done, statement))


@of("sh")
def test_commands_run(
    block: Block,
    connection: psycopg.Connection,
    database_url: str,
    tmp_path: Path,
    worker_process: WorkerFactory,
) -> None:
    done, going = _populate(database_url, worker_process, "served")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    environment = _environment(database_url, tmp_path)
    targets = set(TARGETS.findall((ROOT / "Makefile").read_text()))
    for line in block.lines:
        if line.startswith("make "):
            wanted = [word for word in line.split()[1:] if "=" not in word and not word.startswith("-")]
            assert set(wanted) <= targets, line
        elif line.startswith("export "):
            names = re.findall(r"(\w+)=(\S+)", line)
            environment |= {name: value for name, value in names if name != "PGWORKER_DATABASE_URL"}
        elif LASTING.search(line):
            _lasts(line, environment, tmp_path)
        elif "pgworker import" in line:  # where the workflow comes from it is already
            _runs(line, environment | {"PGWORKER_SCHEMA": "elsewhere"}, tmp_path)
        else:
            _runs(ID.sub(going if "pause" in line else done, line), environment, tmp_path)


def _populate(url: str, worker_process: WorkerFactory, served: str = "order") -> tuple[str, str]:
    """What documents speak of: an order that has been served, and one that waits."""
    with psycopg.connect(url, autocommit=True) as connection:
        migrate(Database(url, "elsewhere"))
        define(connection, [{f"s{n}": {"set": {"n": n}}} for n in range(20)], name=served)
        define(connection, [{"nap": {"wait": {"hours": 1}}}], name="nap")
        worker_process()
        done, going = start(connection, served), start(connection, "nap")
        ended(connection, done)
    return done, going


def _environment(url: str, folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DATABASE"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return clean | {"PGWORKER_DATABASE_URL": url, "PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT)}


def _runs(line: str, environment: dict[str, str], folder: Path) -> None:
    ran = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"


def _lasts(line: str, environment: dict[str, str], folder: Path) -> None:
    """A command that works until it is stopped, and stops in peace."""
    line = re.sub(r"--port \d+", f"--port {free_port()}", line.rstrip(" &"))
    log = folder / "lasting.log"
    with (
        log.open("w") as opened,
        subprocess.Popen(
            ["bash", "-c", f"exec env {line}"], cwd=folder, env=environment, stdout=opened, stderr=opened
        ) as process,
    ):
        try:
            until(lambda: process.poll() is not None or _WORKS.search(log.read_text()), seconds=30, what=line)
            assert process.poll() is None, f"{line}\n{log.read_text()}"
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, f"{line}\n{log.read_text()}"
        finally:
            process.kill()
