"""Forks worker processes that have imported everything already.

Python needs most of a second of processor time to import a worker, and a test that kills one every 300 ms
has only two processors. Commands come as lines of JSON on stdin, answers go to stdout; at the end of its
input the zygote kills the workers that are left.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from typing import NoReturn

from pgworker.dsl.compile import compile_document
from pgworker.dsl.document import Document
from tests.support import clock, worker
from tests.support.failpoints import arming
from tests.support.workflows import HELLO, document

_STRANGE = ("PGWORKER_", "PG", "DATABASE_URL", "SSL_CERT_")
"""Settings of whoever runs the tests are none of the workers'."""


def main() -> None:
    """Answers commands until there are no more."""
    compile_document(Document.from_value(document(HELLO)))  # loads what every worker's first workflow needs
    gc.freeze()  # the children share memory with it as long as nobody touches that
    children: set[int] = set()
    for line in sys.stdin:
        command = json.loads(line)
        if "environment" in command:
            pid = os.fork()
            if pid == 0:
                _become_worker(command["environment"], command["log"])
            children.add(pid)
            _answer(pid)
        else:
            pid, status = os.waitpid(command["reap"], os.WNOHANG)
            children.discard(pid)
            _answer(None if pid == 0 else os.waitstatus_to_exitcode(status))
    for child in children:
        os.kill(child, signal.SIGKILL)


def _answer(value: int | None) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _become_worker(environment: dict[str, str], log: str) -> NoReturn:
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for name in [name for name in os.environ if name.startswith(_STRANGE)]:
            del os.environ[name]
        if wrong := environment.pop("PGWORKER_CLOCK", None):
            clock.go_wrong(wrong)
        os.environ.update(environment)
        arming.arm()
        code = worker.main()
    except BaseException:  # whatever it is, the process ends here, and not in the zygote's loop
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
