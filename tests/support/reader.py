"""A reader, who does what a document says: in one shell, in one psql, in a folder of his own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pgworker.dsl.compile import compile_document
from pgworker.dsl.load import load
from tests.support.blocks import Block
from tests.support.samples import Sample, run_sample, whole

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 60.0
_STRANGE = ("PGWORKER_", "PG", "DATABASE_URL", "MAKE", "MFLAGS", "XDG_")
"""Settings of whoever runs the tests are none of the reader's."""


class Session:
    """A program that reads commands from its input, and says when it has carried one out."""

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._count = 0
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def answer(self, command: str, echo: str) -> str:
        """What it writes, up to what ``echo`` has it say at the end; fails if it ends or takes too long."""
        self._count += 1
        end = f"--- end of answer {self._count} ---"
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n{echo} {end}\n".encode())
        self._process.stdin.flush()
        return heard(self._process, end)

    def close(self) -> None:
        """Ends it, and what it has left in the background."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        stop(self._process)


def heard(process: subprocess.Popen[bytes], text: str) -> str:
    """What the process writes up to a text; fails if it ends before, or takes too long."""
    assert process.stdout is not None
    said, until = b"", time.monotonic() + _SECONDS
    while text.encode() not in said:
        # what it has left in the background keeps the pipe open when it ends
        code = process.poll()
        ready, _, _ = select.select([process.stdout], [], [], 0.1 if code is None else 0)
        more = os.read(process.stdout.fileno(), 65536) if ready else b""
        assert more or code is None, f"it ended with {code} before {text!r}:\n{said.decode()}"
        assert time.monotonic() < until, f"{text!r} did not come within {_SECONDS:g} s:\n{said.decode()}"
        said += more
    return said.decode().partition(text)[0]


def stop(process: subprocess.Popen[bytes]) -> int:
    """Tells the process and all that it has started to end; returns its exit code."""
    with ExitStack() as after:
        if process.stdout is not None:
            after.callback(process.stdout.close)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            return process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


class Reader:
    """Carries out blocks; ports that documents name are exchanged for free ones by ``ports``."""

    def __init__(self, folder: Path, url: str, ports: Mapping[int, int], programs: Path) -> None:
        self._folder = folder
        self._url = url
        self._ports = ports
        self._environment = _environment(folder, url, programs)
        self._shell: Session | None = None
        self._psql: Session | None = None
        (folder / "examples").symlink_to(ROOT / "examples")

    def follow(self, block: Block) -> None:
        """Carries out a block; fails if that cannot be done, or comes to something else than it says."""
        text = self._with_our_ports(block.text)
        match block.language:
            case "sh" if block.serves is not None:
                self._serve(text, block.serves)
            case "sh":
                self._run_in_shell(text)
            case "sql":
                self._run_in_psql(text)
            case "python":
                self._run_in_python(text)
            case "yaml":
                self._try_document(text)
            case "json":
                json.loads(text)

    def close(self) -> None:
        """Ends the sessions."""
        for session in (self._shell, self._psql):
            if session is not None:
                session.close()

    def _with_our_ports(self, text: str) -> str:
        for named, ours in self._ports.items():
            text = re.sub(rf"(?<!\d){named}(?!\d)", str(ours), text)
        return text

    def _run_in_shell(self, text: str) -> None:
        if self._shell is None:
            self._shell = Session(["bash"], self._folder, self._environment)
            self._shell.answer("set -euo pipefail", "echo")
        script = self._folder / ".block.sh"
        script.write_text(text)
        self._shell.answer(f"source {script} < /dev/null", "echo")

    def _run_in_psql(self, text: str) -> None:
        if self._psql is None:
            options = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-P", "pager=off"]
            self._psql = Session(
                [sys.executable, "-m", "pgworker", "psql", *options], self._folder, self._environment
            )
        self._psql.answer(text, "\\echo")

    def _run_in_python(self, text: str) -> None:
        is_test = "def test_" in text
        script = self._folder / ("test_sample.py" if is_test else "sample.py")
        script.write_text(text)
        arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if is_test else []
        done = subprocess.run(
            [sys.executable, *arguments, script],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _serve(self, text: str, sign: str) -> None:
        # the shell outlives the signal, and tells how the command ended
        process = subprocess.Popen(
            ["bash", "-c", f"trap : TERM\n{text}"],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            heard(process, sign)
        finally:
            code = stop(process)
        assert code == 0

    def _try_document(self, text: str) -> None:
        document = whole(text)
        compiled = compile_document(load(document, "sample.yaml"))
        assert compiled.warnings == ()
        if document is not text:
            return
        (self._folder / f"{compiled.plan.name}.yaml").write_text(text)
        sample = Sample.read(text)
        assert sample is not None, "a whole document says in comments what comes of it: # output: ..."
        run_sample(sample, self._url)


def _environment(folder: Path, url: str, programs: Path) -> dict[str, str]:
    ours = folder / "bin"
    ours.mkdir()
    make = ours / "make"
    # make would install, build and test; asked what it would do it still knows its targets
    make.write_text(f'#!/bin/sh\nPATH="{os.environ["PATH"]}" exec make --dry-run -C "{ROOT}" "$@"\n')
    make.chmod(0o755)
    path = f"{ours}:{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {name: value for name, value in os.environ.items() if not name.startswith(_STRANGE)} | {
        "PATH": path,
        "HOME": str(folder),
        "PGWORKER_DATABASE_URL": url,
    }


@contextmanager
def reading(folder: Path, url: str, ports: Mapping[int, int], programs: Path) -> Iterator[Reader]:
    """A reader whose sessions end with the block; ``programs`` is a folder of programs for it."""
    reader = Reader(folder, url, ports, programs)
    try:
        yield reader
    finally:
        reader.close()
