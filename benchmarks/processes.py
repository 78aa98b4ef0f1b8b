"""The processes that are measured and the ones that help: each is ended by its pid, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
_STOP_SECONDS = 15.0


@contextmanager
def process(
    module: str,
    arguments: Sequence[str] = (),
    environment: dict[str, str] | None = None,
    python: str | Path = sys.executable,
) -> Iterator[subprocess.Popen[str]]:
    """A Python process that runs a module of ours, until the block ends; its stdin and stdout are pipes."""
    running = subprocess.Popen(
        [python, "-m", module, *arguments],
        cwd=_CHECKOUT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        for pipe in (running.stdin, running.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def workers(
    url: str, count: int, profiles: Path | None, **settings: float | str
) -> Iterator[list[subprocess.Popen[str]]]:
    """So many worker processes; nothing of the caller's own ``PGWORKER_`` settings reaches them.

    Below the folder ``profiles``, if there is one, each leaves its profile.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PGWORKER_")}
    environment["PGWORKER_DATABASE_URL"] = url
    environment["PGWORKER_HTTP_ALLOW_PRIVATE"] = "127.0.0.0/8"
    environment |= {f"PGWORKER_{name.upper()}": str(value) for name, value in settings.items()}
    with ExitStack() as stack:
        started: list[subprocess.Popen[str]] = []
        for _ in range(count):
            left = sum(1 for _ in profiles.iterdir()) + len(started) if profiles is not None else 0
            arguments = [] if profiles is None else [str(profiles / f"{left}.prof")]
            started.append(stack.enter_context(process("benchmarks.worker", arguments, environment)))
        yield started


@contextmanager
def stub() -> Iterator[str]:
    """A service that answers at once: its URL."""
    with process("benchmarks.stub") as running:
        assert running.stdout is not None
        port = running.stdout.readline().strip()
        if not port:
            raise RuntimeError("the stub service did not come up")
        yield f"http://127.0.0.1:{port}"
