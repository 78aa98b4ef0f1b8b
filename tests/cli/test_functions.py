"""``--functions``: documents that call Python functions are checked, deployed and run."""

from __future__ import annotations

import pytest

CALLS = """
document: {dsl: '1.0.3', namespace: test, name: calls, version: '1.0.0'}
do:
  - f: {call: score, with: {customer: '${ .name }'}}
"""
MODULE = """
from pgworker import Worker
worker = Worker()

@worker.function("score")
def score(customer: str) -> str:
    return f"{customer}: 7"
"""


@pytest.fixture(autouse=True)
def files(tmp_path):
    (tmp_path / "calls.yaml").write_text(CALLS)
    (tmp_path / "mine.py").write_text(MODULE)


def test_a_call_is_good_where_its_function_is_known(bare):
    assert "`score` is no protocol and no function" in bare("validate", "calls.yaml").err
    assert bare("validate", "calls.yaml", "--functions", "mine").out == "calls.yaml: ok\n"
    assert "score" in bare("diagram", "calls.yaml", "--functions", "mine").out
    assert bare("validate", "calls.yaml", PGWORKER_FUNCTIONS="mine:worker").out == "calls.yaml: ok\n"


def test_what_was_deployed_with_its_functions_is_good_for_others_from_then_on(pgworker):
    assert pgworker("deploy", "calls.yaml").code == 1
    assert pgworker("deploy", "calls.yaml", "--functions", "mine").out == "test/calls:1.0.0\n"
    assert pgworker("deploy", "calls.yaml").out == "test/calls:1.0.0\n"


def test_run_performs_the_functions_in_its_own_process(pgworker):
    answer = pgworker("run", "calls.yaml", "--functions", "mine", "-i", '{"name": "Ada"}')
    assert (answer.code, answer.value) == (0, "Ada: 7"), answer.err


@pytest.mark.parametrize("command", [("worker",), ("executor",), ("validate", "calls.yaml"), ("dev",)])
def test_functions_that_cannot_be_found_are_told_at_once(pgworker, command):
    answer = pgworker(*command, "--functions", "yours")
    assert answer.code == 1
    assert "yours cannot be loaded: ModuleNotFoundError: No module named 'yours'" in answer.err
    assert "MODULE or MODULE:WORKER" in answer.err
