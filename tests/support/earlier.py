"""The code that worked with the schema's revision before the newest, out of this repository's history."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


class Earlier:
    """A checkout of that code, whose commands and workers can be run."""

    def __init__(self, folder: Path, revision: str) -> None:
        self._folder = folder
        self.revision = revision

    def migrate(self, url: str) -> None:
        """Makes the schema as that code knows it."""
        done = subprocess.run(
            [sys.executable, "-m", "pgworker", "migrate"],
            cwd=self._folder,
            env=self._environment({"PGWORKER_DATABASE_URL": url}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == f"made the schema pgworker at revision {self.revision}\n", done.stderr

    def worker(self, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """A worker process."""
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.support.worker"],
                cwd=self._folder,
                env=self._environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return clean | {"PYTHONPATH": str(self._folder)} | dict(more)


def earlier_code(folder: Path) -> Earlier | None:
    """What stood before the newest revision was begun, put into a folder; None without that history."""
    newest, before = sorted((_ROOT / "migrations" / "versions").glob("[0-9]*.py"), reverse=True)[:2]
    made = (
        _git("log", "--diff-filter=A", "--format=%H", "--", str(newest.relative_to(_ROOT))).decode().split()
    )
    if not made:
        return None
    archive = _git(
        "archive", "--format=tar", f"{made[-1]}^", "pgworker", "migrations", "sql", "tests/support"
    )
    if not archive:
        return None
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    (folder / "tests" / "__init__.py").touch()
    return Earlier(folder, before.name.partition("_")[0])


def _git(*arguments: str) -> bytes:
    """What git says; nothing where there is no git, or no such history."""
    try:
        return subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, check=False).stdout
    except FileNotFoundError:
        return b""
