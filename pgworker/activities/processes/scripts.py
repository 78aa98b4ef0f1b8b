"""``run: script``: the commands that run JavaScript and Python, and the code that they run."""

from __future__ import annotations

import re
import shutil
import sys

from pgworker.activities.processes.command import Command, environment, stdin, words
from pgworker.activities.resources import ResourceLoader
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

_COMMONJS = re.compile(r"\brequire\s*\(")
_MODULE = re.compile(r"^\s*(?:import|export)\b", re.MULTILINE)


async def script_command(process: JsonObject, key: str, resources: ResourceLoader) -> Command:
    """The command that runs a script.

    Raises ``Fault``: configuration for a language that cannot be run here, and what ``resources`` raises
    for code that cannot be loaded.
    """
    language = process.get("language")
    if language not in ("js", "python"):
        raise Fault(
            FaultKind.CONFIGURATION, f"no script in {str(language)[:100]!r} can be run, only js and python"
        )
    code = await _code(process, resources)
    given = environment(process, key)
    if language == "python":
        name, program = "script.py", [sys.executable, "-s"]
    else:
        name, program = _file_name(code), [_node(given["PATH"])]
    return Command(
        f"the {language} script",
        (*program, name, *words(process.get("arguments"))),
        given,
        stdin(process),
        {name: code},
    )


async def _code(process: JsonObject, resources: ResourceLoader) -> str:
    source = process.get("source")
    code: JsonValue = process.get("code")
    if isinstance(source, dict):
        code = await resources.load(str(source.get("endpoint")), source.get("authentication"))
    if not isinstance(code, str):
        raise Fault(FaultKind.CONFIGURATION, "the code of a script is a text")
    return code


def _file_name(code: str) -> str:
    """Scripts are modules, but for those that can only be meant for Node.js's older kind."""
    return "script.cjs" if _COMMONJS.search(code) and not _MODULE.search(code) else "script.mjs"


def _node(path: str) -> str:
    found = shutil.which("node", path=path)
    if found is None:
        raise Fault(FaultKind.CONFIGURATION, "scripts in js need Node.js, and there is no `node` in PATH")
    return found
