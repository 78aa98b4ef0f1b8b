"""Histories that were recorded once still fold to the same state, and are still what is decided."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgworker.engine.commands import commands
from pgworker.engine.evolve import evolve, replay
from pgworker.store.snapshots import digest, restore, take
from tests.replay.recorder import HISTORIES, again, outcome, read
from tests.replay.scenarios import SCENARIOS
from tests.support.pure import stored

FILES = sorted(HISTORIES.glob("*.json"))

SUPERSEDED = {
    # the tasks of functions were not extended then
    "functions-and-extensions": "extended-functions",
}
"""Histories that fold to the same state for ever, though one would decide otherwise today: as in which."""


def test_every_scenario_is_recorded() -> None:
    assert {path.stem for path in FILES} == {*SCENARIOS, *SUPERSEDED}
    assert {*SUPERSEDED.values()} <= set(SCENARIOS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_history_folds_to_the_state_that_was_recorded_with_it(path: Path) -> None:
    golden = read(path)
    assert outcome(replay(golden.events)) == golden.outcome


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem not in SUPERSEDED], ids=lambda path: path.stem
)
def test_deciding_anew_gives_the_recorded_events(path: Path) -> None:
    golden = read(path)
    made = [stored(event) for event in again(golden).history]
    assert made == list(golden.events)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_history_can_be_folded_from_its_middle(path: Path) -> None:
    golden = read(path)
    for place in range(1, len(golden.events) + 1):
        assert replay(golden.events[:place]).seq == place
    assert list(commands(golden.events)) == list(commands([*map(stored, golden.events)]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_snapshot_taken_anywhere_stands_for_the_history_before_it(path: Path) -> None:
    golden = read(path)
    for place in range(1, len(golden.events) + 1):
        folded = replay(golden.events[:place])
        state = restore(take(folded))
        assert state == folded
        assert digest(state) == digest(folded)
        for event in golden.events[place:]:
            evolve(state, event)
        assert digest(state) == digest(replay(golden.events))
