"""The launcher: a program that runs one command for a worker and leaves nothing of it behind.

``launcher.py STATUS STDIN`` takes two open files by their numbers: it tells on the first which process it has
started and how that ended, and the second becomes the command's standard input. Its own standard input says
first, in a line of JSON, what to run; a byte after that ends the command gently, and its end ends the command
at once: whatever has become of the worker, its kernel closes that pipe.

There are two of it, as a command can kill its parent: one that runs the command, and the parent of that one,
which waits for its end and then looks whether anything is left.

It imports nothing of ours, and as little as it can: there is one of it beside every command.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Order(NamedTuple):
    """What is to be run, and how long it has between SIGTERM and SIGKILL."""

    argv: list[str]
    environment: dict[str, str]
    directory: str
    grace: float


def main(status: int, stdin: int) -> int:
    """Runs the command to its end; returns this program's exit code."""
    for file in (status, stdin):
        os.set_inheritable(file, False)
    order = _read_order()
    if order is None:
        return 1
    _inherit_orphans()
    runner = os.fork()
    if runner:
        _let_go(stdin)  # of the status not yet: it ends when nothing is left
        _outlive(runner)
    else:
        _inherit_orphans()
        _run(order, status, stdin)
    _kill_orphans()
    _remove(order.directory)
    return 0


def _run(order: Order, status: int, stdin: int) -> None:
    """Starts the command, and ends its group with it."""
    os.setpgid(0, 0)
    wake = _woken_by_children()
    leader = _start(order, status, stdin)
    code = _watch(leader, wake, order.grace)
    _kill_group(leader, signal.SIGKILL)
    _tell(status, {"code": code})


def _let_go(stdin: int) -> None:
    """Leaves the pipes to whom they are for: they end when all others close them."""
    os.close(stdin)
    nothing = os.open(os.devnull, os.O_RDWR)
    for file in (0, 1, 2):
        os.dup2(nothing, file)


def _outlive(runner: int) -> None:
    """Waits until the runner has ended, whatever has ended it, and buries who comes from it meanwhile."""
    while os.wait()[0] != runner:
        pass


def _read_order() -> Order | None:
    """The first line of standard input; None if the worker is gone by then, or wants an end already."""
    line = bytearray()
    while b"\n" not in line:
        heard = os.read(0, 65536)
        if not heard:
            return None
        line += heard
    return Order(**json.loads(line)) if line.endswith(b"\n") else None


def _start(order: Order, status: int, stdin: int) -> int:
    """Starts the command as the leader of a session and a process group of its own; returns its id."""
    launcher = os.getpid()
    pid = os.fork()
    if pid:
        os.close(stdin)
        _tell(status, {"pid": pid})
        return pid
    try:
        os.setsid()
        _process_control(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:
            os._exit(1)
        _restore()
        os.dup2(stdin, 0)
        os.chdir(order.directory)
        os.execvpe(order.argv[0], order.argv, order.environment)
    except (OSError, ValueError) as error:
        _tell(status, {"error": (isinstance(error, OSError) and error.strerror) or str(error)})
    os._exit(127)


def _restore() -> None:
    """Undoes what is meant for the worker or for this program: its memory limit and its signals."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def _woken_by_children() -> int:
    """A file that can be read when a child has ended."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return reader


def _watch(leader: int, wake: int, grace: float) -> int:
    """Waits until the leader has ended, by itself or because the worker wants it; returns its code."""
    heard_from = [0, wake]
    kill_at: float | None = None
    while (code := _reap(leader)) is None:
        left = None if kill_at is None else max(kill_at - time.monotonic(), 0)
        ready, _, _ = select.select(heard_from, [], [], left)
        if wake in ready:
            os.read(wake, 4096)
        if 0 in ready and os.read(0, 4096):
            _kill_group(leader, signal.SIGTERM)
            kill_at = kill_at or time.monotonic() + grace
        elif 0 in ready:
            heard_from = [wake]
            kill_at = 0
        if kill_at is not None and time.monotonic() >= kill_at:
            _kill_group(leader, signal.SIGKILL)
            kill_at = None
    return code


def _reap(leader: int) -> int | None:
    """Buries every child that has ended; returns the leader's code if it was among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == leader:
            ended = os.waitstatus_to_exitcode(status)
            code = ended if ended >= 0 else 128 - ended  # as shells tell of signals


def _kill_group(leader: int, number: signal.Signals) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        # nobody is left in it, or (on macOS) nobody but the dead
        return


def _kill_orphans() -> None:
    """Ends what has left the group: its parents are dead by now, and so this program has inherited it."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while children.exists() and (pids := [int(pid) for pid in children.read_text("ascii").split()]):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)  # one that has ended is there until it is buried, below
            os.waitpid(pid, 0)


def _remove(directory: str) -> None:
    """Removes the command's folder; the worker might not be there any more to do it."""
    if Path(directory).exists():
        import shutil

        shutil.rmtree(directory, ignore_errors=True)


def _inherit_orphans() -> None:
    """Makes this the parent of whatever loses its own below it."""
    _process_control(_PR_SET_CHILD_SUBREAPER, 1)


def _tell(status: int, what: dict[str, object]) -> None:
    try:
        os.write(status, json.dumps(what).encode() + b"\n")
    except BrokenPipeError:
        return  # the worker is gone, and this was for it alone


def _process_control(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    # there is nothing to tidy up, which takes as long as most commands do
    os._exit(main(int(sys.argv[1]), int(sys.argv[2])))
