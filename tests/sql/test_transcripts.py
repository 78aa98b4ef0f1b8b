"""Transcripts: what people do in psql, and what it answers, while a worker runs."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pgworker.store.postgres_programs import installed_programs
from tests.conftest import WorkerFactory
from tests.support.stub import Stub

FOLDER = Path(__file__).resolve().parents[1] / "transcripts"
PROMPT = "=> "
WRITES = "PGWORKER_WRITE_TRANSCRIPTS" in os.environ
"""For who has added to a transcript and wants to read what comes of it: it is written anew."""

SECONDS = 1.0 if WRITES else 10.0
"""How long an answer may be another one at first: the worker has to come by."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+\d\d")
_EFFECT = re.compile(r'(\\?"effect\\?": )\d+')  # the service counts the calls of other tests, too
_END = "--- end of the answer ---"


class Psql:
    """One session of psql, which reads commands as from a file."""

    def __init__(self, url: str, **variables: str) -> None:
        arguments = [f"--set={name}={value}" for name, value in variables.items()]
        self._process = subprocess.Popen(
            [installed_programs() / "psql", "-X", "-q", "-P", "footer=off", *arguments, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            env=os.environ | {"PGOPTIONS": "-c client_min_messages=warning"},
        )

    def answer(self, command: str) -> list[str]:
        """What it prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n\\echo {_END}\n")
        lines = []
        while (line := self._process.stdout.readline().rstrip()) != _END:
            assert self._process.poll() is None, lines
            lines.append(line)
        return lines

    def close(self) -> None:
        """Ends it."""
        self._process.communicate("\\q\n", timeout=10)


@pytest.fixture
def psql(direct_url: str, stub: Stub) -> Iterator[Psql]:
    session = Psql(direct_url, stub=stub.url)
    yield session
    session.close()


@pytest.mark.parametrize("transcript", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_psql_answers_as_the_transcript_says(
    psql: Psql, worker_process: WorkerFactory, stub: Stub, transcript: Path
) -> None:
    worker_process(poll_seconds=0.2)
    heading, *steps = transcript.read_text().split(f"\n{PROMPT}")
    port = str(urlsplit(stub.url).port)
    happened, written = heading, transcript.read_text()
    for step in steps:
        command, expected = _parts(step)
        until = time.monotonic() + SECONDS
        while True:
            answer = "\n".join(_plain(line, port) for line in psql.answer(command))
            if answer.strip() == expected.strip() or not _may_be_asked_again(command):
                break
            if time.monotonic() > until:
                break
            time.sleep(0.05)
        happened += f"\n{PROMPT}{command}\n{answer}".rstrip() + "\n"
    if WRITES:
        transcript.write_text(happened)
    assert happened.split("\n") == written.split("\n")


def _parts(step: str) -> tuple[str, str]:
    """A command, up to the line that ends it, and the answer to it."""
    lines = step.split("\n")
    last = next(n for n, line in enumerate(lines) if line.endswith((";", "\\gset")))
    return "\n".join(lines[: last + 1]), "\n".join(lines[last + 1 :])


def _may_be_asked_again(command: str) -> bool:
    """Whether a command looks at relations only: what it does it does not do twice."""
    return command.startswith("select") and " from " in command


def _plain(line: str, port: str) -> str:
    line = _TIME.sub("<time>", _UUID.sub("<id>", line)).replace(port, "<port>")
    line = _EFFECT.sub(r"\1<count>", line)
    return re.sub(r"-{2,}", "--", re.sub(r" {2,}", " ", line)).strip()
