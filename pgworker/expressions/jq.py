"""jq programs: compiled once, run many times, never able to reach the world.

``purejq`` runs them: it is the quickest of the engines that were measured, works on Python values without
copying them, keeps integers exact and can be interrupted. libjq, the reference, checks each program when its
document is registered, so that what it would not compile is refused there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import FrameType

import jq as libjq
import purejq

from pgworker.errors import ExpressionError
from pgworker.expressions import lexer
from pgworker.expressions.purejq_engine import FORBIDDEN, called
from pgworker.types import JsonValue

Bind = Callable[[frozenset[str]], Mapping[str, JsonValue]]
"""Gives the values of the named variables; called only when a program needs some."""

NOW = "__now"
"""The variable that ``now`` reads: seconds since 1970 at the recorded time of the event."""

MAX_LENGTH = 16_384
"""Characters of one program."""

_MAX_BRACKETS = 200

MISSING = frozenset(
    {
        "copysign", "drem", "erf", "erfc", "expm1", "fdim", "finites", "fma", "fmax", "fmin",
        "fmod", "format", "frexp", "get_jq_origin", "get_prog_origin", "hypot", "isfinite", "j0",
        "j1", "jn", "ldexp", "lgamma_r", "log1p", "modf", "nextafter", "nexttoward", "normals",
        "remainder", "rint", "scalb", "scalbln", "y0", "y1", "yn",
    }
)  # fmt: skip
"""Functions of jq that the engine which runs programs does not have."""


class EvaluationInterrupted(BaseException):
    """Raised into a running program by whoever bounds its time; no program can catch it."""


class Program:
    """A compiled jq program and the names of the variables that it reads."""

    __slots__ = ("_program", "text", "variables")

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.variables = lexer.variables(text)
        except ValueError as error:
            raise ExpressionError(f"`{text}` is not a jq program: {error}") from error
        source = lexer.without_comments(text)
        try:
            if "now" in called(source):
                source = f"def now: ${NOW}; {source}"
                self.variables |= {NOW}
            self._program = purejq.compile(source)
        except (purejq.JqParseError, RecursionError) as error:
            raise ExpressionError(f"`{text}` is not a jq program: {error}") from error

    def __reduce__(self) -> tuple[Callable[[str], Program], tuple[str]]:
        return compile_program, (self.text,)

    def first(self, value: JsonValue, bind: Bind) -> JsonValue:
        """The first result on ``value``, or None if there is none; raises ``ExpressionError``.

        The result may share parts with ``value``.
        """
        try:
            variables = bind(self.variables) if self.variables else None
            result: JsonValue = self._program.first(value, vars=variables)
            return result
        except EvaluationInterrupted as error:
            raise ExpressionError(f"`{self.text}` failed: it took too long") from error
        except purejq.JqError as error:
            raise ExpressionError(f"`{self.text}` failed: {error}") from error
        except RecursionError as error:
            raise ExpressionError(f"`{self.text}` failed: it recurses too deeply") from error
        except MemoryError as error:
            raise ExpressionError(f"`{self.text}` failed: it needs too much memory") from error
        except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
            # What the engine should have told as a JqError: the fault is the expression's all the same.
            raise ExpressionError(f"`{self.text}` failed: {type(error).__name__}: {error}") from error


def running(frame: FrameType | None) -> FrameType | None:
    """The frame of the program that runs in this frame or in one that called it: it may be interrupted there.

    None if no program runs. Each run of a program has a frame of its own.
    """
    while frame is not None and frame.f_code is not Program.first.__code__:
        frame = frame.f_back
    return frame


@lru_cache(maxsize=16_384)
def compile_program(text: str) -> Program:
    """The program of an expression's text (without ``${ }``), from the cache if it was met before."""
    return Program(text)


def check_program(text: str, variables: frozenset[str]) -> str | None:
    """Why this text is no acceptable program in a place where ``variables`` are bound; None if it is."""
    if not text.strip():
        return "the expression is empty"
    if len(text) > MAX_LENGTH:
        return f"the expression is longer than {MAX_LENGTH} characters"
    if text.count("[") + text.count("(") + text.count("{") > _MAX_BRACKETS:
        return f"the expression opens more than {_MAX_BRACKETS} brackets"
    try:
        used = lexer.variables(text)
        calls = _calls(lexer.without_comments(text))
    except ValueError as error:
        return f"not a jq program: {error}"
    if forbidden := sorted((calls | {f"${name}" for name in used}) & FORBIDDEN):
        return f"`{forbidden[0]}` reads or acts on the machine, which a workflow's expressions may not do"
    if missing := sorted((calls - lexer.defined(text)) & MISSING):
        return f"`{missing[0]}` is a function of jq that expressions here do not have"
    return _compile_error(text, variables)


def _calls(source: str) -> frozenset[str]:
    """What a program calls; of one that cannot be read, the keywords that the engine does not know."""
    try:
        return called(source)
    except (purejq.JqParseError, RecursionError):
        return frozenset(token.text for token in lexer.tokens(source) if token.kind == "word") & _IMPORTS


_IMPORTS = frozenset({"import", "include"})


@lru_cache(maxsize=1024)
def _compile_error(text: str, variables: frozenset[str]) -> str | None:
    try:
        libjq.compile(text, args=dict.fromkeys(variables))
        compile_program(text)
    except ValueError as error:
        first_line = str(error).strip().splitlines()[0]
        return f"not a jq program: {first_line.removeprefix('jq: error: ')}"
    except ExpressionError as error:
        return error.message
    return None
