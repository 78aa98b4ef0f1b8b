"""An executor in a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN = "t0ken"
ROOT = Path(__file__).parents[2]


@contextmanager
def executor(
    port: int = 0, concurrency: int = 10, log: list[str] | None = None, **environment: str
) -> Iterator[str]:
    """An executor process, and its URL; what it has logged comes into ``log`` in the end."""
    settings = {
        "PGWORKER_EXECUTOR_TOKEN": TOKEN,
        "PGWORKER_CONCURRENCY": str(concurrency),
        "PGWORKER_HTTP_ALLOW_PRIVATE": "127.0.0.0/8",
        "PGWORKER_LOG_FORMAT": "json",
        "PATH": "/usr/bin:/bin",
        **environment,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "pgworker", "executor", "--port", str(port)],
        cwd=ROOT, env=settings, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r'"port": (\d+)', said)
        assert found is not None, said
        yield f"http://127.0.0.1:{found[1]}/"
    finally:
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=20)
        if log is not None:
            log += logged.splitlines()


def posted(url: str, body: object, token: str = TOKEN) -> tuple[int, dict[str, object]]:
    """What an executor answers: the status, and the JSON."""
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Authorization": f"Bearer {token}"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
