"""What an MCP call asks, of whom, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pgworker import __version__
from pgworker.activities.request import scalar
from pgworker.errors import Fault, FaultKind
from pgworker.expressions.durations import duration_from_object, parse_duration
from pgworker.types import JsonObject, JsonValue

DEFAULT_VERSION = "2025-06-18"
MAX_SECONDS = 3600.0

_KNOWN = frozenset(
    {"protocolVersion", "method", "parameters", "timeout", "http", "stdio", "client", "authentication"}
)
_CALLS = "tools/call"
_KEY = "pgworker/idempotency-key"


@dataclass(frozen=True, slots=True)
class Question:
    """A method with its parameters, who asks it in which version of the protocol, and its seconds."""

    method: str
    parameters: JsonObject
    version: str
    client_name: str
    client_version: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, and what it has in its environment."""

    program: str
    arguments: tuple[str, ...]
    environment: dict[str, str]

    def __str__(self) -> str:
        """For messages: not its arguments, which may hold secrets."""
        return f"the MCP server {self.program!r}"


def question_of(arguments: JsonObject, idempotency_key: str) -> Question:
    """What the evaluated arguments ask; raises ``Fault`` (configuration) for what is wrong.

    A tool is told the key in its call's ``_meta``, since no protocol below is sure to carry it.
    """
    unknown = sorted(set(arguments) - _KNOWN)
    if unknown:
        raise wrong(f"the MCP call has no argument {unknown[0]!r}; it knows {', '.join(sorted(_KNOWN))}")
    method, parameters = arguments.get("method"), arguments.get("parameters")
    if not isinstance(method, str):
        raise wrong("the method of the MCP call must be a text")
    if not isinstance(parameters, dict | None):
        raise wrong("the parameters of the MCP call must be an object")
    client = arguments.get("client")
    named = client if isinstance(client, dict) else {"name": "pgworker", "version": __version__}
    version = arguments.get("protocolVersion", DEFAULT_VERSION)
    return Question(
        method=method,
        parameters=_with_key(parameters or {}, idempotency_key) if method == _CALLS else parameters or {},
        version=_text(version, "the protocolVersion"),
        client_name=_text(named.get("name"), "the client's name"),
        client_version=_text(named.get("version"), "the client's version"),
        seconds=_seconds(arguments["timeout"]) if "timeout" in arguments else None,
    )


def command_of(stdio: JsonObject) -> Command:
    """The command of a transport; raises ``Fault`` (configuration) for what is wrong."""
    given, environment = stdio.get("arguments"), stdio.get("environment")
    if not isinstance(given, list | None) or not isinstance(environment, dict | None):
        raise wrong("the arguments of the MCP server must be an array, and its environment an object")
    program = _text(stdio.get("command"), "the command of the MCP server")
    return Command(
        program=program,
        arguments=tuple(_text(one, "each argument of the MCP server") for one in given or ()),
        environment={
            name: _text(value, f"{name} in the environment of the MCP server")
            for name, value in (environment or {}).items()
        },
    )


def wrong(detail: str) -> Fault:
    """The fault of what an author has to mend."""
    return Fault(FaultKind.CONFIGURATION, detail)


def _with_key(parameters: JsonObject, idempotency_key: str) -> JsonObject:
    meta = parameters.get("_meta")
    return {**parameters, "_meta": {_KEY: idempotency_key, **(meta if isinstance(meta, dict) else {})}}


def _text(value: JsonValue, what: str) -> str:
    text = scalar(value)
    if text is None or "\0" in text:
        raise wrong(f"{what} must be a text")
    return text


def _seconds(value: JsonValue) -> float:
    try:
        if isinstance(value, dict):
            duration = duration_from_object(value)
        else:
            duration = parse_duration(_text(value, "the timeout"))
        begun = datetime(2000, 1, 1, tzinfo=UTC)
        return min((duration.after(begun) - begun).total_seconds(), MAX_SECONDS)
    except ValueError as error:
        raise wrong(f"the timeout of the MCP call is none: {error}") from error
