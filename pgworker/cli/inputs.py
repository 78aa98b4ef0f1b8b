"""What is given on the command line: a workflow's input, labels, names, times, and attributes of events."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from pgworker.errors import ValueRefused
from pgworker.types import JsonObject, JsonValue

InputOption = Annotated[
    str | None,
    typer.Option("--input", "-i", metavar="JSON|@FILE|-", help="The input: JSON, a file of it, or stdin."),
]
MemberOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param", "-P", metavar="KEY=VALUE", help="Sets a member of the input; dots in the key lead inward."
    ),
]
LabelOption = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label; may be repeated.")
]
DataOption = Annotated[
    str | None,
    typer.Option("--data", "-d", metavar="JSON|@FILE|-", help="The data: JSON, a file of it, or stdin."),
]
ExtensionOption = Annotated[
    list[str] | None,
    typer.Option("--extension", "-x", metavar="KEY=VALUE", help="Another attribute; may be repeated."),
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", min=0, metavar="SECONDS", help="Wait no longer than this.")
]

_EXTENSION = re.compile(r"[a-z0-9]+")
_ATTRIBUTES = frozenset({"specversion", "id", "source", "type", "subject", "time", "data"})


class Name(NamedTuple):
    """What names a definition on the command line."""

    namespace: str
    name: str
    version: str | None


def workflow_input(given: str | None, members: Iterable[str] | None) -> JsonValue:
    """The input that ``-i`` gives, with the members that ``-P`` sets; an empty object without either."""
    value: JsonValue = {} if given is None else _parsed(_text(given), "--input")
    for member in members or ():
        key, text = _pair(member, "--param")
        value = _with_member(value, key.split("."), _loosely_parsed(text, f"--param {member}"), member)
    return value


def event_data(given: str | None) -> JsonValue:
    """The data that ``-d`` gives; null without it."""
    return None if given is None else _parsed(_text(given), "--data")


def extensions(pairs: Iterable[str] | None) -> dict[str, JsonValue]:
    """Extension attributes of a CloudEvent: ``key=value``, the value a truth value, a whole number or a text.

    CloudEvents 1.0 has no other types but such as are texts in JSON, its whole numbers have 32 bits, and its
    names small letters and digits.
    """
    found: dict[str, JsonValue] = {}
    for pair in pairs or ():
        key, text = _pair(pair, "--extension")
        if not _EXTENSION.fullmatch(key):
            raise typer.BadParameter(f"--extension {pair}: a name has small letters and digits only")
        if key in _ATTRIBUTES:
            raise typer.BadParameter(f"--extension {pair}: {key} is no extension, see --help")
        value = _loosely_parsed(text, f"--extension {pair}")
        found[key] = value if isinstance(value, int) and -(2**31) <= value < 2**31 else text
    return found


def attribute(given: str | None, what: str) -> str | None:
    """An attribute of a CloudEvent; if there, it is a text that is not empty."""
    if given == "":
        raise typer.BadParameter(f"the {what} of an event cannot be empty")
    return given


def labels(pairs: Iterable[str] | None) -> dict[str, str]:
    """Labels as they are given: ``key=value``."""
    return dict(_pair(pair, "--label") for pair in pairs or ())


def name(given: str, namespace: str | None) -> Name:
    """``[NAMESPACE/]NAME[:VERSION]``, and the option that may name the namespace instead."""
    before, slash, rest = given.rpartition("/")
    bare, _, version = rest.partition(":")
    if not bare or (slash and not before):
        raise typer.BadParameter(f"{given!r} is not a name like hello, hello:1.0.0 or default/hello:1.0.0")
    if before and namespace is not None and namespace != before:
        raise typer.BadParameter(f"{given!r} and --namespace {namespace} name two namespaces")
    return Name(before or namespace or "default", bare, version or None)


def moment(given: str | None) -> datetime | None:
    """A time in ISO 8601; local time, if it does not say otherwise."""
    if given is None:
        return None
    try:
        return datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{given!r} is not a time like 2030-01-31T09:00:00+01:00") from error


def age(given: str) -> timedelta:
    """A length of time: a number with a unit, or an ISO 8601 duration without years and months."""
    from pgworker.expressions.durations import parse_length

    try:
        return parse_length(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _text(given: str) -> bytes:
    if given == "-":
        return sys.stdin.buffer.read()
    if given.startswith("@"):
        return Path(given[1:]).read_bytes()
    return given.encode(errors="surrogateescape")


def _parsed(text: bytes, option: str) -> JsonValue:
    from pgworker.activities.strict_json import parse_json

    try:
        return parse_json(text)
    except ValueRefused as refusal:
        where = f" (at {refusal.pointer})" if refusal.pointer else ""
        raise typer.BadParameter(f"{option} has what JSON cannot hold: {refusal.message}{where}") from refusal
    except ValueError as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from error


def _loosely_parsed(text: str, given: str) -> JsonValue:
    from pgworker.activities.strict_json import parse_json

    if text in ("NaN", "Infinity", "-Infinity"):
        return text  # Python's parser knows these, JSON does not
    try:
        return parse_json(text.encode(errors="surrogateescape"))
    except ValueRefused as refusal:
        raise typer.BadParameter(f"{given}: {refusal.message}") from refusal
    except ValueError:
        return text


def _pair(given: str, option: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"{option} {given}: write key=value")
    return key, value


def _with_member(value: JsonValue, path: list[str], member: JsonValue, given: str) -> JsonObject:
    if not isinstance(value, dict):
        raise typer.BadParameter(f"--param {given}: it would set a member of something that is no object")
    key, *rest = path
    return {**value, key: _with_member(value.get(key, {}), rest, member, given) if rest else member}
