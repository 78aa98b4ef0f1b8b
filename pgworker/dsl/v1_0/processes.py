"""``run`` of processes: containers, scripts and shell commands ("Run" in the DSL reference)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from pgworker.dsl.reading import Piece, listed
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.endpoints import read_resource
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.shapes import check_list_of_texts, check_objects, check_texts, literal, only_one
from pgworker.errors import Rule
from pgworker.expressions.durations import Duration
from pgworker.expressions.templates import Literal, Members, Template, expression

LANGUAGES = ("js", "python")
"""The languages of scripts ("Supported languages" in the DSL reference)."""

_CONTAINER_TEXTS = ("image", "name", "command", "stdin")
_CONTAINER_OBJECTS = ("ports", "volumes", "environment")
_COMMAND_LINE = ("stdin", "environment", "arguments")
_OWNER: tuple[tuple[str, Template], ...] = (
    ("namespace", expression("$workflow.definition.document.namespace")),
    ("workflow", expression("$workflow.definition.document.name")),
    ("task", expression("$task.name")),
)
"""Whose container it is, from which follows the name that it gets if the author gives none."""

Parts = dict[str, Template | None]


def read_process(kind: str, process: Piece, names: Names) -> tuple[tuple[str, Template], ...] | None:
    """The arguments of an activity that runs a process of this kind, by their names."""
    if process.object() is None:
        return None
    parts = _READERS[kind](process, names)
    members = tuple((key, part) for key, part in parts.items() if part is not None)
    return members if len(members) == len(parts) else None


def _read_container(piece: Piece, names: Names) -> Parts:
    known = {*_CONTAINER_TEXTS, *_CONTAINER_OBJECTS, "arguments", "lifetime", "pullPolicy"}
    piece.allow(known, "a container")
    piece.require(["image"], "the container")
    check_texts(piece, _CONTAINER_TEXTS)
    check_objects(piece, _CONTAINER_OBJECTS)
    if piece.has("arguments"):
        check_list_of_texts(piece.member("arguments"))
    parts = _read_templates(piece, (*_CONTAINER_TEXTS, *_CONTAINER_OBJECTS, "arguments"), names)
    if piece.has("lifetime"):
        parts["lifetime"] = _read_lifetime(piece.member("lifetime"), names)
    if piece.has("pullPolicy"):
        policy = piece.member("pullPolicy").choice(["ifNotPresent", "always", "never"])
        parts["pullPolicy"] = literal(policy)
    parts["owner"] = Members(_OWNER)
    return parts


def _read_lifetime(piece: Piece, names: Names) -> Template | None:
    """``after`` belongs to ``cleanup: eventually``, and to nothing else."""
    if piece.object() is None:
        return None
    piece.allow({"cleanup", "after"}, "a lifetime")
    if not piece.require(["cleanup"], "the lifetime"):
        return None
    cleanup = piece.member("cleanup").choice(["always", "never", "eventually"])
    if cleanup == "eventually":
        piece.require(["after"], "the lifetime")
    elif piece.has("after"):
        piece.member("after").report("`after` means nothing here", hint="write `cleanup: eventually`")
    members: list[tuple[str, Template]] = [("cleanup", Literal(cleanup))]
    if piece.has("after"):
        after = read_duration(piece.member("after"), names.variables)
        if after is None:
            return None
        members.append(("after", Literal(after.to_iso()) if isinstance(after, Duration) else after))
    return Members(tuple(members))


def _read_script(piece: Piece, names: Names) -> Parts:
    piece.allow({"language", "code", "source", "stdin", "arguments", "environment"}, "a script")
    piece.require(["language"], "the script")
    only_one(piece, ("code", "source"), "a script")
    check_texts(piece, ["language", "code"])
    parts = _read_templates(piece, ("language", "code"), names)
    if isinstance(parts.get("language"), Literal):
        _check_language(piece.member("language"))
    if piece.has("source"):
        parts["source"] = read_resource(piece.member("source"), names)
    return parts | _read_command_line(piece, names)


def _check_language(piece: Piece) -> None:
    language = piece.value
    if isinstance(language, str) and language not in LANGUAGES:
        piece.report(
            f"no script in `{language}` can be run",
            expected="one of " + listed(LANGUAGES),
            hint="a container may run it",
            rule=Rule.RUNNABLE,
        )


def _read_shell(piece: Piece, names: Names) -> Parts:
    piece.allow({"command", "stdin", "arguments", "environment"}, "a shell command")
    piece.require(["command"], "the shell command")
    check_texts(piece, ["command"])
    return _read_templates(piece, ("command",), names) | _read_command_line(piece, names)


def _read_command_line(piece: Piece, names: Names) -> Parts:
    """Arguments are a list; DSL 1.0.0 had a map in its place."""
    check_texts(piece, ["stdin"])
    check_objects(piece, ["environment"])
    if piece.has("arguments") and not isinstance(piece.member("arguments").value, dict):
        check_list_of_texts(piece.member("arguments"))
    return _read_templates(piece, _COMMAND_LINE, names)


def _read_templates(piece: Piece, keys: Collection[str], names: Names) -> Parts:
    return {key: read_template(piece.member(key), names.variables) for key in keys if piece.has(key)}


_READERS: dict[str, Callable[[Piece, Names], Parts]] = {
    "container": _read_container,
    "script": _read_script,
    "shell": _read_shell,
}
