"""The functions that a worker has, by the names under which documents call them."""

from __future__ import annotations

import asyncio
import inspect
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from pgworker.activities.functions.current import calling
from pgworker.activities.functions.parameters import Parameters, fresh
from pgworker.activities.functions.threads import in_thread
from pgworker.activities.redaction import hidden
from pgworker.dsl.reading import listed
from pgworker.dsl.v1_0.calls import PROTOCOLS
from pgworker.errors import Fault, FaultKind, FunctionRefused, ValueRefused
from pgworker.telemetry import log
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_LONGEST_MESSAGE = 2000


class NotHere(Fault):
    """A call of a function that this worker does not have; another may have it."""


@dataclass(frozen=True, slots=True)
class _Function:
    call: Callable[..., object]
    parameters: Parameters
    is_async: bool


class Functions:
    """Functions by name.

    >>> functions = Functions()
    >>> functions.add("score", lambda customer: {"score": 7})
    >>> functions.names
    ('score',)
    """

    def __init__(self) -> None:
        self._functions: dict[str, _Function] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What the functions are called."""
        return tuple(self._functions)

    def add(self, name: str, function: Callable[..., object]) -> None:
        """Registers a function; raises ``FunctionRefused`` for one that no call can name or meet."""
        if not _NAME.fullmatch(name):
            raise FunctionRefused(
                f"no function can be called {name!r}",
                hint="Letters, digits, dots, dashes and underscores, and a letter first.",
            )
        if name in PROTOCOLS:
            raise FunctionRefused(f"`call: {name}` is a call of the language, and no function's")
        if name in self._functions:
            raise FunctionRefused(f"there are two functions called {name}")
        if not callable(function):
            raise FunctionRefused(f"{name} is no function, but a {type(function).__name__}")
        self._functions[name] = _Function(function, Parameters(name, function), _is_async(function))

    def update(self, others: Functions) -> None:
        """Takes in the functions of others; raises ``FunctionRefused`` for a name that is taken."""
        for name, function in others._functions.items():
            if name in self._functions:
                raise FunctionRefused(f"there are two functions called {name}")
            self._functions[name] = function

    async def perform(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Calls the function that the arguments name, with the arguments that they hold.

        Raises ``Fault``: ``NotHere``, validation for wrong arguments, runtime for a function that raised
        something or returned what is no JSON, and the ``Fault`` that it raised itself.
        """
        name, given = str(arguments.get("function")), arguments.get("with")
        function = self._functions.get(name)
        if function is None:
            has = f"it has {listed([*self._functions])}" if self._functions else "it has none"
            raise NotHere(FaultKind.CONFIGURATION, f"this worker has no function {name}: {has}")
        bound = function.parameters.bind(given if isinstance(given, dict) else {})
        with calling(name, idempotency_key):
            returned = await _called(name, function, bound)
        return _checked(name, returned)


async def _called(name: str, function: _Function, arguments: dict[str, object]) -> object:
    """What the function returns; whatever it raises is a fault, unless it was cancelled by us."""
    try:
        if function.is_async:
            returned = function.call(**arguments)
        else:
            returned = await in_thread(name, lambda: function.call(**arguments))
        return await returned if inspect.isawaitable(returned) else returned
    except Fault as fault:
        raise _own(name, fault) from fault
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise _broken(name, error) from error  # it cancelled itself: without an outcome it would never end
    except GeneratorExit:
        raise
    except BaseException as error:  # SystemExit would end the worker, and is the function's own all the same
        raise _broken(name, error) from error


def _broken(name: str, error: BaseException) -> Fault:
    """The fault for an exception; its traceback goes to the log, and neither of them tells a secret."""
    said = _said(str(error))
    trace = hidden().message("".join(traceback.format_exception(error)))
    log.error("a function failed", function=name, traceback=trace)
    text = f"{name} raised {type(error).__name__}"
    return Fault(FaultKind.RUNTIME, f"{text}: {said}" if said else text)


def _own(name: str, fault: Fault) -> Fault:
    """The fault that a function raised, with nothing in it that history could not hold."""
    try:
        return Fault(
            FaultKind(fault.kind),
            _said(str(fault.detail)),
            status=int(fault.status),
            title=_said(str(fault.title)),
        )
    except (TypeError, ValueError, OverflowError) as error:
        return _broken(name, error)


def _said(text: str) -> str:
    """A message as history can hold it: without secrets, which are hidden before it is cut."""
    said = hidden().message(text)[:_LONGEST_MESSAGE]
    return said.replace("\0", "\\u0000").encode(errors="backslashreplace").decode()


def _checked(name: str, returned: object) -> JsonValue:
    """The result, if it is JSON; a copy, since the function may keep and change what it returned."""
    try:
        return fresh(canonical(cast(JsonValue, returned)))
    except ValueRefused as refusal:
        where = f" (at {refusal.pointer})" if refusal.pointer else ""
        what = f"{refusal.message}{where}"
        raise Fault(FaultKind.RUNTIME, f"{name} returned what is no JSON: {what}") from refusal
    except TypeError as error:  # a class of its own for the keys of an object
        raise Fault(FaultKind.RUNTIME, f"{name} returned what is no JSON: {error}") from error


def _is_async(function: Callable[..., object]) -> bool:
    """Whether it is called on the loop; what only returns a coroutine comes there from a thread."""
    called = function if inspect.isroutine(function) else type(function).__call__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
