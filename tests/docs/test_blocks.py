"""What the documents ask their readers to type is typed here, against a real server and a real worker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.support.blocks import RUN, SHOWN, blocks
from tests.support.commands import Commands
from tests.support.processes import WorkerProcess, Zygote
from tests.support.reader import ROOT, heard, reading, stop
from tests.support.server import Server, free_port
from tests.support.waiting import until

ELSEWHERE = ("functions.md",)
"""Guides whose blocks belong together in a way of their own, with a test beside this one."""

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")),
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name not in ELSEWHERE),
]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]

NOT_RUN = {
    "README.md": [
        "names a database of yours",
        "the specification is on another host; tests/conformance runs its kit",
    ],
    "docs/guides/deploying.md": [
        "a unit is for systemd",
        "needs Docker",
        "needs Kubernetes",
        "names hosts of yours",
    ],
    "docs/operating.md": ["a unit is for systemd", "names hosts of yours"],
}
"""Every block that no test carries out, by its document and the reason that stands above it."""

SHOP_PORT = 8085
OTHER_PORTS = (8090, 9090)
"""Ports that documents name: the shop's, and those that what they start listens on."""


@pytest.fixture(scope="module")
def database_url(server: Server) -> Iterator[str]:
    """One database for all documents."""
    name = "pgworker_documents"
    with server.connect(server.maintenance_dbname) as administration:
        administration.execute(f"create database {name}")
        migrate(Database(server.url(name)))
        yield server.url(name)
        administration.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module", autouse=True)
def worker(database_url: str, zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One worker for all documents: it may run processes, and call the shop."""
    environment = {
        "PGWORKER_DATABASE_URL": database_url,
        "PGWORKER_WORKER_ID": "reader",
        "PGWORKER_HTTP_ALLOW_PRIVATE": "127.0.0.0/8",
        "PGWORKER_RUN_ALLOW": "shell,script",
        "PGWORKER_SECRET_PETSTORE": '{"token": "a token for the documents"}',
        "PGWORKER_POLL_SECONDS": "0.2",
    }
    process = WorkerProcess(zygote, environment, tmp_path_factory.mktemp("worker") / "log")
    with psycopg.connect(database_url, autocommit=True) as connection:
        until(
            lambda: connection.execute("select from pgworker.workers").fetchone() is not None, what="a worker"
        )
    yield
    process.end()
    sys.stdout.write(process.log[-20_000:])


@pytest.fixture(scope="module")
def shop() -> Iterator[int]:
    """The port of the examples' shop."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.shop", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    heard(process, "the shop is open")
    yield port
    stop(process)


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The command that documents speak of."""
    commands = Commands(tmp_path_factory.mktemp("commands"))
    yield commands
    commands.close()


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_what_a_document_asks_to_type_can_be_typed(
    document: Path, database_url: str, shop: int, commands: Commands, tmp_path: Path
) -> None:
    ports = {SHOP_PORT: shop} | {port: free_port() for port in OTHER_PORTS}
    with reading(tmp_path, database_url, ports, commands.folder) as reader:
        for block in blocks(document):
            if block.not_run is None:
                try:
                    reader.follow(block)
                except Exception as error:
                    raise AssertionError(f"{block.place}: {error}") from error


def test_what_is_not_run_is_listed_here_with_its_reason() -> None:
    found = [
        (name, block.not_run)
        for name, document in zip(NAMES, DOCUMENTS, strict=True)
        for block in blocks(document)
        if block.not_run is not None
    ]
    assert sorted(found) == sorted((name, reason) for name, reasons in NOT_RUN.items() for reason in reasons)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_block_is_run_or_only_shows_something_or_says_why_it_is_not_run(document: Path) -> None:
    strange = [
        f"{block.place}: {block.language or 'no language'}"
        for block in blocks(document)
        if block.language not in RUN | SHOWN and block.not_run is None
    ]
    assert strange == []
