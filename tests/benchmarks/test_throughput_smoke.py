"""The benchmark runs and prints all its rows; how fast anything was is not asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]

ROWS = (
    "raw limit, 50 tasks a transaction",
    "raw limit, 550 tasks a transaction",
    "pure tasks, without the starts",
    "pure tasks, with the starts",
    "pure tasks, the starts",
    "pure tasks, started meanwhile, with the starts",
    "pure tasks, 2 processes, without the starts",
    "pure tasks of 10 KB, without the starts",
    "bare HTTP client, 50 at once",
    "HTTP calls, 50 at once",
    "HTTP calls, 10 at once",
    "starts by 16 clients beside a worker",
    "starts by 16 clients, nobody woken",
    "idle latency, 1 task, p50",
    "idle latency, 1 task, p99",
    "idle latency, 10 tasks, p50",
    "idle latency, 10 tasks, p99",
    "idle worker, since its last query",
    "timers' lateness, p50",
    "timers' lateness, p99",
    "timers that fired early",
    "50 x 10 iterations",
    "1 x 500 iterations",
    "5 x 10 branches",
    "1 x 50 branches",
    "idle latency beside 0 timers, 1 task, p50",
    "idle latency beside 1,000 timers, 1 task, p50",
    "a CloudEvent among 100 listeners, p50",
    "a CloudEvent among 1,000 listeners, p50",
)


def test_the_quick_benchmark_prints_every_row(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    run = subprocess.run(
        [sys.executable, "benchmarks/throughput.py", "--quick", "--json", str(figures)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for name in ROWS:
        assert name in run.stdout
    assert {row["name"] for row in json.loads(figures.read_text())["rows"]} >= set(ROWS)
