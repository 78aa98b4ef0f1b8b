"""Tasks: which kind one is, what all kinds have, and what each has of its own."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from pgworker.dsl.reading import Piece, did_you_mean, kind_of, listed
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.calls import read_call
from pgworker.dsl.v1_0.catching import read_catch
from pgworker.dsl.v1_0.dataflow import read_dataflow
from pgworker.dsl.v1_0.durations import read_timeout
from pgworker.dsl.v1_0.emitting import read_emit
from pgworker.dsl.v1_0.expressions import read_expression, read_template, read_variable
from pgworker.dsl.v1_0.extensions import extensions_of
from pgworker.dsl.v1_0.listening import read_listen
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.raising import read_raise
from pgworker.dsl.v1_0.runs import read_run
from pgworker.dsl.v1_0.shapes import check_objects
from pgworker.dsl.v1_0.siblings import DIRECTIVES, Siblings
from pgworker.dsl.v1_0.waits import read_wait
from pgworker.errors import Rule
from pgworker.expressions.templates import Template
from pgworker.plan.nodes import Case, DoNode, ForkNode, ForNode, Node, SetNode, SwitchNode, TaskList, TryNode
from pgworker.types import JsonObject

COMMON = frozenset({"if", "input", "output", "export", "timeout", "then", "metadata"})


Reader = Callable[[Piece, Base, Siblings, Names], Node | None]


def read_task_list(piece: Piece, names: Names, siblings: Siblings | None = None) -> TaskList:
    """A list of named tasks; ``siblings`` tells what follows them, if not the next in the list."""
    entries: dict[str, Piece] = {}
    written: list[tuple[str, Piece]] = []
    for item in piece.items():
        entry = item.entry("task")
        if entry is None:
            continue
        name, task = entry
        if name in entries:
            task.report(
                f"there are two tasks named `{name}` in this list",
                hint=f"rename one; the other is at {entries[name].pointer}",
                rule=Rule.UNIQUE,
            )
        elif name in DIRECTIVES:
            task.report(
                f"a task cannot be named `{name}`: that is a flow directive",
                hint="rename it",
                rule=Rule.TARGET,
            )
        entries.setdefault(name, task)
        written.append((name, task))
    siblings = siblings or Siblings(list(entries))
    nodes: dict[str, Node] = {}
    for name, task in written:
        node = read_task(task, name, siblings, names)
        if node is not None:
            nodes[name] = node
    task_list = TaskList(piece.pointer, MappingProxyType(nodes), next(iter(entries), None))
    names.lists[piece.pointer] = task_list
    return task_list


def read_task(piece: Piece, name: str, siblings: Siblings, names: Names) -> Node | None:
    """The node of one task; None if something in it was reported."""
    definition = piece.object()
    if definition is None:
        return None
    kind = _kind(piece, definition)
    if kind is None:
        return None
    members, reader = _READERS[kind]
    piece.allow(COMMON | members, f"a `{kind}` task")
    check_objects(piece, ["metadata"])
    then = siblings.resolve(piece.member("then"), name) if piece.has("then") else siblings.follower(name)
    condition = read_expression(piece.member("if"), names.variables) if piece.has("if") else None
    base = Base(
        name=name,
        reference=piece.pointer,
        kind=kind,
        definition=definition,
        then=then,
        condition=condition,
        flow=read_dataflow(piece, names),
        timeout=read_timeout(piece.member("timeout"), names) if piece.has("timeout") else None,
        extensions=extensions_of(kind, names),
    )
    return reader(piece, base, siblings, names)


def _kind(piece: Piece, definition: JsonObject) -> str | None:
    found = [kind for kind in KINDS if kind in definition]
    if "for" in found:
        found = [kind for kind in found if kind != "do"]
    if len(found) == 1:
        return found[0]
    if found:
        piece.report(f"a task is of one kind, and this one has {listed(found)}", hint="split it into several")
        return None
    unknown = [key for key in definition if key not in COMMON]
    piece.report(
        f"`{unknown[0]}` is not a kind of task" if unknown else "the task does not say what it does",
        expected="one of " + listed(KINDS),
        hint=did_you_mean(unknown[0], KINDS) if unknown else None,
    )
    return None


def _read_set(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    value = piece.member("set")
    template: Template | None = None
    if isinstance(value.value, str):
        template = read_expression(value, names.variables)
    elif isinstance(value.value, dict) and value.value:
        template = read_template(value, names.variables)
    else:
        value.report(f"found {kind_of(value.value)}", expected="an object with members, or an expression")
    return None if template is None else SetNode(**base, value=template)


def _read_do(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    return DoNode(**base, body=read_task_list(piece.member("do"), names))


def _read_switch(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    cases: list[Case] = []
    default: str | None = None
    switch = piece.member("switch")
    for item in switch.items():
        entry = item.entry("case")
        if entry is None or entry[1].object() is None:
            continue
        name, case = entry
        if any(name == known.name for known in cases):
            case.report(
                f"there are two cases named `{name}` in this switch", hint="rename one", rule=Rule.UNIQUE
            )
        case.allow({"when", "then"}, "a case")
        case.require(["then"], f"the case `{name}`")
        condition = read_expression(case.member("when"), names.variables) if case.has("when") else None
        if not case.has("when"):
            if default is not None:
                case.report(
                    f"`{default}` is the default case already",
                    hint="give this one a `when`",
                    rule=Rule.UNIQUE,
                )
            default = name
        if case.has("then"):
            cases.append(Case(name, condition, siblings.resolve(case.member("then"), base["name"])))
    if switch.value == []:
        switch.report("a switch has at least one case", expected="a list of cases")
    return SwitchNode(**base, cases=tuple(sorted(cases, key=lambda case: case.condition is None)))


def _read_for(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    loop = piece.member("for")
    if loop.object() is None or not piece.require(["do"], "the `for` task"):
        return None
    loop.allow({"each", "in", "at"}, "`for`")
    each = read_variable(loop.member("each")) if loop.has("each") else "item"
    at = read_variable(loop.member("at")) if loop.has("at") else "index"
    if each is not None and each == at:
        twice = loop.member("each" if loop.has("each") else "at")
        twice.report(
            f"the item and its index are both named `{each}`", hint="rename one of them", rule=Rule.UNIQUE
        )
    if not loop.require(["in"], "`for`") or each is None or at is None:
        return None
    inside = names.within(each, at)
    collection = loop.member("in")
    items = _read_collection(collection, names)
    while_ = read_expression(piece.member("while"), inside.variables) if piece.has("while") else None
    body = read_task_list(piece.member("do"), inside)
    if items is None:
        return None
    return ForNode(**base, each=each, at=at, items=items, while_=while_, body=body)


def _read_collection(piece: Piece, names: Names) -> Template | None:
    """What a loop goes through: an expression that gives it, or an array."""
    if isinstance(piece.value, str):
        return read_expression(piece, names.variables)
    if not isinstance(piece.value, list):
        piece.report(f"found {kind_of(piece.value)}", expected="an expression or an array")
        return None
    return read_template(piece, names.variables)


def _read_fork(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    fork = piece.member("fork")
    if fork.object() is None or not fork.require(["branches"], "the fork"):
        return None
    fork.allow({"branches", "compete"}, "a fork")
    compete = fork.member("compete").boolean() if fork.has("compete") else False
    branches = read_task_list(fork.member("branches"), names, Siblings.branches())
    return None if compete is None else ForkNode(**base, branches=branches, compete=compete)


def _read_try(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    if not piece.require(["try", "catch"], "the `try` task"):
        return None
    body = read_task_list(piece.member("try"), names)
    catch = read_catch(piece.member("catch"), base, siblings, names, read_task_list)
    return None if catch is None else TryNode(**base, body=body, catch=catch)


def _read_raise(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    return read_raise(piece.member("raise"), base, names)


def _read_wait(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    return read_wait(piece.member("wait"), base, names)


def _read_emit(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    return read_emit(piece.member("emit"), base, names)


def _read_call(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    return read_call(piece, base, names, read_task, read_task_list)


def _read_listen(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    return read_listen(piece, base, names, read_task_list)


def _read_run(piece: Piece, base: Base, siblings: Siblings, names: Names) -> Node | None:
    return read_run(piece, base, names)


KINDS = ("call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait")

_READERS: dict[str, tuple[frozenset[str], Reader]] = {
    "set": (frozenset({"set"}), _read_set),
    "do": (frozenset({"do"}), _read_do),
    "switch": (frozenset({"switch"}), _read_switch),
    "for": (frozenset({"for", "while", "do"}), _read_for),
    "raise": (frozenset({"raise"}), _read_raise),
    "wait": (frozenset({"wait"}), _read_wait),
    "call": (frozenset({"call", "with"}), _read_call),
    "emit": (frozenset({"emit"}), _read_emit),
    "fork": (frozenset({"fork"}), _read_fork),
    "try": (frozenset({"try", "catch"}), _read_try),
    "listen": (frozenset({"listen", "foreach"}), _read_listen),
    "run": (frozenset({"run"}), _read_run),
}
