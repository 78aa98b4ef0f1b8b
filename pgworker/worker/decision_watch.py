"""The watch over decisions: an expression that never ends is interrupted, and fails its task alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pgworker.expressions.jq import EvaluationInterrupted, running
from pgworker.worker.black_box import BlackBox

EXPRESSION_SECONDS = 1.0
"""What one expression may take; an ordinary one takes some millionths of that.

It is the processor's time that counts: a machine that is overloaded or asleep is not the expression's fault.
"""

HURRY_SECONDS = 0.008
"""What one expression may take where others wait for the decision."""

QUICK_SECONDS = HURRY_SECONDS / 4
"""What takes no longer is not slow any more: well below what made it so, or it would go to and fro, and
somebody would wait each time."""

_LOOKS = 4
_HURRIED_LOOKS = 2
"""So often an expression is found running before it is interrupted; the kernel's clock ticks every few ms."""

_LATE = 2 * _LOOKS
"""After twice what one expression may take a decision should come to an end."""


class DecisionTooLong(BaseException):
    """Raised through a decision that is in a hurry; what it had thought of the workflow's state is void."""


class DecisionWatch:
    """Bounds the time of each expression by an alarm, where the process's main thread decides.

    Elsewhere (tests run workers in threads) there is no alarm. The alarm comes several times in what an
    expression may take, so that expressions which are many, and not endless, are told from one that is.
    """

    def __init__(self, black_box: BlackBox | None = None, seconds: float = EXPRESSION_SECONDS) -> None:
        self._black_box = black_box
        self._pause = seconds / _LOOKS
        self._again: float | None = None
        self._deciding = False
        self._hurried = False
        self._looked_at: FrameType | None = None
        self._ticks = 0
        self._looks = 0
        self._patience = _LOOKS
        self.interruptions = 0
        """How often an expression was interrupted."""
        self._has_alarm = threading.current_thread() is threading.main_thread()
        if self._has_alarm:
            signal.signal(signal.SIGPROF, self._look)

    def is_late(self) -> bool:
        """Whether the decision has taken so long that it should end where it can go on another time."""
        return self._ticks >= _LATE

    @contextmanager
    def over(
        self, workflow_id: str | None, *, again: float | None = None, hurried: bool = False
    ) -> Iterator[None]:
        """Watches one decision; ``again`` is what an expression may take after one that was interrupted.

        One that is ``hurried`` is broken off by ``DecisionTooLong`` when an expression takes more than
        ``HURRY_SECONDS``. The workflow that it is about, if about one, has a strike if the process dies.
        """
        self._note(workflow_id)
        self._deciding = True
        self._again = again
        self._hurried = hurried
        self._ticks = self._looks = 0
        self._patience = _HURRIED_LOOKS if hurried else _LOOKS
        if self._has_alarm:
            pause = HURRY_SECONDS / _HURRIED_LOOKS if hurried else self._pause
            signal.setitimer(signal.ITIMER_PROF, pause, pause)
        try:
            yield
        finally:
            self._deciding = False
            self._looked_at = None
            if self._has_alarm:
                signal.setitimer(signal.ITIMER_PROF, 0)
            self._clear()

    @contextmanager
    def reading(self, workflow_id: str) -> Iterator[None]:
        """What is read has no limit but memory: the workflow has a strike if the process dies of it."""
        self._note(workflow_id)
        try:
            yield
        finally:
            self._clear()

    def _note(self, workflow_id: str | None) -> None:
        if self._black_box is not None and workflow_id is not None:
            self._black_box.note(workflow_id)

    def _clear(self) -> None:
        if self._black_box is not None:
            self._black_box.clear()

    def _look(self, _number: int, frame: FrameType | None) -> None:
        self._ticks += 1
        # only expressions can be without an end; whatever else takes long is the engine's own work
        expression = running(frame) if self._deciding else None
        if expression is None or expression is not self._looked_at:
            self._looked_at, self._looks = expression, 0
        self._looks += 1
        if expression is not None and self._looks >= self._patience:
            self._break_off() if self._hurried else self._interrupt()

    def _break_off(self) -> None:
        self._deciding = False
        raise DecisionTooLong

    def _interrupt(self) -> None:
        self.interruptions += 1
        self._looked_at = None
        if self._again is not None:
            self._patience = 1
            signal.setitimer(signal.ITIMER_PROF, self._again, self._again)
        raise EvaluationInterrupted
