"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEST = """
DOCUMENT = {
    "document": {"dsl": "1.0.3", "namespace": "default", "name": "fails", "version": "1.0.0"},
    "do": [{"bad": {"raise": {"error": {"type": "a:b", "status": 500, "title": "Bad"}}}}],
}


def test_it_completes(pgworker_engine):
    assert pgworker_engine.run(DOCUMENT).status == "COMPLETED"


def test_nothing_is_left_of_another_test(pgworker_engine):
    assert pgworker_engine.workflows == []
"""


def test_the_fixture_is_there_and_a_failed_assertion_shows_the_history(tmp_path: Path) -> None:
    (tmp_path / "test_workflows.py").write_text(TEST)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "1 failed, 1 passed" in ran.stdout, ran.stdout + ran.stderr
    assert "'FAILED' == 'COMPLETED'" in ran.stdout
    assert "fails is FAILED: {'type': 'a:b'" in ran.stdout
    assert "task.failed          /do/0/bad" in ran.stdout


def test_who_does_not_use_it_does_not_load_the_engine() -> None:
    program = "import sys, pgworker.testing.plugin; print('pgworker.engine' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
