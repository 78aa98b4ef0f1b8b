"""What the lock files install is whole: nothing lacks what it requires, on any version of Python."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

KNOWN = ("serverlessworkflow-sdk 1.0.0 ", "mcp 2.3.0 has requirement jsonschema>=4.20.0, but")
"""What requirements/overrides.txt is about."""


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="there is no pip here")
def test_nothing_that_is_installed_lacks_what_it_requires() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    told = [line for line in done.stdout.splitlines() if not line.startswith(("No broken", *KNOWN))]
    assert told == []
