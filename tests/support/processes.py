"""Worker processes: started in milliseconds, signalled, and reaped by their ids."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


class Zygote:
    """The process that the workers are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.zygote"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fork(self, environment: dict[str, str], log: Path) -> int:
        """A new worker's process id."""
        pid = self._ask({"environment": environment, "log": str(log)})
        assert pid is not None
        return pid

    def reap(self, pid: int) -> int | None:
        """The exit code of a worker, None as long as it lives; negative for the signal that ended it."""
        return self._ask({"reap": pid})

    def close(self) -> None:
        """Ends it, and the workers that still live."""
        self._process.communicate(timeout=10)

    def _ask(self, command: dict[str, object]) -> int | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class WorkerProcess:
    """A worker in a process of its own; much like ``subprocess.Popen``."""

    def __init__(self, zygote: Zygote, environment: dict[str, str], log: Path) -> None:
        self._zygote = zygote
        self._log = log
        self.id = environment["PGWORKER_WORKER_ID"]
        self.returncode: int | None = None
        self.pid = zygote.fork(environment, log)
        self._handle = os.pidfd_open(self.pid)

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text() if self._log.exists() else ""

    def poll(self) -> int | None:
        """Its exit code, None as long as it lives."""
        if self.returncode is None:
            self.returncode = self._zygote.reap(self.pid)
            if self.returncode is not None:
                os.close(self._handle)
        return self.returncode

    def wait(self, timeout: float = 20.0) -> int:
        """Waits until it has ended; returns its exit code."""
        if self.returncode is None:
            ended, _, _ = select.select([self._handle], [], [], timeout)
            assert ended, f"the worker has not ended within {timeout:g} s:\n{self.log}"
        code = self.poll()
        assert code is not None
        return code

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM: it finishes or gives back what it has."""
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """SIGSTOP: it freezes, with its connections open."""
        self._signal(signal.SIGSTOP)

    def cont(self) -> None:
        """SIGCONT: it goes on as if nothing had happened."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Kills it if it still lives, and waits for that."""
        if self.poll() is None:
            self.kill()
            self.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.returncode is None:  # not yet reaped, so the id cannot be somebody else's
            os.kill(self.pid, number)
