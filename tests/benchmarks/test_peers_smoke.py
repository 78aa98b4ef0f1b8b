"""Each peer runs and is counted; how fast anything was is not asserted. Installing them needs a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import documents, processes
from benchmarks.peers import environments
from benchmarks.peers.catalog import PEERS, Peer
from benchmarks.peers.comparison import OURS, contestants
from benchmarks.peers.contestants import Contestant, LeftOutError, Ours, Theirs
from benchmarks.peers.protocol import Order
from tests.support.server import Server

pytestmark = pytest.mark.soak


def carries_out_orders(contestant: Contestant, server: Server) -> None:
    """Raises unless every workflow completes with ten recorded tasks."""
    with contestant.team(server.url(server.maintenance_dbname), 2) as team, processes.stub() as stub:
        assert team.drain(Order("pure", documents.small_input(), 3)).took > 0
        assert team.drain(Order("http", {"stub": stub}, 2)).took > 0
        assert team.remark()


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_carries_out_both_orders_with_two_processes(peer: Peer, server: Server) -> None:
    try:
        python = environments.made(peer)
    except environments.NotInstalledError as error:
        pytest.skip(str(error))
    carries_out_orders(Theirs(peer, python), server)


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.name)
def test_the_engine_carries_out_the_same_orders_in_either_way(ours: Ours, server: Server) -> None:
    carries_out_orders(ours, server)


def test_a_worker_that_does_not_commit_task_by_task_is_left_out_of_that_comparison(server: Server) -> None:
    pretending = Ours("pgworker", {}, turn="workflow", alone=True)
    with pytest.raises(LeftOutError, match="several tasks of a workflow at once"):
        carries_out_orders(pretending, server)


def test_peers_that_cannot_be_installed_are_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert contestants(install=True) == list(OURS)
    said = capsys.readouterr().out
    for peer in PEERS:
        assert f"left out: {peer.distribution} cannot be installed" in said
    assert not any(environments.existing(peer) for peer in PEERS)
