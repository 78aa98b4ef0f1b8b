"""``run`` of processes: containers, scripts and shell commands ("Run" in the DSL reference)."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.endpoints import read_resource
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.shapes import check_list_of_texts, check_objects, check_texts, only_one
from pgworker.dsl.v1_0.unsupported import report_unsupported

_CONTAINER_TEXTS = ("image", "name", "command", "stdin")
_CONTAINER_OBJECTS = ("ports", "volumes", "environment")


def check_process(kind: str, process: Piece, names: Names) -> None:
    """Checks a process of a kind that cannot be performed so far, and reports that."""
    if process.object() is not None:
        if kind == "container":
            _check_container(process, names)
        elif kind == "script":
            _check_script(process, names)
        elif kind == "shell":
            _check_shell(process, names)
    report_unsupported(process, f"`run: {kind}`")


def _check_container(piece: Piece, names: Names) -> None:
    known = {*_CONTAINER_TEXTS, *_CONTAINER_OBJECTS, "arguments", "lifetime", "pullPolicy"}
    piece.allow(known, "a container")
    piece.require(["image"], "the container")
    check_texts(piece, _CONTAINER_TEXTS)
    check_objects(piece, _CONTAINER_OBJECTS)
    if piece.has("arguments"):
        check_list_of_texts(piece.member("arguments"))
    if piece.has("lifetime"):
        _check_lifetime(piece.member("lifetime"), names)
    if piece.has("pullPolicy"):
        piece.member("pullPolicy").choice(["ifNotPresent", "always", "never"])
    _check_expressions(piece, (*_CONTAINER_TEXTS, *_CONTAINER_OBJECTS, "arguments"), names)


def _check_lifetime(piece: Piece, names: Names) -> None:
    """``after`` belongs to ``cleanup: eventually``, and to nothing else."""
    if piece.object() is None:
        return
    piece.allow({"cleanup", "after"}, "a lifetime")
    if not piece.require(["cleanup"], "the lifetime"):
        return
    cleanup = piece.member("cleanup").choice(["always", "never", "eventually"])
    if cleanup == "eventually":
        piece.require(["after"], "the lifetime")
    elif piece.has("after"):
        piece.member("after").report("`after` means nothing here", hint="write `cleanup: eventually`")
    if piece.has("after"):
        read_duration(piece.member("after"), names.variables)


def _check_script(piece: Piece, names: Names) -> None:
    piece.allow({"language", "code", "source", "stdin", "arguments", "environment"}, "a script")
    piece.require(["language"], "the script")
    only_one(piece, ("code", "source"), "a script")
    check_texts(piece, ["language", "code"])
    if piece.has("source"):
        read_resource(piece.member("source"), names)
    _check_command_line(piece, names)


def _check_shell(piece: Piece, names: Names) -> None:
    piece.allow({"command", "stdin", "arguments", "environment"}, "a shell command")
    piece.require(["command"], "the shell command")
    check_texts(piece, ["command"])
    _check_expressions(piece, ["command"], names)
    _check_command_line(piece, names)


def _check_command_line(piece: Piece, names: Names) -> None:
    check_texts(piece, ["stdin"])
    check_objects(piece, ["environment"])
    if piece.has("arguments"):
        check_list_of_texts(piece.member("arguments"))
    _check_expressions(piece, ["stdin", "environment", "arguments"], names)


def _check_expressions(piece: Piece, keys: list[str] | tuple[str, ...], names: Names) -> None:
    for key in keys:
        if piece.has(key):
            read_template(piece.member(key), names.variables)
