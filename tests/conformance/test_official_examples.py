"""Every official example runs on a worker, a database and services as its words say, or is refused by name.

Times that are long in the documents come at once: the job's due time is changed in the database, once history
has been seen to say the right one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conformance.official import calls, events, faults, flow, messages, processes, remote
from tests.conformance.official.case import Case, Completes, Fails
from tests.conformance.official.stage import Stage
from tests.support.official import EXAMPLES
from tests.support.oracle import violations
from tests.support.server import Server

CASES = [
    *calls.CASES,
    *events.CASES,
    *faults.CASES,
    *flow.CASES,
    *messages.CASES,
    *processes.CASES,
    *remote.CASES,
]

needs_examples = pytest.mark.skipif(
    not EXAMPLES, reason="the official examples are not there: ../shared/spec/examples beside this checkout"
)
pytestmark = needs_examples


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One for all cases; when they are through the database has to be as it has to be."""
    name = f"pgworker_official_examples_{os.getpid()}"
    with server.connect(server.maintenance_dbname) as connection:
        connection.execute(f"drop database if exists {name} with (force)")
        connection.execute(f"create database {name}")
        async with Stage.open(server.url(name), tmp_path_factory.mktemp("examples")) as stage:
            yield stage
        with server.connect(name) as inside:
            # what a test has hastened fires before the time that history tells
            found = [one for one in violations(inside) if "a timer fired early" not in one]
        connection.execute(f"drop database {name} with (force)")
    assert found == []


def test_every_example_is_run() -> None:
    assert {case.example for case in CASES} == {path.stem for path in EXAMPLES}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_an_example_ends_as_the_specification_says(stage: Stage, case: Case) -> None:
    if case.needs is not None and shutil.which(case.needs) is None:
        pytest.skip(f"{case.needs} is not there")
    played = await stage.play(case)
    workflow = played.workflow
    match case.ends:
        case Completes(output):
            assert (workflow.status, workflow.output) == ("COMPLETED", output), workflow.error
        case Fails(error):
            assert workflow.status == "FAILED", workflow.output
            assert workflow.error is not None
            assert workflow.error | error == workflow.error
        case _:
            assert workflow.status == "CANCELLED"
    assert workflow.input == case.input
    asked = stage.services.seen(case.asked)
    if case.asks_at_once:
        asked.sort(key=lambda one: [one.uri for one in case.asked].index(one.uri))
    assert asked == list(case.asked)
    assert stage.services.fetched >= set(case.resources)
    assert played.consumed == list(case.consumes)
    assert played.emitted == list(case.emits)
    assert stage.engine.pulled == list(case.pulls)
    assert stage.engine.left() == list(case.leaves)
