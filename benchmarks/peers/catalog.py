"""The peers, and how to see in their own tables what they have done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """One of them; ``name`` is its module's and its requirements' as well."""

    name: str
    distribution: str
    is_busy: str
    """Whether something is left to do. Asked often, so it has to be read off an index."""
    completed: str
    """How many workflows completed with ten recorded tasks."""
    counts: Mapping[str, int]
    """How many workflows of each kind it is given: as many as take it some seconds."""
    unit: str = "tasks/s"

    @property
    def module(self) -> str:
        """What its environment runs."""
        return f"{__package__}.{self.name}"

    @property
    def requirements(self) -> Path:
        """What its environment holds."""
        return _HERE / f"{self.name}.txt"

    @property
    def version(self) -> str:
        """The version that is measured."""
        pins = dict(line.split("==") for line in self.requirements.read_text().splitlines() if "==" in line)
        return pins[self.distribution]


PEERS = (
    Peer(
        "absurd",
        "absurd-sdk",
        is_busy="""
            select exists (select from absurd.r_bench where state in ('pending', 'running', 'sleeping'))
        """,
        completed="""
            select count(*) from absurd.t_bench t
            where state = 'completed'
              and 10 = (select count(*) from absurd.c_bench c
                        where c.task_id = t.task_id and c.status = 'committed')
        """,
        counts={"pure": 300, "http": 200},
    ),
    Peer(
        "dbos",
        "dbos",
        is_busy="select exists (select from dbos.workflow_status where status in ('ENQUEUED', 'PENDING'))",
        completed="""
            select count(*) from dbos.workflow_status w
            where status = 'SUCCESS'
              and 10 = (select count(*) from dbos.operation_outputs o
                        where o.workflow_uuid = w.workflow_uuid and o.error is null)
        """,
        counts={"pure": 120, "http": 100},
    ),
    Peer(
        "pgqueuer",
        "pgqueuer",
        is_busy="select exists (select from pgqueuer)",
        completed="select count(*) / 10 from pgqueuer_log where status = 'successful'",
        counts={"pure": 1000, "http": 300},
        unit="jobs/s",
    ),
)
