"""Calls: what workflows ask of the world, and what the test answers."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, TypeVar

from pgworker.activities.unsealing import arguments_of
from pgworker.engine.inputs import ActivityCompleted, ActivityFailed, Outcome
from pgworker.errors import Fault, FaultKind, PgworkerError
from pgworker.types import JsonObject, JsonValue, Pointer

T = TypeVar("T")


class UnansweredCall(PgworkerError):
    """A workflow makes a call for which the test has no answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, or one process, that a task asked for, with its evaluated arguments.

    ``task`` is the task's JSON Pointer and ``name`` its name; ``kind`` is ``http``, ``grpc``, ``shell`` and
    so on; ``attempt`` counts the attempts of the innermost ``try`` around it.
    """

    workflow_id: str
    task: Pointer
    name: str
    kind: str
    arguments: JsonObject
    idempotency_key: str
    attempt: int = 1

    @property
    def method(self) -> str:
        """The method of an HTTP call, in capitals; empty for others."""
        return str(self.arguments.get("method", "")).upper()

    @property
    def endpoint(self) -> str:
        """The URI that is called; empty where there is none."""
        endpoint = self.arguments.get("endpoint", "")
        return str(endpoint.get("uri", "")) if isinstance(endpoint, dict) else str(endpoint)

    @property
    def body(self) -> JsonValue:
        """The body of an HTTP call."""
        return self.arguments.get("body")

    @property
    def headers(self) -> Mapping[str, JsonValue]:
        """The headers that the document sets."""
        headers = self.arguments.get("headers")
        return headers if isinstance(headers, dict) else {}


@dataclass(frozen=True, slots=True)
class _Answer:
    answer: Callable[[Call], JsonValue]
    takes: timedelta


class Answers:
    """What calls that match are answered: one answer after the other, and then the last again and again."""

    def __init__(self, task: str | None, kind: str | None, method: str | None, url: str | None) -> None:
        self._task = task
        self._kind = kind
        self._method = method
        self._url = None if url is None else re.compile(".*".join(map(re.escape, url.split("*"))), re.DOTALL)
        self._answers: deque[_Answer] = deque()
        self._takes = timedelta()

    def returns(self, value: JsonValue = None) -> Self:
        """The next answer is this value: what the task gets, such as the content of an HTTP response."""
        kept = deepcopy(value)
        return self.does(lambda _: deepcopy(kept))

    def fails(
        self, status: int | None = None, detail: str = "the test lets it fail", kind: str = "communication"
    ) -> Self:
        """The next answer is an error: of a standard ``kind`` of the specification, with its status.

        Raises ``ValueError`` for a kind that the specification does not have.
        """
        if kind not in {*FaultKind}:
            raise ValueError(f"no standard error is called {kind!r}; there are {', '.join(FaultKind)}")
        return self.does(lambda _: _raise(Fault(FaultKind(kind), detail, status=status)))

    def does(self, answer: Callable[[Call], JsonValue]) -> Self:
        """The next answer is what this function makes of the call; it may raise ``Fault``."""
        self._answers.append(_Answer(answer, self._takes))
        self._takes = timedelta()
        return self

    def takes(self, **length: float) -> Self:
        """The next answer, which is said after this, comes after so long, such as ``seconds=30``."""
        self._takes = timedelta(**length)
        return self

    def match(self, call: Call) -> bool:
        """Whether they are for this call."""
        return bool(self._answers) and (
            self._task in (None, call.name, call.task)
            and self._kind in (None, call.kind)
            and (self._method is None or self._method.upper() == call.method)
            and (self._url is None or self._url.fullmatch(call.endpoint) is not None)
        )

    def next(self) -> _Answer:
        """The answer to the next call; raises ``PgworkerError`` after a ``takes`` that nothing follows."""
        if self._takes:
            raise PgworkerError(
                "`takes` is about the answer that comes after it, and there is none",
                hint="Say first how long it takes: .takes(seconds=30).returns({...}).",
            )
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]


class Switchboard:
    """Answers calls by what the test has said last, and remembers them."""

    def __init__(self, secrets: Mapping[str, JsonObject | str]) -> None:
        self._secrets = _GivenSecrets(secrets)
        self._answers: list[Answers] = []
        self.calls: list[Call] = []

    def add(self, answers: Answers) -> Answers:
        """From now on these come first."""
        self._answers.insert(0, answers)
        return answers

    def made(self, task: str | None) -> Sequence[Call]:
        """The calls that were made, all or those of a task, by its name or pointer."""
        return [call for call in self.calls if task in (None, call.name, call.task)]

    def answer(
        self, workflow_id: str, start: int, task: Pointer, data: JsonObject
    ) -> tuple[Outcome, timedelta]:
        """The outcome of an activity that an event with these data scheduled, and how long it takes.

        Raises ``UnansweredCall``.
        """
        takes = timedelta()
        try:
            call = self._call(workflow_id, start, task, data)
            self.calls.append(call)
            answer = self._found(call).next()
            takes = answer.takes
            return ActivityCompleted(start, answer.answer(call), 1, _TOKEN), takes
        except Fault as fault:
            return ActivityFailed(start, fault, 1, _TOKEN), takes

    def _call(self, workflow_id: str, start: int, task: Pointer, data: JsonObject) -> Call:
        attempt = data.get("retry", 1)
        assert isinstance(attempt, int)
        return Call(
            workflow_id=workflow_id,
            task=task,
            name=_name(task),
            kind=str(data.get("activity")),
            arguments=_result(arguments_of(data, self._secrets)).arguments,
            idempotency_key=f"{workflow_id}:{start}",
            attempt=attempt,
        )

    def _found(self, call: Call) -> Answers:
        for answers in self._answers:
            if answers.match(call):
                return answers
        asked = f"{call.method} {call.endpoint}".strip() or str(call.arguments)
        raise UnansweredCall(
            f"the test does not answer the {call.kind} call of {call.name} ({call.task}): {asked:.300}",
            hint=f'Say what it gets: engine.on_call("{call.name}").returns({{...}}).',
        )


_TOKEN = "token"


class _GivenSecrets:
    """The secrets that the test gives."""

    def __init__(self, secrets: Mapping[str, JsonObject | str]) -> None:
        self._secrets = secrets

    async def secret(self, name: str) -> JsonObject | str:
        """A secret; raises ``Fault`` if the test gives none."""
        if name not in self._secrets:
            raise Fault(FaultKind.AUTHORIZATION, f"the secret {name!r} is not among those of the test")
        return self._secrets[name]


def _result(coroutine: Coroutine[None, None, T]) -> T:
    """What a coroutine returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("it waits for something")


def _raise(fault: Fault) -> JsonValue:
    raise fault


def _name(task: Pointer) -> str:
    return task.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")
