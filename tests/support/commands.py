"""Commands that need not import pgworker: each is forked from a process that has.

``Commands`` puts a program ``pgworker`` into a folder. It hands its arguments, its environment and its
standard streams over to a process of ours, whose fork runs the command as it would have been run. What lasts,
or becomes another program, it starts as usual: signals have to reach it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from pathlib import Path
from typing import NoReturn

_ROOT = Path(__file__).resolve().parents[2]

_PROGRAM = """#!{python} -SE
import json, os, socket, sys

if len(sys.argv) < 2 or sys.argv[1] in ("worker", "dev", "executor", "run", "psql"):
    os.execv({python!r}, [{python!r}, "-m", "pgworker", *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
wish = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(wish).to_bytes(4, "big")], [0, 1, 2])
server.sendall(wish)
code = server.recv(1)
sys.exit(code[0] if code else 70)
"""


class Commands:
    """The process that commands are forked from, and the program that asks it to."""

    def __init__(self, folder: Path) -> None:
        address = str(folder / "commands")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.commands", address],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.folder = folder / "bin"
        self.folder.mkdir()
        program = self.folder / "pgworker"
        program.write_text(_PROGRAM.format(python=sys.executable, address=address))
        program.chmod(0o755)

    def close(self) -> None:
        """Ends it."""
        self._process.communicate(timeout=10)


def main() -> None:
    """Forks commands for whoever connects, until the end of the input."""
    # what commands import by and by is imported once, here
    import pgworker.cli
    import pgworker.client
    import pgworker.conformance.run
    import pgworker.dsl.compile
    import pgworker.store.migrations
    import pgworker.worker.service  # noqa: F401

    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while server in select.select([server, sys.stdin], [], [])[0]:
        asking, _ = server.accept()
        if os.fork() == 0:
            _carry_out(asking)
        asking.close()


def _carry_out(asking: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 1
    try:
        length, streams, _, _ = socket.recv_fds(asking, 4, 3)
        with asking.makefile("rb") as wish:
            arguments, folder, environment = json.loads(wish.read(int.from_bytes(length, "big")))
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        code = _run(arguments)
    except BaseException:  # whatever it is, the process ends here, and not in the loop that forked it
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        asking.sendall(bytes([code]))
        os._exit(code)


def _run(arguments: list[str]) -> int:
    from pgworker.cli import main as command

    sys.argv = ["pgworker", *arguments]
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    main()
