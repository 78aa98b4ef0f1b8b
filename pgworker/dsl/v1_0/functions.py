"""Functions: tasks of ``use.functions`` and of catalogs, and the calls of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType

from pgworker.dsl.reading import Piece, did_you_mean, listed
from pgworker.dsl.v1_0.base import Base
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names, TaskReader, Wanted
from pgworker.dsl.v1_0.registered import registered, registered_names
from pgworker.dsl.v1_0.siblings import Siblings
from pgworker.dsl.v1_0.wanting import read_wanted
from pgworker.errors import Rule
from pgworker.expressions.sealing import sealed
from pgworker.expressions.templates import Literal, Members, Template
from pgworker.plan.nodes import ActivityNode, FunctionNode, Node, TaskList
from pgworker.types import Pointer

_CATALOGED = re.compile(r"(?P<function>[^:@\s]+):(?P<version>[^:@\s]+)@(?P<catalog>[^:@\s]+)")
_VERSIONED = re.compile(r"(?P<uri>.+://.*/[^/]+)@v?(?P<version>[^/@]+)")
_TREE = re.compile(
    r"(?P<host>https://(?:www\.)?github\.com|https://gitlab\.com)/(?P<owner>[^/]+)/(?P<repo>[^/]+)"
    r"(?:/(?:-/)?(?:tree|blob)/(?P<branch>[^/]+))?(?P<path>/.*)?"
)

DEFAULT_CATALOG = "https://github.com/serverlessworkflow/catalog"


class Functions:
    """The functions under ``use.functions``: known by their names first, and compiled when all else is.

    So they may call each other, extensions may call them, and their own tasks are extended.
    """

    def __init__(self, piece: Piece, names: Names) -> None:
        self._piece = piece
        self._bodies: dict[str, dict[str, Node]] = {name: {} for name in piece.object() or {}}
        for name, tasks in self._bodies.items():
            names.functions[name] = TaskList(piece.member(name).pointer, MappingProxyType(tasks), name)

    def compile(self, names: Names, read_task: TaskReader) -> None:
        """Compiles them all."""
        for name, tasks in self._bodies.items():
            node = read_task(self._piece.member(name), name, Siblings([name]), names)
            if node is not None:
                tasks[name] = node


def read_catalogs(piece: Piece, names: Names) -> Iterator[tuple[str, Wanted]]:
    """Where the catalogs under ``use.catalogs`` are, by name."""
    for name in piece.object() or {}:
        catalog = piece.member(name)
        if catalog.object() is None or not catalog.require(["endpoint"], "the catalog"):
            continue
        catalog.allow({"endpoint"}, "a catalog")
        root = read_wanted(catalog.member("endpoint"), names)
        if root is not None:
            yield name, root


def read_function_call(
    piece: Piece, base: Base, names: Names, read_task: TaskReader, protocols: tuple[str, ...]
) -> FunctionNode | ActivityNode | None:
    """A call of a function by its name, by its place in a catalog, or by its address.

    What is not defined in the document may be a Python function that a worker has registered.
    """
    call = piece.member("call")
    function = str(call.value)
    arguments: Template | None = Literal({})
    if piece.has("with") and piece.member("with").object() is not None:
        arguments = read_template(piece.member("with"), names.variables)
    body = names.functions.get(function)
    if body is None and registered(function) in names.resources:
        return None if arguments is None else _python_call(function, arguments, base)
    if body is None:
        uri = _address(function, names)
        if uri is None:
            known = [*names.functions, *registered_names(names.resources), *protocols]
            call.report(
                f"`{function}` is no protocol and no function",
                expected="one of " + listed(known) + ", or `name:version@catalog`",
                hint=did_you_mean(function, known)
                or "define it under `use.functions`, or have a worker register it",
                rule=Rule.NAME,
            )
            return None
        body = _read_resource(call, uri, base["reference"], names, read_task)
    if arguments is None:
        return None
    names.lists[f"{base['reference']}/call"] = body
    return FunctionNode(**base, arguments=arguments, body=body)


def _python_call(function: str, arguments: Template, base: Base) -> ActivityNode:
    whole = Members((("function", Literal(function)), ("with", arguments)))
    open_arguments, seals = sealed(whole)
    return ActivityNode(**base, activity="function", arguments=open_arguments, sealed=seals)


def _read_resource(call: Piece, uri: Wanted, site: Pointer, names: Names, read_task: TaskReader) -> TaskList:
    """The function that was loaded from an address; as long as it has not been, nothing, and it is wanted."""
    name = "function"
    tasks: dict[str, Node] = {}
    if uri.uri not in names.resources:
        names.wanted[uri.uri] = uri
        return TaskList(f"{site}/call", MappingProxyType(tasks), None)
    body = TaskList(f"{site}/call", MappingProxyType(tasks), name)
    definition = names.resources[uri.uri]
    if names.nesting > _DEEPEST:
        call.report(f"functions of catalogs call each other more than {_DEEPEST} levels deep")
        return body
    inside = Piece(definition, f"{site}/call/{name}", [])
    node = read_task(inside, name, Siblings([name]), names.elsewhere())
    for problem in inside.problems:
        call.report(f"the function at {uri.uri} is wrong: {problem.message} (at {problem.pointer})")
    if node is not None:
        tasks[name] = node
    return body


_DEEPEST = 10


def _address(function: str, names: Names) -> Wanted | None:
    """Where a function is found that is not defined in the document; None if that cannot be told."""
    if "://" in function:
        return _by_address(function)
    cataloged = _CATALOGED.fullmatch(function)
    if cataloged is not None:
        catalog = cataloged["catalog"]
        if catalog not in names.catalogs and catalog != "default":
            return None
        root = names.catalogs.get(catalog, Wanted(DEFAULT_CATALOG))
        path = f"/functions/{cataloged['function']}/{cataloged['version']}/function.yaml"
        return Wanted(_raw(root.uri.rstrip("/") + path), root.authentication)
    return None


def _by_address(function: str) -> Wanted:
    """A file, or what a repository has of a version ("Using a Custom Function" in the DSL)."""
    versioned = _VERSIONED.fullmatch(function)
    if versioned is None:
        return Wanted(_raw(function))
    uri = versioned["uri"]
    is_file = uri.endswith((".yaml", ".yml", ".json"))
    return Wanted(_raw(uri if is_file else f"{uri}/{versioned['version']}/function.yaml"))


def _raw(uri: str) -> str:
    """The address of the bare file behind a page of GitHub or GitLab ("File Structure" in the DSL)."""
    found = _TREE.fullmatch(uri)
    if found is None:
        return uri
    branch, path = found["branch"] or "main", found["path"] or ""
    if "github" in found["host"]:
        return f"https://raw.githubusercontent.com/{found['owner']}/{found['repo']}/refs/heads/{branch}{path}"
    return f"{found['host']}/{found['owner']}/{found['repo']}/-/raw/{branch}{path}"
