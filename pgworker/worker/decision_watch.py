"""The watch over decisions: an expression that never ends is interrupted, and fails its task alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pgworker.expressions.jq import EvaluationInterrupted, is_running
from pgworker.worker.black_box import BlackBox

DECISION_SECONDS = 2.0
"""What one workflow may take in one turn; a thousand ordinary tasks take some hundredths of that.

It is the processor's time that counts: a machine that is overloaded or asleep is not the expression's fault.
"""


class DecisionWatch:
    """Bounds the time of each decision by an alarm, where the process's main thread decides.

    Elsewhere (tests run workers in threads) there is no alarm.
    """

    def __init__(self, black_box: BlackBox | None = None, seconds: float = DECISION_SECONDS) -> None:
        self._black_box = black_box
        self._seconds = seconds
        self._deciding = False
        self.interruptions = 0
        """How often an expression was interrupted."""
        self._has_alarm = threading.current_thread() is threading.main_thread()
        if self._has_alarm:
            signal.signal(signal.SIGPROF, self._interrupt)

    @contextmanager
    def over(self, workflow_id: str, *, again: float | None = None) -> Iterator[None]:
        """Watches one decision; ``again`` is what an expression may take after one that was interrupted."""
        if self._black_box is not None:
            self._black_box.note(workflow_id)
        self._deciding = True
        if self._has_alarm:
            # again and again, should one expression after the other be endless
            signal.setitimer(signal.ITIMER_PROF, self._seconds, again or self._seconds)
        try:
            yield
        finally:
            self._deciding = False
            if self._has_alarm:
                signal.setitimer(signal.ITIMER_PROF, 0)
            if self._black_box is not None:
                self._black_box.clear()

    def _interrupt(self, _number: int, frame: FrameType | None) -> None:
        # only expressions can be without an end; whatever else takes long is the engine's own work
        if self._deciding and is_running(frame):
            self.interruptions += 1
            raise EvaluationInterrupted
