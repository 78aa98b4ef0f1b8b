"""What is run: a command with its environment and its input, made from evaluated arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from pgworker.errors import Fault, FaultKind
from pgworker.expressions.templates import as_text
from pgworker.types import JsonObject, JsonValue

KEY_VARIABLE = "IDEMPOTENCY_KEY"
"""By this a process finds the key that is the same for every attempt at its activity."""

_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""What a process gets of the worker's environment; nothing of it tells a secret."""

_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Command:
    """A command, to be run in a folder of its own that holds ``files``, by their names.

    ``title`` is what messages call it.
    """

    title: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    stdin: bytes | None = None
    files: Mapping[str, str] = field(default_factory=dict)


def words(arguments: JsonValue) -> tuple[str, ...]:
    """Arguments as argv has them; a map's are written ``name=value``, or ``name`` alone for null.

    >>> words(["a", 1]), words({"--name": "ada", "-v": None})
    (('a', '1'), ('--name=ada', '-v'))
    """
    if isinstance(arguments, dict):
        return tuple(
            name if value is None else f"{name}={as_text(value)}" for name, value in sorted(arguments.items())
        )
    return tuple(as_text(argument) for argument in arguments) if isinstance(arguments, list) else ()


def variables(process: JsonObject, key: str) -> dict[str, str]:
    """The author's environment variables, and the idempotency key; those that are null are left out.

    Raises ``Fault`` (configuration) for a name that no variable can have.
    """
    given = process.get("environment")
    found = {KEY_VARIABLE: key}
    for name, value in given.items() if isinstance(given, dict) else ():
        if not name or "=" in name:
            raise Fault(FaultKind.CONFIGURATION, f"{name[:100]!r} cannot be the name of a variable")
        if value is not None:
            found[name] = as_text(value)
    return found


def environment(process: JsonObject, key: str) -> dict[str, str]:
    """The whole environment of a process on this host: little of the worker's, and the author's."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {"PATH": _DEFAULT_PATH} | inherited | variables(process, key)


def stdin(process: JsonObject) -> bytes | None:
    """What goes to standard input, if anything: text as it is, other values as JSON."""
    given = process.get("stdin")
    return None if given is None else as_text(given).encode()


def text(process: JsonObject, name: str) -> str | None:
    """A member that is a text, or None where there is none; raises ``Fault`` (configuration) for others."""
    value = process.get(name)
    if value is not None and not isinstance(value, str):
        raise Fault(FaultKind.CONFIGURATION, f"`{name}` is a text, and not {as_text(value)[:100]}")
    return value
