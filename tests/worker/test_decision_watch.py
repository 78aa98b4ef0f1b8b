"""An expression that does not end is interrupted; those that are merely many are not."""

from __future__ import annotations

import time

import pytest

from pgworker.errors import ExpressionError
from pgworker.expressions.jq import compile_program
from pgworker.worker.decision_watch import DecisionWatch

SECONDS = 0.4
ENDLESS = compile_program("last(range(1e15))")


def _nothing(_: frozenset[str]) -> dict[str, None]:
    return {}


def test_an_endless_expression_is_interrupted_in_time() -> None:
    watch = DecisionWatch(seconds=SECONDS)
    began = time.process_time()
    with watch.over("w"), pytest.raises(ExpressionError, match="took too long"):
        ENDLESS.first(None, _nothing)
    assert SECONDS / 2 < time.process_time() - began < SECONDS * 1.5
    assert watch.interruptions == 1


def test_expressions_that_are_many_may_take_as_long_as_they_need_together() -> None:
    watch = DecisionWatch(seconds=SECONDS)
    short = compile_program("last(range(3000))")
    began = time.process_time()
    with watch.over("w"):
        while time.process_time() - began < 2 * SECONDS:
            short.first(None, _nothing)
    assert watch.interruptions == 0


def test_after_one_that_was_interrupted_the_next_gets_less_if_so_agreed() -> None:
    watch = DecisionWatch(seconds=SECONDS)
    with watch.over("w", again=SECONDS / 10):
        with pytest.raises(ExpressionError):
            ENDLESS.first(None, _nothing)
        began = time.process_time()
        with pytest.raises(ExpressionError):
            ENDLESS.first(None, _nothing)
        assert time.process_time() - began < SECONDS / 2
    assert watch.interruptions == 2
