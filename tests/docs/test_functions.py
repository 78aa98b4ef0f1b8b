"""What docs/functions.md shows works as it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pgworker.activities.functions.library import Functions
from pgworker.errors import Fault
from pgworker.worker.loading import load_functions

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "functions.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL)


def test_the_first_example_runs_by_the_command_and_gives_what_is_written_beside_it(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "scoring.py").write_text(blocks("python")[0])
    (tmp_path / "order.yaml").write_text(blocks("yaml")[0])
    line, promised = re.findall(r"^pgworker run (.*?) +# .*: (\{.*\})$", blocks("sh")[0], flags=re.MULTILINE)[
        0
    ]
    environment = os.environ | {"PGWORKER_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        f"{sys.executable} -m pgworker run {line}",
        shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == json.loads(promised)


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Functions:
    (tmp_path / "guide_of_functions.py").write_text("\n\n".join(blocks("python")))
    monkeypatch.syspath_prepend(tmp_path)
    return load_functions("guide_of_functions")


async def test_all_examples_are_functions_that_do_as_is_said(functions: Functions) -> None:
    async def call(name: str, **arguments: object) -> object:
        asked = {"function": name, "with": arguments}
        return await functions.perform(asked, idempotency_key="01980f2e:7")

    items = [{"name": "tea", "price": 3.5, "since": "2024-01-31"}, {"name": "milk", "price": 1}]
    assert await call("total", items=items) == 4.5
    assert await call("keys", b=1, a=2) == ["a", "b"]
    assert await call("charge", card="x", amount=3) == {"charged": "x", "reference": "01980f2e:7"}
    with pytest.raises(Fault) as caught:
        await call("charge", card="x", amount=1001)
    assert (caught.value.kind, caught.value.status, caught.value.title) == ("authorization", 402, "Too much")
    assert set(functions.names) == {"score", "total", "keys", "charge"}
