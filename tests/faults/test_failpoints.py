"""The failpoint matrix: a fault at every point that a worker passes, for every kind of work, and all is well.

Each cell starts a kind's workflows, has a worker with one fault work on them, and lets the worker that has
survived, or else a healthy one, finish. Then the workflows have to have ended as they should, the oracle has
nothing to say, and the outside world has seen what history tells of it.

PGWORKER_TEST_SEED repeats a sample, PGWORKER_TEST_CELL tries only the cells that contain a text (such as
``listen one: kill -9 after subscribe``), and PGWORKER_TEST_EVERYTHING=1 lets the soak test try all cells
there are and not the matrix alone.
"""

from __future__ import annotations

import inspect
import os
import random
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from pgworker.store import correspondence, leases, resources, rounds, turns
from tests.support.failpoints.cells import Cell, Passed, everything, matrix
from tests.support.failpoints.kinds import Kind, failed
from tests.support.failpoints.lanes import Lanes
from tests.support.failpoints.points import Fault, When
from tests.support.failpoints.trials import attempt, attempt_once
from tests.support.stub import Stub

LEAST = 1_200
SAMPLE = 100


@pytest.fixture(scope="module")
def recordings(lanes: Lanes) -> Mapping[str, Passed]:
    """The points that each kind passes; it comes to its right end when nothing goes wrong."""
    return lanes.record()


@pytest.fixture(scope="module")
def cells(kinds: Mapping[str, Kind], recordings: Mapping[str, Passed]) -> list[Cell]:
    """All cells there are."""
    return everything(kinds, recordings)


def test_the_matrix_is_as_large_as_it_is_to_be(cells: list[Cell]) -> None:
    chosen = matrix(cells)
    points = {(cell.point, cell.when) for cell in chosen}
    sys.stdout.write(f"{len(chosen)} cells of {len(cells)}: {len(points)} points\n")
    assert len(chosen) == len(set(chosen)) >= LEAST
    assert len(points) >= 25
    assert len({cell.kind for cell in chosen}) >= 12
    assert {cell.fault for cell in chosen} == set(Fault)


def test_every_function_that_workers_call_is_a_point_of_the_matrix(cells: list[Cell]) -> None:
    sources = "".join(map(inspect.getsource, (turns, correspondence, leases, rounds, resources)))
    functions = set(re.findall(r"\{schema\}\.(\w+)\(", sources))
    assert "commit_turn" in functions
    assert functions <= {cell.point for cell in matrix(cells)}


def test_a_sample_of_all_cells_is_green(
    lanes: Lanes, cells: list[Cell], stub_process: Stub, chance: random.Random
) -> None:
    chosen = _asked_for(cells)
    _all_green(lanes, chance.sample(chosen, min(SAMPLE, len(chosen))), stub_process)


@pytest.mark.soak
def test_the_whole_matrix_is_green(
    lanes: Lanes, cells: list[Cell], stub_process: Stub, chance: random.Random
) -> None:
    chosen = _asked_for(cells if os.environ.get("PGWORKER_TEST_EVERYTHING") else matrix(cells))
    assert chosen
    _all_green(lanes, chance.sample(chosen, len(chosen)), stub_process)


def test_a_cell_whose_fault_does_not_fire_is_not_green(lanes: Lanes, kinds: Mapping[str, Kind]) -> None:
    cells = [Cell("set", "subscribe", When.BEFORE, Fault.KILL)]
    wrong = lanes.wrongs(cells, lambda lane, cell: attempt_once(lane, cell, kinds["set"], 1))
    assert len(wrong) == 1
    assert "the fault has not fired" in wrong[0]


def test_a_cell_whose_workflows_end_otherwise_is_not_green(lanes: Lanes, kinds: Mapping[str, Kind]) -> None:
    mistaken = replace(kinds["set"], ends={"set": failed(500)})
    cells = [Cell("set", "commit_turn", When.BEFORE, Fault.DROP)]
    wrong = lanes.wrongs(cells, lambda lane, cell: attempt(lane, cell, mistaken))
    assert len(wrong) == 1
    assert "workflows of set ended as" in wrong[0]


def _asked_for(cells: Sequence[Cell]) -> Sequence[Cell]:
    text = os.environ.get("PGWORKER_TEST_CELL", "")
    return [cell for cell in cells if text in str(cell)]


def _all_green(lanes: Lanes, cells: Sequence[Cell], stub: Stub) -> None:
    began = time.monotonic()
    wrong = lanes.attempt(cells)
    sys.stdout.write(f"{len(cells)} cells in {time.monotonic() - began:.0f} s\n")
    assert not wrong, f"{len(wrong)} of {len(cells)} cells:\n" + "\n".join(wrong[:20])
    strange = {effect.key for effect in stub.effects() if effect.key.split(":")[0] not in lanes.workflows()}
    assert not strange, "the outside world was called for no workflow"
