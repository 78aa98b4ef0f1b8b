"""Writes: what a turn decides, column by column."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgworker.store.arrays import JsonArray, json_array, plain, quoted
from pgworker.store.correspondence import Correspondence


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A workflow's state as of an event, and its digest."""

    workflow_id: str
    seq: int
    state: bytes
    digest: str


_PART_EVENTS = 100
_PART_SIZE = 64 * 1024
"""What makes a part of a turn worth a statement of its own."""


@dataclass(slots=True)
class Writes:
    """What a turn writes, column by column, as the database takes it in; ``size`` is that of the data."""

    event_workflows: list[str] = field(default_factory=list)
    event_seqs: list[int] = field(default_factory=list)
    event_types: list[str] = field(default_factory=list)
    event_tasks: list[str | None] = field(default_factory=list)
    event_data: list[str] = field(default_factory=list)
    workflows: list[str] = field(default_factory=list)
    seqs_before: list[int] = field(default_factory=list)
    seqs_after: list[int] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    outputs: list[str | None] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)
    ended_jobs_of: list[str] = field(default_factory=list)
    ended_jobs: list[int] = field(default_factory=list)
    jobs_of: list[str] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)
    job_kinds: list[str] = field(default_factory=list)
    job_due_at: list[str | None] = field(default_factory=list)
    job_namespaces: list[str] = field(default_factory=list)
    job_priorities: list[int] = field(default_factory=list)
    job_tokens: list[str | None] = field(default_factory=list)
    published_by: list[str] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    letters: Correspondence = field(default_factory=Correspondence)
    put_off: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    size: int = 0

    @property
    def is_part(self) -> bool:
        """Whether there is enough for the database to begin with while the turn goes on."""
        return len(self.event_seqs) >= _PART_EVENTS or self.size >= _PART_SIZE

    def take_part(self) -> Writes:
        """Takes the workflows out that are decided: their events, rows and jobs.

        What concerns others stays, to be written for all workflows together, in one order everywhere.
        """
        part = Writes(**{name: getattr(self, name) for name in _OF_WORKFLOWS}, size=self.size)
        for name in _OF_WORKFLOWS:
            setattr(self, name, [])
        self.size = 0
        return part

    def parameters(self) -> list[str | JsonArray]:
        """The arguments of ``commit_turn`` after the first three, as arrays."""
        return [
            plain(self.event_workflows),
            plain(self.event_seqs),
            plain(self.event_types),
            quoted(self.event_tasks),
            json_array(self.event_data),
            plain(self.workflows),
            plain(self.seqs_before),
            plain(self.seqs_after),
            plain(self.statuses),
            json_array(self.outputs),
            json_array(self.errors),
            plain(self.ended_jobs_of),
            plain(self.ended_jobs),
            plain(self.jobs_of),
            plain(self.jobs),
            plain(self.job_kinds),
            quoted(self.job_due_at),
            quoted(self.job_namespaces),
            plain(self.job_priorities),
            plain(self.job_tokens),
            plain(self.published_by),
            json_array(self.published),
        ]


_OF_WORKFLOWS = (
    *("event_workflows", "event_seqs", "event_types", "event_tasks", "event_data"),
    *("workflows", "seqs_before", "seqs_after", "statuses", "outputs", "errors"),
    *("ended_jobs_of", "ended_jobs"),
    *("jobs_of", "jobs", "job_kinds", "job_due_at", "job_namespaces", "job_priorities", "job_tokens"),
)
