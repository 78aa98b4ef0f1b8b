"""Aside: decisions that take long are made by a process of their own, while the wheel turns.

A decision in which an expression takes too long is broken off and asked of the decider, one workflow after
the other; meanwhile its workflow's jobs are put off again and again. Whatever becomes of the decider, the
worker lives: a workflow that was being decided upon when the decider died, or that it cannot get done with,
has a strike against it. An answer counts only if it is about what is still so.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pgworker.engine.inputs import Input
from pgworker.store.turns import Claim
from pgworker.telemetry import log
from pgworker.types import JsonObject, JsonValue
from pgworker.worker.companion import Companion
from pgworker.worker.decision_watch import QUICK_SECONDS
from pgworker.worker.plans import DefinitionKey
from pgworker.worker.questions import Answer, Broke, Decided, Definition, Question
from pgworker.worker.remembering import keep

LONGEST_SECONDS = 20.0
"""A decision that takes longer is given up, and its workflow gets a strike."""

_MOST = 20
"""Workflows that are asked about at once; others wait for their turn to be asked about."""

_TRIES = 3
"""How often what a workflow was asked about may be overtaken before the wheel takes its time for it."""

_REMEMBERED = 100
"""Definitions that are known to take long, or are here, and workflows that were overtaken."""

_KEPT_SECONDS = 30.0
"""How long an answer is kept that nobody fetches."""

_IDLE_SECONDS = 60.0
"""A decider that was asked nothing for so long is ended."""


@dataclass(slots=True)
class _Asked:
    """A question under way: the claim that it is about, what the workflow was told, when it was answered."""

    claim: Claim
    told: Sequence[Input]
    definition: Definition
    message: bytes
    answer: Answer | None = None
    answered_at: float = 0.0


class Aside:
    """Which workflows are decided upon aside, and the answers; calls ``answered`` when there is one.

    ``wary`` says whether strikes may come of deaths: then a workflow with strikes is decided upon aside.
    """

    def __init__(
        self,
        answered: Callable[[], None],
        memory_megabytes: int,
        *,
        wary: bool,
        seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._answered = answered
        self._memory_megabytes = memory_megabytes
        self._wary = wary
        self._seconds = seconds
        self._asked: dict[str, _Asked] = {}
        self._queue: asyncio.Queue[_Asked] = asyncio.Queue()
        self._slow: OrderedDict[DefinitionKey, None] = OrderedDict()
        self._definitions: OrderedDict[DefinitionKey, Definition] = OrderedDict()
        self._overtaken: OrderedDict[str, int] = OrderedDict()

    def want(self, claim: Claim) -> None:
        """The decision upon this workflow took too long: its like are asked about from now on."""
        if claim.definition not in self._slow:
            name = "/".join(claim.definition)
            log.info("a decision takes long", workflow_id=claim.workflow_id, definition=name)
        keep(self._slow, claim.definition, None, _REMEMBERED)

    def takes(self, claim: Claim) -> bool:
        """Whether the decision upon this workflow is to be made aside."""
        return self.may_take(claim) and (
            claim.workflow_id in self._asked
            or claim.definition in self._slow
            or (self._wary and claim.strikes > 0)
        )

    def may_take(self, claim: Claim) -> bool:
        """Whether the decision may be made aside: not if that was of no use several times."""
        return self._overtaken.get(claim.workflow_id, 0) < _TRIES

    def knows(self, claim: Claim) -> bool:
        """Whether the workflow's definition is here."""
        return claim.definition in self._definitions

    def learn(self, key: DefinitionKey, document: JsonObject, resources: Mapping[str, JsonValue]) -> None:
        """What the decider is to be told of a definition."""
        keep(self._definitions, key, Definition(key, document, resources), _REMEMBERED)

    def is_waiting(self, claim: Claim) -> bool:
        """Whether there is no answer yet, or too many wait for theirs."""
        asked = self._asked.get(claim.workflow_id)
        if asked is not None:
            return asked.answer is None
        if len(self._asked) >= _MOST:
            self._forget_the_old()
        return len(self._asked) >= _MOST

    def as_asked(self, claim: Claim) -> Claim:
        """The claim less what has been added to it since the workflow was asked about."""
        asked = self._asked.get(claim.workflow_id)
        if (
            asked is None
            or not {*asked.claim.due} <= {*claim.due}
            or not {*asked.claim.done} <= {*claim.done}
        ):
            return claim
        return replace(claim, due=asked.claim.due, done=asked.claim.done)

    def answer(self, claim: Claim, question: Question) -> Answer | None:
        """The answer to the question; None if that is only now asked."""
        asked = self._asked.pop(claim.workflow_id, None)
        if asked is None:
            self._ask(claim, question)
            return None
        if _is_same(asked, claim, question):
            self._overtaken.pop(claim.workflow_id, None)
            return asked.answer
        keep(self._overtaken, claim.workflow_id, self._overtaken.get(claim.workflow_id, 0) + 1, _REMEMBERED)
        self._ask(claim, question)
        return None

    def _ask(self, claim: Claim, question: Question) -> None:
        # as text at once: the state goes on changing
        asked = _Asked(claim, question.told, self._definitions[claim.definition], pickle.dumps(question))
        self._asked[claim.workflow_id] = asked
        self._queue.put_nowait(asked)

    async def run(self) -> None:
        """Has the questions answered, one after the other, until cancelled."""
        while True:
            first = await self._queue.get()
            companion = await Companion.start(self._memory_megabytes)
            try:
                await self._employ(companion, first)
            finally:
                await companion.end()

    async def _employ(self, companion: Companion, asked: _Asked | None) -> None:
        """Asks a decider, until it has been idle for long, has learnt much or breaks."""
        told: set[DefinitionKey] = set()
        while asked is not None:
            if self._asked.get(asked.claim.workflow_id) is asked:  # else it was overtaken
                asked.answer = await self._answer_of(companion, asked, told)
                asked.answered_at = asyncio.get_running_loop().time()
                self._answered()
                if isinstance(asked.answer, Broke):
                    return
            asked = await self._next() if len(told) < _REMEMBERED else None

    async def _next(self) -> _Asked | None:
        """The next question; None if there is none for long."""
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def _answer_of(self, companion: Companion, asked: _Asked, told: set[DefinitionKey]) -> Answer:
        key = asked.claim.definition
        try:
            async with asyncio.timeout(self._seconds):
                if key not in told:
                    await companion.tell(pickle.dumps(asked.definition))
                    told.add(key)
                await companion.tell(asked.message)
                answer = await companion.answer()
        except TimeoutError:
            return Broke(f"it took more than {self._seconds:g} seconds")
        except (asyncio.IncompleteReadError, ConnectionError):
            return Broke("the process that was deciding died")
        assert isinstance(answer, Decided | Broke)
        if isinstance(answer, Decided) and answer.seconds < QUICK_SECONDS:
            self._slow.pop(key, None)
        return answer

    def _forget_the_old(self) -> None:
        """Answers that nobody has fetched: another worker has gone on with those workflows."""
        now = asyncio.get_running_loop().time()
        old = [
            key for key, one in self._asked.items() if one.answer and now - one.answered_at > _KEPT_SECONDS
        ]
        for workflow_id in old:
            del self._asked[workflow_id]


def _is_same(asked: _Asked, claim: Claim, question: Question) -> bool:
    """Whether what was asked is still what is to be known."""
    then = asked.claim
    return (then.last_seq, then.due, then.done, asked.told) == (
        claim.last_seq,
        claim.due,
        claim.done,
        question.told,
    )
