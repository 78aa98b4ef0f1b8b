"""``run``: another workflow, or a process outside."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.processes import read_process
from pgworker.dsl.v1_0.shapes import only_one
from pgworker.expressions.sealing import sealed
from pgworker.expressions.templates import Literal, Members, Template
from pgworker.plan.nodes import ActivityNode, ChildNode, Node, Return

_PROCESSES = ("container", "script", "shell", "workflow")


def read_run(piece: Piece, base: Base, names: Names) -> Node | None:
    """What is run, by its one member."""
    run = piece.member("run")
    if run.object() is None:
        return None
    run.allow({*_PROCESSES, "await", "return"}, "`run`")
    kind = only_one(run, _PROCESSES, "`run`")
    if kind is None:
        return None
    waits, returns = read_waits(run), read_return(run)
    if kind != "workflow":
        return _read_process(kind, run.member(kind), base, names, waits=waits, returns=returns)
    return _read_workflow(run.member(kind), base, names, waits=waits, returns=returns)


def read_waits(run: Piece) -> bool:
    """Whether the end of the process is waited for."""
    return run.member("await").boolean() is not False if run.has("await") else True


def read_return(run: Piece) -> Return:
    """What of the process is handed on."""
    choice = run.member("return").choice([value.value for value in Return]) if run.has("return") else None
    return Return.STDOUT if choice is None else Return(choice)


def _read_process(
    kind: str, piece: Piece, base: Base, names: Names, *, waits: bool, returns: Return
) -> ActivityNode | None:
    process = read_process(kind, piece, names)
    if process is None:
        return None
    asked = (("await", Literal(waits)), ("return", Literal(returns.value)))
    arguments, seals = sealed(Members((*process, *asked)))
    return ActivityNode(**base, activity=kind, arguments=arguments, sealed=seals, waits=waits)


def _read_workflow(
    piece: Piece, base: Base, names: Names, *, waits: bool, returns: Return
) -> ChildNode | None:
    if piece.object() is None or not piece.require(["namespace", "name"], "the workflow to run"):
        return None
    piece.allow({"namespace", "name", "version", "input"}, "a workflow to run")
    parts: list[Template | None] = []
    for key in ("namespace", "name"):
        parts.append(_read_text(piece.member(key), names))
    version = _read_text(piece.member("version"), names) if piece.has("version") else None
    input_: Template | None = Literal({})
    if piece.has("input"):
        input_ = read_template(piece.member("input"), names.variables)
    namespace, child = parts
    if namespace is None or child is None or input_ is None or (version is None and piece.has("version")):
        return None
    return ChildNode(
        **base, namespace=namespace, child=child, version=version, input=input_, waits=waits, returns=returns
    )


def _read_text(piece: Piece, names: Names) -> Template | None:
    return None if piece.text() is None else read_template(piece, names.variables)
