"""An engine process looks for garbage rarely, and still finds it."""

from __future__ import annotations

import subprocess
import sys

_CYCLES = """
import gc, weakref
import pgworker.worker.process
from pgworker.worker.garbage import collect_rarely

class Link:
    def __init__(self):
        self.itself = self

collect_rarely()
assert gc.get_freeze_count() > 10_000, "what was loaded is looked at again and again"
first = weakref.ref(Link())
made = 0
while first() is not None:
    Link()
    made += 1
    assert made < 100_000, "cycles are never found"
print(made)
"""


def test_cycles_are_found_after_some_thousands_of_objects_and_what_was_loaded_is_left_alone() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _CYCLES], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 1000
