"""What is made of the peers' figures; that they run at all is a soak test."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from benchmarks.peers.catalog import PEERS, Peer
from benchmarks.peers.comparison import OURS, WORK, WORKERS, Comparison
from benchmarks.peers.contestants import Theirs, as_uri


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    mine, peer = OURS[0], Theirs(PEERS[0], Path())
    comparison = Comparison([mine, peer])
    for work in WORK:
        for workers in WORKERS:
            # The second round met a machine that was ten times as slow, and the third only we.
            comparison.samples[mine.name, work, workers] = [600.0, 60.0, 300.0]
            comparison.samples[peer.name, work, workers] = [100.0, 10.0, 100.0]
            comparison.costs[mine.name, work, workers] = [50.0, 40.0, 60.0]
            comparison.costs[peer.name, work, workers] = [500.0, 480.0, 480.0]
    comparison.remarks = {mine.name: "", peer.name: ""}
    rows = {row.name: row for row in comparison.rows()}
    assert rows["pgworker: pure tasks, 1 process"].value == 300
    ratio = rows["pgworker / absurd: pure tasks, 1 process"]
    assert (ratio.value, ratio.note) == (6, "10.0 by CPU time")
    assert rows["pgworker / absurd: HTTP calls, 2 processes"].unit == "times"


def test_a_queues_jobs_are_not_called_tasks() -> None:
    units = {peer.name: peer.unit for peer in PEERS}
    assert units == {"absurd": "tasks/s", "dbos": "tasks/s", "pgqueuer": "jobs/s"}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_and_all_that_it_needs_is_pinned_and_names_no_index(peer: Peer) -> None:
    pins = [line for line in peer.requirements.read_text().splitlines() if not line.startswith("#")]
    assert all(len(pin.split("==")) == 2 for pin in pins)
    assert "://" not in "".join(pins)
    assert peer.version


@pytest.mark.parametrize(
    "conninfo",
    [
        "user=ada dbname=shop host='/tmp/a folder' port=5433",
        "user='a b' password='p@:/ss' dbname='my shop' host=127.0.0.1",
    ],
)
def test_a_connection_string_is_the_same_as_a_uri(conninfo: str) -> None:
    assert conninfo_to_dict(as_uri(conninfo)) == conninfo_to_dict(conninfo)
