"""The supervisor: engine processes, each started again when it dies.

A process whose loop has stopped turning is killed. What a process was deciding upon when it died gets a
strike, so that a workflow that kills its workers fails in the end, alone.

It lives beside every worker, so it imports next to nothing: a tenth of an engine process's memory.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from types import FrameType
from typing import IO

from pgworker.backoff import Backoff
from pgworker.worker.black_box import BlackBox

BLACK_BOX_VARIABLE = "PGWORKER_BLACK_BOX"
"""By this an engine process finds the memory that it shares with its supervisor."""

BEAT_SECONDS = 1.0
"""How often an engine process writes to its standard output that its loop turns."""

STUCK_SECONDS = 20 * BEAT_SECONDS
"""A process that has not said so for so long is killed."""

STOPPING_SECONDS = STUCK_SECONDS
"""A process that has not ended so long after its grace period is killed."""

_LONG_ENOUGH = 10.0
"""A process that lived for so many seconds did not die of its start."""

_LOOK_SECONDS = 1.0

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class Supervisor:
    """Keeps engine processes alive until SIGTERM or SIGINT; a second signal ends them at once."""

    def __init__(self, processes: int, grace_seconds: float) -> None:
        self._grace_seconds = grace_seconds
        self._selector = selectors.DefaultSelector()
        self._places = [_Place(index if processes > 1 else None) for index in range(processes)]
        self._strikes: list[subprocess.Popen[bytes]] = []
        self._stops = 0

    def run(self) -> int:
        """Returns the exit code: 0, or 1 if a process would not stop."""
        self._listen_for_signals()
        say("info", "supervisor started", processes=len(self._places))
        while self._stops == 0:
            self._tend()
            self._wait(_LOOK_SECONDS)
        overdue = self._end()
        say("info", "supervisor stopped")
        return 1 if overdue else 0

    def _listen_for_signals(self) -> None:
        """A signal wakes the selector, too."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        self._selector.register(reader, selectors.EVENT_READ)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)

    def _told_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stops += 1

    def _tend(self) -> None:
        """Starts what is to be started, buries the dead, kills what is stuck."""
        now = time.monotonic()
        for place in self._places:
            if place.process is None:
                if now >= place.start_at:
                    self._selector.register(place.start(now), selectors.EVENT_READ, place)
            elif place.process.poll() is not None:
                self._bury(place, now)
            elif now - place.heard_at > STUCK_SECONDS:
                say("error", "an engine process is stuck and is killed", pid=place.process.pid)
                place.process.kill()
        self._strikes = [strike for strike in self._strikes if strike.poll() is None]

    def _bury(self, place: _Place, now: float) -> None:
        process = place.process
        assert process is not None
        say("error", "an engine process died and is started again", pid=process.pid, code=process.returncode)
        self._selector.unregister(place.output)
        workflow_id = place.bury(now)
        if workflow_id is not None:
            say("error", "it was deciding upon a workflow, which gets a strike", workflow_id=workflow_id)
            self._strikes.append(
                subprocess.Popen([sys.executable, "-m", "pgworker.worker.strike", workflow_id])
            )

    def _wait(self, seconds: float) -> None:
        """Waits for beats, deaths and signals."""
        for key, _ in self._selector.select(seconds):
            heard = os.read(key.fd, 4096)
            if isinstance(key.data, _Place):
                if heard:
                    key.data.heard_at = time.monotonic()
                elif key.data.process is not None:  # its output has ended, and so does it
                    key.data.process.kill()
                    key.data.process.wait()

    def _end(self) -> bool:
        """Lets the processes finish what is under way; kills them when they take too long, or told again.

        Returns whether one took too long.
        """
        running = [place.process for place in self._places if place.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + self._grace_seconds + STOPPING_SECONDS
        overdue = False
        while alive := [process for process in running if process.poll() is None]:
            if not overdue and time.monotonic() > until:
                overdue = True
                for process in alive:
                    say("error", "an engine process does not stop and is killed", pid=process.pid)
            if self._stops > 1 or overdue:
                for process in alive:
                    process.kill()
            self._wait(0.05)
        return overdue


class _Place:
    """One engine process after the other; ``index`` is None where there is only one place."""

    def __init__(self, index: int | None) -> None:
        self._index = index
        self._backoff = Backoff()
        self._started_at = 0.0
        self._black_box = BlackBox.new()
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at = 0.0
        self.heard_at = 0.0

    @property
    def output(self) -> IO[bytes]:
        """Where the process says that its loop turns."""
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout

    def start(self, now: float) -> IO[bytes]:
        """Starts a process; returns its output."""
        self._black_box.clear()
        environment = os.environ | {BLACK_BOX_VARIABLE: str(self._black_box.descriptor)}
        worker_id = os.environ.get("PGWORKER_WORKER_ID") or os.environ.get("WORKER_ID")
        if worker_id and self._index is not None:
            environment["PGWORKER_WORKER_ID"] = f"{worker_id}-{self._index}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pgworker.worker.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            pass_fds=[self._black_box.descriptor],
        )
        self._started_at = self.heard_at = now
        return self.output

    def bury(self, now: float) -> str | None:
        """Takes note of the death; returns the workflow that the process was deciding upon, if any."""
        process = self.process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        self.output.close()
        self.process = None
        if now - self._started_at > _LONG_ENOUGH:
            self._backoff.reset()
        self.start_at = now + self._backoff.next()
        return self._black_box.read()


def say(level: str, event: str, **fields: object) -> None:
    """A line of the log, as ``telemetry`` writes it; that is too large to be loaded here."""
    if _LEVELS.index(level.upper()) < _LEVELS.index(os.environ.get("PGWORKER_LOG_LEVEL", "INFO").upper()):
        return
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    format_ = os.environ.get("PGWORKER_LOG_FORMAT") or ("text" if sys.stderr.isatty() else "json")
    if format_ == "json":
        line = json.dumps({**fields, "event": event, "level": level, "timestamp": at})
    else:
        line = f"{at} [{level:9}] {event:30} " + " ".join(f"{name}={value}" for name, value in fields.items())
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    if os.environ.get("PGWORKER_RUN_ALLOW"):
        from pgworker.worker.concealment import conceal

        conceal()
    raise SystemExit(Supervisor(int(sys.argv[1]), float(sys.argv[2])).run())
