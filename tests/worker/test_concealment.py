"""A worker's environment is not for the processes that it runs."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from tests.conftest import InProcessWorker

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4

READING = """
import ctypes, os, sys
from pathlib import Path
from pgworker.worker.concealment import conceal

def can_be_read():
    path = Path(f"/proc/{os.getpid()}/environ")
    reader = os.fork()
    if reader == 0:
        try:
            path.read_bytes()
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(reader, 0)[1] == 0

if os.getuid() == 0:
    os.setuid(65534)
    # a change of the user conceals as well, which is not meant here
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
before = can_be_read()
conceal()
print(before, can_be_read())
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a way to do that")


def test_who_conceals_itself_cannot_be_read_by_others_of_its_user() -> None:
    said = subprocess.run([sys.executable, "-c", READING], capture_output=True, text=True, check=True)
    assert said.stdout == "True False\n"


@pytest.mark.parametrize(("allowed", "dumpable"), [("shell", 0), ("", 1)])
async def test_a_worker_that_may_run_processes_conceals_itself(
    in_process_worker: InProcessWorker, allowed: str, dumpable: int
) -> None:
    process_control = ctypes.CDLL(None).prctl
    try:
        async with in_process_worker(run_allow=allowed):
            assert process_control(_PR_GET_DUMPABLE, 0, 0, 0, 0) == dumpable
    finally:
        process_control(_PR_SET_DUMPABLE, 1, 0, 0, 0)
