"""A copy of the checkout, in which things may be broken and tests be run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as Xml
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.seeded.bug import Bug
from tests.support.server import Server

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("pgworker", "sql", "migrations", "tests")
_SECONDS = 300.0
_MISTYPED = ("NameError", "SyntaxError", "ImportError", "Undefined", "AmbiguousColumn", "CannotCoerce")
"""What a bug fails with that is no bug but a slip in its text."""


@dataclass(frozen=True, slots=True)
class Results:
    """What became of tests, and all that was said about it; ids are ``file::name``."""

    passed: frozenset[str]
    failed: frozenset[str]
    output: str


class Checkout:
    """The copy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in _COPIED:
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy2(ROOT / "pyproject.toml", folder)

    def patch(self, bug: Bug) -> None:
        """Puts a bug into it; a bug in the SQL goes into the newest migration as well."""
        file = self._folder / bug.file
        content = bug.put_into(file.read_text())
        if file.suffix == ".py":
            compile(content, bug.file, "exec")
            shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)
        file.write_text(content)
        if file.suffix == ".sql":
            self._freeze()

    def run(self, tests: Sequence[str], server: Server) -> Results:
        """Runs tests in it, in databases of their own on a server that runs already."""
        report = self._folder / "report.xml"
        output = self._pytest([*tests, f"--junitxml={report}"], server)
        assert report.is_file(), f"the tests did not run:\n{output}"
        cases = list(Xml.parse(report).iter("testcase"))
        failures = {
            _id(case): failure.get("message", "") for case in cases for failure in case.iter("failure")
        }
        for test, message in failures.items():
            assert not any(slip in message for slip in _MISTYPED), f"{test} failed of a slip: {message}"
        wrong = {_id(case) for case in cases if any(child.tag in ("error", "skipped") for child in case)}
        everything = {_id(case) for case in cases}
        failed = frozenset(failures)
        return Results(frozenset(everything - failed - wrong), failed, output)

    def _freeze(self) -> None:
        newest = max(file.stem for file in (self._folder / "migrations" / "frozen").glob("*.sql"))
        program = self._folder / "migrations" / "freeze.py"
        subprocess.run([sys.executable, str(program), newest], cwd=self._folder, check=True)

    def _pytest(self, arguments: Sequence[str], server: Server) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        environment["PYTHONPATH"] = str(self._folder)
        environment["PGWORKER_TEST_DATABASE_URL"] = server.url(server.maintenance_dbname)
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            return process.communicate(timeout=_SECONDS)[0]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # its workers belong to its session
            process.wait()
            raise


@contextmanager
def copied_checkout() -> Iterator[Checkout]:
    """A fresh copy, gone again afterwards."""
    with TemporaryDirectory(prefix="pgworker-seeded-") as folder:
        yield Checkout(Path(folder))


def _id(case: Xml.Element) -> str:
    """The id by which pytest takes a test, without its parameters."""
    return f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '').split('[')[0]}"
