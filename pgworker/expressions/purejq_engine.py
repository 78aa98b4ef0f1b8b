"""The engine that runs jq programs, with what it may not do walled off and what it does wrong put right.

This is the one module that knows the inside of ``purejq``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import purejq
from purejq import builtins, compiler, ops, parser, prelude

from pgworker.types import JsonValue

FORBIDDEN = frozenset(
    {
        "env", "input", "inputs", "input_filename", "input_line_number", "debug", "stderr", "halt",
        "halt_error", "import", "include", "modulemeta", "localtime", "strflocaltime",
        "get_search_list", "$ENV", "$__prog_args", "$__loc__",
    }
)  # fmt: skip
"""Names that would let a program read the machine it runs on, or act on it."""


def called(source: str) -> frozenset[str]:
    """The names of the functions that a program calls, as the engine itself reads it.

    Raises ``purejq.JqParseError`` or ``RecursionError``.

    >>> sorted(called('{now} | {input: env} | "\\\\(now)"'))
    ['env', 'now']
    """
    found: set[str] = set()
    nodes: list[object] = [parser.parse(source)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, tuple | list):
            if isinstance(node, tuple) and node[:1] == ("call",):
                found.add(str(node[1]))
            nodes.extend(node)
    return frozenset(found)


class _Filter(Protocol):
    """An argument of a builtin: a filter, and what it gives for a value."""

    def vals(self, value: JsonValue) -> Iterator[JsonValue]: ...


def _until(value: JsonValue, _env: object, condition: _Filter, update: _Filter) -> Iterator[JsonValue]:
    """``until``, in a loop: the engine's own recurses, and gives up after some hundred steps."""
    waiting = [iter((value,))]
    while waiting:
        for one in waiting[-1]:
            if any(map(ops.truthy, condition.vals(one))):
                yield one
            else:
                waiting.append(update.vals(one))
                break
        else:
            waiting.pop()


def _while(value: JsonValue, _env: object, condition: _Filter, update: _Filter) -> Iterator[JsonValue]:
    """``while``, in a loop."""
    waiting = [iter((value,))]
    while waiting:
        for one in waiting[-1]:
            if any(map(ops.truthy, condition.vals(one))):
                yield one
                waiting.append(update.vals(one))
                break
        else:
            waiting.pop()


def _extreme(items: list[JsonValue], key: Callable[[JsonValue], JsonValue], want_max: bool) -> JsonValue:
    """The least or the greatest; null is the least of all, and not nothing yet."""
    best = items[0]
    best_key = key(best)
    for item in items[1:]:
        item_key = key(item)
        order = ops.jq_cmp(item_key, best_key)
        if (want_max and order >= 0) or (not want_max and order < 0):
            best, best_key = item, item_key
    return best


_LONGEST_TEXT = 32 * 1024 * 1024
_LONGEST_ARRAY = 4 * 1024 * 1024
"""Longer ones come of doubling without end: no event could hold them, and copying them holds up others."""


def _sum(left: JsonValue, right: JsonValue) -> JsonValue:
    """``+``, with a bound."""
    if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) > _LONGEST_TEXT:
        raise MemoryError
    if isinstance(left, list) and isinstance(right, list) and len(left) + len(right) > _LONGEST_ARRAY:
        raise MemoryError
    total: JsonValue = ops.add_values(left, right)
    return total


def _refused(name: str) -> Callable[..., Iterator[JsonValue]]:
    def refuse(*_: object) -> Iterator[JsonValue]:
        raise purejq.JqError(f"{name} is not available")

    return refuse


def _wall_off() -> None:
    """Programs are refused that name these; should one slip through, there is nothing behind the name."""
    for key in [key for key in builtins.PY_BUILTINS if key[0] in FORBIDDEN]:
        builtins.PY_BUILTINS[key] = _refused(key[0])
    prelude.prelude_env().vars["ENV"] = {}


def _put_right() -> None:
    functions = prelude.prelude_env().funcs
    for key, function in ((("until", 2), _until), (("while", 2), _while)):
        functions.pop(key, None)
        builtins.PY_BUILTINS[key] = function
    builtins._extreme_by = _extreme
    compiler._BINOPS["+"] = _sum


_wall_off()
_put_right()
