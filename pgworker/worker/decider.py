"""The decider: ``python -m pgworker.worker.decider MEGABYTES`` does for a worker what takes long: decisions,
and expressions of activities.

It is told definitions and asked questions on its standard input and answers on its standard output, each
message a pickle with its length before it: both ends are of one program, and nobody else reaches the pipes.
It ends with its worker. What it may take, it takes for itself: no turn waits for it.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from contextlib import suppress
from struct import Struct
from typing import BinaryIO, assert_never

from pgworker.engine.decide import decide
from pgworker.errors import ExpressionError
from pgworker.expressions.closed import Closed
from pgworker.plan.nodes import Plan
from pgworker.telemetry import configure_logging
from pgworker.worker.concealment import conceal
from pgworker.worker.decision_watch import DecisionWatch
from pgworker.worker.memory import limit_memory
from pgworker.worker.mortality import die_with_parent
from pgworker.worker.plans import PlanCache
from pgworker.worker.questions import Answer, Broke, Decided, Definition, Evaluated, Failed, Question

LENGTH = Struct("!Q")
"""What stands before a message: how many bytes it has."""

_NICENESS = 10
"""Whoever waits for a long decision waits long already; the worker and its database come first."""


def main() -> None:
    """Answers until standard input ends."""
    conceal()
    die_with_parent()
    limit_memory(int(sys.argv[1]))
    os.nice(_NICENESS)
    # a terminal sends it to all of a group; when to stop is the worker's decision
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _taken_stdout()
    configure_logging("WARNING", None)
    plans, watch = PlanCache(), DecisionWatch()
    with suppress(BrokenPipeError):  # the worker was gone before this process could ask to die with it
        while (message := _read(sys.stdin.buffer)) is not None:
            told: Definition | Question | Closed = pickle.loads(message)
            match told:
                case Definition():
                    plans.add(told.key, told.document, told.resources)
                case Question():
                    _write(answers, _answer(told, plans, watch))
                case Closed():
                    _write(answers, _evaluated(told, watch))
                case _:
                    assert_never(told)


def _taken_stdout() -> BinaryIO:
    """Standard output for answers alone; what others print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _answer(question: Question, plans: PlanCache, watch: DecisionWatch) -> Answer:
    try:
        return _decided(question, plans, watch)
    except Exception as error:
        # the engine's own defect: the worker logs it, and the workflow gets a strike
        return Broke(f"{type(error).__name__}: {error}")


def _decided(question: Question, plans: PlanCache, watch: DecisionWatch) -> Decided:
    began = time.process_time()
    plan = plans.get(question.key)
    if not isinstance(plan, Plan):
        raise ValueError("the definition has no plan")
    with watch.over(question.workflow_id):
        record = decide(
            question.workflow_id,
            plan,
            question.state,
            question.now,
            inputs=question.told,
            back=question.back,
            max_events=question.max_events,
            max_history=question.max_history,
            enough=watch.is_late,
        )
    events = [(event.type, event.task, event.data) for event in record.events]
    return Decided(events, record.examined, time.process_time() - began)


def _evaluated(closed: Closed, watch: DecisionWatch) -> Evaluated | Failed:
    began = time.process_time()
    try:
        with watch.over(None):
            value = closed.evaluate()
        return Evaluated(value, time.process_time() - began)
    except ExpressionError as error:
        return Failed(error.message)


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return stream.read(length)


def _write(stream: BinaryIO, answer: Answer | Evaluated | Failed) -> None:
    message = pickle.dumps(answer)
    stream.write(LENGTH.pack(len(message)) + message)
    stream.flush()


if __name__ == "__main__":
    main()
