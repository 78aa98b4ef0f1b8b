"""Evaluations: the expressions of activities, with the limits that those of decisions have.

One is evaluated at once, and broken off as soon as others would wait for it; then it is evaluated aside, by a
process of its own, where it may take longer and is interrupted in the end.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import OrderedDict
from types import TracebackType

from pgworker.errors import ExpressionError
from pgworker.expressions.closed import Closed
from pgworker.expressions.templates import Template
from pgworker.types import JsonValue
from pgworker.worker.companion import Companion
from pgworker.worker.decision_watch import QUICK_SECONDS, DecisionTooLong, DecisionWatch
from pgworker.worker.questions import Evaluated, Failed
from pgworker.worker.remembering import keep

LONGEST_SECONDS = 20.0
"""What does not end by then, although it was interrupted, is given up."""

_TRIES = 2
"""A process that dies evaluating may have been killed for another reason."""

_IDLE_SECONDS = 60.0
"""A process that was asked nothing for so long is ended."""

_REMEMBERED = 100
"""Templates that are known to take long."""


class Evaluations:
    """Evaluates what activities ask for; a context manager, which owns the process beside."""

    def __init__(
        self, watch: DecisionWatch, memory_megabytes: int, *, longest_seconds: float = LONGEST_SECONDS
    ) -> None:
        self._watch = watch
        self._memory_megabytes = memory_megabytes
        self._longest_seconds = longest_seconds
        self._slow: OrderedDict[Template, None] = OrderedDict()
        self._asking = asyncio.Lock()
        self._companion: Companion | None = None
        self._idle: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Evaluations:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._idle is not None:
            self._idle.cancel()
        await self._end()

    async def evaluate(self, closed: Closed) -> JsonValue:
        """What it comes to; raises ``ExpressionError``, also if that takes too long."""
        if closed.template not in self._slow:
            try:
                with self._watch.over(None, hurried=True):
                    return closed.evaluate()
            except DecisionTooLong:
                keep(self._slow, closed.template, None, _REMEMBERED)
        return await self._aside(closed)

    async def _aside(self, closed: Closed) -> JsonValue:
        async with self._asking:  # one after the other
            match await self._asked(pickle.dumps(closed)):
                case Evaluated(value=value, seconds=seconds):
                    if seconds < QUICK_SECONDS:
                        self._slow.pop(closed.template, None)
                    return value
                case Failed(reason=reason):
                    raise ExpressionError(reason)
                case other:
                    raise TypeError(f"{other!r} is no answer")

    async def _asked(self, message: bytes) -> object:
        for _ in range(_TRIES):
            try:
                return await self._answer(message)
            except TimeoutError:
                return Failed(f"an expression failed: it took more than {self._longest_seconds:g} seconds")
            except (asyncio.IncompleteReadError, ConnectionError):
                continue
        return Failed("an expression failed: the process that was evaluating it died")

    async def _answer(self, message: bytes) -> object:
        if self._idle is not None:
            self._idle.cancel()
        answered = False
        try:
            if self._companion is None:
                self._companion = await Companion.start(self._memory_megabytes)
            async with asyncio.timeout(self._longest_seconds):
                await self._companion.tell(message)
                answer = await self._companion.answer()
            answered = True
        finally:
            if not answered:  # it may go on with what nobody wants any more
                await self._end()
        self._idle = asyncio.create_task(self._end_if_idle())
        return answer

    async def _end_if_idle(self) -> None:
        await asyncio.sleep(_IDLE_SECONDS)
        await self._end()

    async def _end(self) -> None:
        companion, self._companion = self._companion, None
        if companion is not None:
            await companion.end()
