"""The tests are tested: a bug that is put into a copy of the engine fails those that are named for it."""

from __future__ import annotations

import ast

import pytest

from tests.seeded.bug import Bug
from tests.seeded.checkout import ROOT, copied_checkout
from tests.seeded.database_bugs import DATABASE_BUGS
from tests.seeded.engine_bugs import ENGINE_BUGS
from tests.seeded.messages_bugs import MESSAGE_BUGS
from tests.seeded.process_bugs import PROCESS_BUGS
from tests.seeded.worker_bugs import WORKER_BUGS
from tests.support.server import Server

BUGS = [*DATABASE_BUGS, *MESSAGE_BUGS, *WORKER_BUGS, *ENGINE_BUGS, *PROCESS_BUGS]
_SAMPLE = [
    bug
    for bug in BUGS
    if bug.name
    in ("a claim does not look at the token of a lease", "an event that does not follow is passed over")
]
"""What runs without being asked for; the others take minutes."""


def _marks(bug: Bug) -> list[pytest.MarkDecorator]:
    return [] if bug in _SAMPLE else [pytest.mark.soak]


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name, marks=_marks(bug)) for bug in BUGS])
def test_the_tests_that_are_named_for_a_bug_find_it(bug: Bug, server: Server) -> None:
    with copied_checkout() as checkout:
        checkout.patch(bug)
        results = checkout.run(bug.tests, server)
    assert results.failed == set(bug.tests), f"not found, or not by a test that failed:\n{results.output}"


@pytest.mark.soak
def test_without_a_bug_the_same_tests_pass(server: Server) -> None:
    tests = sorted({test for bug in BUGS for test in bug.tests})
    with copied_checkout() as checkout:
        results = checkout.run(tests, server)
    assert results.passed == set(tests), results.output


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name) for bug in BUGS])
def test_a_bug_still_fits_the_code_and_its_tests_are_still_there(bug: Bug) -> None:
    content = (ROOT / bug.file).read_text()
    assert bug.put_into(content) != content
    for test in bug.tests:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        assert name in {getattr(node, "name", None) for node in tree.body}, f"{test} is no test any more"


def test_bugs_are_many_and_different() -> None:
    assert len({bug.name for bug in BUGS}) == len({str(bug.edits) + bug.file for bug in BUGS}) == len(BUGS)
    assert len(BUGS) >= 24
    assert len(_SAMPLE) == 2
