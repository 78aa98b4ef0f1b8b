"""Fixtures for trials: kinds of work, and lanes in which workers have faults while they do it."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.failpoints.call_kinds import call_kinds
from tests.support.failpoints.event_kinds import event_kinds
from tests.support.failpoints.flow_kinds import flow_kinds
from tests.support.failpoints.kinds import Kind
from tests.support.failpoints.lanes import Lanes, open_lanes
from tests.support.processes import Zygote
from tests.support.server import Server
from tests.support.stub import Stub

LANES = 3 * (os.cpu_count() or 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is written down."""
    return tmp_path_factory.mktemp("failpoints")


@pytest.fixture(scope="module")
def kinds(folder: Path) -> Mapping[str, Kind]:
    """All kinds of work by their names."""
    return {kind.name: kind for kind in (*flow_kinds(), *call_kinds(folder), *event_kinds())}


@pytest.fixture(scope="module")
def lanes(
    server: Server, zygote: Zygote, stub_process: Stub, folder: Path, kinds: Mapping[str, Kind]
) -> Iterator[Lanes]:
    """Where trials are made, some at a time."""
    stub_process.begin(folder / "ledger")
    with open_lanes(server, zygote, stub_process, folder, kinds, count=LANES) as lanes:
        yield lanes


@pytest.fixture
def chance() -> random.Random:
    """What decides by chance; the seed is printed, and PGWORKER_TEST_SEED sets it."""
    seed = int(os.environ.get("PGWORKER_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    sys.stdout.write(f"PGWORKER_TEST_SEED={seed}\n")
    return random.Random(seed)
