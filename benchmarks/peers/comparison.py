"""Every contestant does the same work in turn, round after round; what is told are medians of the rounds."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from benchmarks import documents, processes
from benchmarks.peers.catalog import PEERS
from benchmarks.peers.contestants import Contestant, LeftOutError, Ours, Theirs
from benchmarks.peers.environments import NotInstalledError, existing, made
from benchmarks.peers.protocol import TASKS, Order
from benchmarks.report import Row
from pgworker.types import JsonObject

WORKERS = (1, 2)
WORK = {"pure": "pure tasks", "http": "HTTP calls"}

OURS = (
    Ours("pgworker", {"pure": 2400, "http": 400}),
    Ours("pgworker, commit for commit", {"pure": 1200, "http": 400}, turn="task", alone=True),
)

_WARM = {"pure": 60, "http": 20}
_WARM_TIMES = 3


@dataclass(slots=True)
class Comparison:
    """What was measured: for each contestant, work and number of workers the speed of each round."""

    contestants: list[Contestant]
    scale: float = 1.0
    """How much of each contestant's counts is done."""
    samples: dict[tuple[str, str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    costs: dict[tuple[str, str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    """Microseconds of CPU time a task, of the workers and the server."""
    remarks: dict[str, str] = field(default_factory=dict)

    def measure(self, url: str, rounds: int) -> None:
        """Lets everyone work so many times, one after the other: a server's bad minute meets all of them."""
        with processes.stub() as stub:
            given: dict[str, JsonObject] = {"pure": documents.small_input(), "http": {"stub": stub}}
            for number in range(1, rounds + 1):
                for workers in WORKERS:
                    for contestant in tuple(self.contestants):
                        print(f"round {number}, {_workers(workers)}: {contestant.name}", file=sys.stderr)
                        try:
                            self._one(url, contestant, workers, given)
                        except LeftOutError as error:
                            print(f"left out: {contestant.name}: {error}")
                            self.contestants.remove(contestant)

    def _one(self, url: str, contestant: Contestant, workers: int, given: Mapping[str, JsonObject]) -> None:
        with contestant.team(url, workers) as team:
            for _ in range(_WARM_TIMES):
                for work in WORK:
                    team.drain(Order(work, given[work], self._scaled(_WARM[work])))
            for work in WORK:
                count = self._scaled(contestant.counts[work])
                drained = team.drain(Order(work, given[work], count))
                self.samples[contestant.name, work, workers].append(count * TASKS / drained.took)
                if drained.cpu is not None:
                    self.costs[contestant.name, work, workers].append(drained.cpu * 1e6 / count / TASKS)
            self.remarks[contestant.name] = team.remark()

    def _scaled(self, count: int) -> int:
        return max(round(count * self.scale), 1)

    def rows(self) -> list[Row]:
        """Speeds, and then how many times as fast this engine is as each of the others."""
        rows = []
        for work, label in WORK.items():
            for workers in WORKERS:
                for contestant in self.contestants:
                    name = f"{contestant.name}: {label}, {_workers(workers)}"
                    unit = contestant.unit if work == "pure" else "calls/s"
                    rows.append(self._row(name, unit, contestant, work, workers))
        ours = [contestant for contestant in self.contestants if isinstance(contestant, Ours)]
        theirs = [contestant for contestant in self.contestants if contestant not in ours]
        for peer in theirs:
            for work, label in WORK.items():
                for workers in WORKERS:
                    rows += [self._ratio(one, peer, work, label, workers) for one in ours]
        return rows

    def _row(self, name: str, unit: str, contestant: Contestant, work: str, workers: int) -> Row:
        key = (contestant.name, work, workers)
        notes = [f"{self._scaled(contestant.counts[work])} workflows", self.remarks[contestant.name]]
        if costs := self.costs[key]:
            notes.append(f"{median(costs):,.0f} us CPU each")
        samples = self.samples[key]
        return Row(name, median(samples), unit, "; ".join(notes), samples)

    def _ratio(self, one: Contestant, peer: Contestant, work: str, label: str, workers: int) -> Row:
        mine, their = (one.name, work, workers), (peer.name, work, workers)
        samples = [a / b for a, b in zip(self.samples[mine], self.samples[their], strict=True)]
        costs = [b / a for a, b in zip(self.costs[mine], self.costs[their], strict=False)]
        note = f"{median(costs):.1f} by CPU time" if costs else ""
        name = f"{one.name} / {peer.name}: {label}, {_workers(workers)}"
        return Row(name, median(samples), "times", note, samples)


def contestants(install: bool) -> list[Contestant]:
    """This engine and the peers that are installed, or can be; says who is left out and why."""
    found: list[Contestant] = list(OURS)
    for peer in PEERS:
        try:
            python = made(peer) if install else existing(peer)
        except NotInstalledError as error:
            print(f"left out: {error}")
        else:
            if python is not None:
                found.append(Theirs(peer, python))
            else:
                print(f"left out: {peer.distribution} is not installed")
    return found


def are_installed() -> bool:
    """Whether there is an environment for any peer."""
    return any(existing(peer) for peer in PEERS)


def _workers(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"
