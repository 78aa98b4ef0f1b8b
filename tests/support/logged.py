"""What the code logs: each line's level, its words and its members, as the sources have them."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pgworker

ROOT = Path(pgworker.__file__).parent
LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR", "exception": "ERROR"}
ABOUT = ("workflow_id", "task", "attempt")
"""What ``**about`` stands for."""


@dataclass(frozen=True, order=True)
class Line:
    """One kind of line in the log."""

    level: str
    event: str
    members: tuple[str, ...]


def lines() -> Iterator[tuple[Path, Line]]:
    """All of them, with the files that they are in; a file that logs otherwise raises ``ValueError``."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and (level := _level(node)) is not None:
                yield path, _line(path, node, level)


def _level(call: ast.Call) -> str | None:
    match call.func:
        case ast.Attribute(value=ast.Name(id="log"), attr=method):
            return LEVELS[method] if method in LEVELS else _strange(ast.unparse(call))
        case ast.Name(id="say"):
            return LEVELS[ast.literal_eval(call.args[0])]
    return None


def _strange(text: str) -> str:
    raise ValueError(f"no method of a log that is known: {text}")


def _line(path: Path, call: ast.Call, level: str) -> Line:
    said = call.args[-1]
    members: list[str] = []
    for keyword in call.keywords:
        members += ABOUT if keyword.arg is None else [keyword.arg]
    if isinstance(call.func, ast.Attribute) and call.func.attr == "exception":
        members.append("exception")
    return Line(level, _text(path, said), tuple(sorted(members)))


def _text(path: Path, said: ast.expr) -> str:
    """The words, with the constants of the module that they are made of."""
    if isinstance(said, ast.Constant):
        return str(said.value)
    module = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    return str(eval(compile(ast.Expression(said), str(path), "eval"), vars(importlib.import_module(module))))
