"""``run: script``: JavaScript and Python, written in the document or loaded from elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.activities.processes.conftest import Run

PYTHON = """
import os, sys
print(sys.stdin.read(), sys.argv[1:], os.environ["A"])
"""
MODULE = """
import { readFileSync } from 'node:fs';
console.log(readFileSync(process.stdin.fd, 'utf8'), process.argv.slice(2).join(), process.env.A, await 7);
"""
COMMONJS = """
const { readFileSync } = require('node:fs');
console.log(readFileSync(0, 'utf8'), process.argv.slice(2).join(), process.env.A, 7);
"""

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no `node`, which runs js")


async def test_python_reads_its_input_its_arguments_and_its_environment(run: Run) -> None:
    said = await run(
        "script", language="python", code=PYTHON, stdin="in", arguments=["a", "b c"], environment={"A": 1}
    )
    assert said == "in ['a', 'b c'] 1"


@needs_node
@pytest.mark.parametrize("code", [MODULE, COMMONJS], ids=["a module", "CommonJS"])
async def test_javascript_reads_its_input_its_arguments_and_its_environment(run: Run, code: str) -> None:
    said = await run(
        "script", language="js", code=code, stdin="in", arguments=["a", "b c"], environment={"A": 1}
    )
    assert said == "in a,b c 1 7"


@needs_node
async def test_javascript_that_fails_tells_why(run: Run) -> None:
    fault = await run.fault("script", language="js", code="throw new Error('no such luck')")
    assert fault.kind == "runtime"
    assert "the js script ended with code 1" in fault.detail
    assert "no such luck" in fault.detail


async def test_python_that_fails_tells_the_end_of_its_words(run: Run) -> None:
    code = "import sys\nsys.stderr.write('x' * 5000)\nraise SystemExit('no such luck')"
    fault = await run.fault("script", language="python", code=code)
    assert fault.detail.startswith("the python script ended with code 1: xxx")
    assert fault.detail.endswith("no such luck")
    assert len(fault.detail) < 600


async def test_a_script_is_loaded_from_the_folder_of_resources(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text("print('hello from a file')")
    source = {"endpoint": f"file://{tmp_path}/hello.py"}
    assert await run("script", language="python", source=source) == "hello from a file"


async def test_a_script_that_cannot_be_loaded_is_not_run(run: Run) -> None:
    fault = await run.fault("script", language="python", source={"endpoint": "file:///etc/passwd"})
    assert fault.kind == "authorization"
    assert "PGWORKER_RESOURCES_DIR" in fault.detail


async def test_a_language_that_nobody_knows_is_named(run: Run) -> None:
    fault = await run.fault("script", language="cobol", code="STOP RUN.")
    assert fault.kind == "configuration"
    assert fault.detail == "no script in 'cobol' can be run, only js and python"


async def test_without_node_javascript_says_what_it_lacks(run: Run, tmp_path: Path) -> None:
    fault = await run.fault("script", language="js", code="1", environment={"PATH": str(tmp_path)})
    assert fault.kind == "configuration"
    assert "there is no `node` in PATH" in fault.detail
