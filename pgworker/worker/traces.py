"""Traces: one a workflow, with a span for each task and each attempt at an activity (extra ``otel``).

What happened is noted once it has been committed; spans are made and sent later, beside the turns. A
collector that does not answer costs spans, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind

from pgworker.activities.tracing import TRACEPARENT
from pgworker.engine import events
from pgworker.engine.events import Event
from pgworker.engine.inputs import ActivityFailed, Outcome
from pgworker.errors import DatabaseUnavailable
from pgworker.store.tracing import Beginning, Origin, Tracing
from pgworker.store.turns import TurnConnection
from pgworker.telemetry import log
from pgworker.worker.performances import Performance
from pgworker.worker.remembering import keep
from pgworker.worker.spans import Lineage, span, span_id
from pgworker.worker.witness import Made

_MOST = 50_000
"""Events and attempts that wait to be told of; the oldest go first."""

_REMEMBERED = 100_000
"""Origins and beginnings."""

_BATCH = 500
_PAUSE_SECONDS = 0.5
_EXPORT_SECONDS = 5


_BEGINNINGS: Final = frozenset({events.TASK_STARTED, events.BRANCH_STARTED, events.EXTENSION_STARTED})
_ENDS: Final = events.TERMINAL | {
    events.TASK_COMPLETED,
    events.TASK_FAILED,
    events.TASK_CANCELLED,
    events.BRANCH_COMPLETED,
    events.BRANCH_FAILED,
    events.BRANCH_CANCELLED,
    events.EXTENSION_COMPLETED,
    events.EXTENSION_FAILED,
    events.EXTENSION_CANCELLED,
}


@dataclass(frozen=True, slots=True)
class _Ended:
    """A task, a branch, an extension, or a workflow, that has ended."""

    workflow_id: str
    definition: tuple[str, str, str]
    started_at: datetime | None
    event: Event


@dataclass(frozen=True, slots=True)
class _Attempted:
    """An attempt at an activity that has ended."""

    performance: Performance
    times: tuple[datetime, datetime]
    outcome: Outcome

    @property
    def workflow_id(self) -> str:
        return self.performance.key[0]


class Traces:
    """A witness that tells an OTLP collector; ``endpoint`` is its base URL."""

    def __init__(self, endpoint: str, tracing: Tracing) -> None:
        self._tracing = tracing
        url = f"{endpoint.rstrip('/')}/v1/traces"
        self._exporter: SpanExporter = OTLPSpanExporter(endpoint=url, timeout=_EXPORT_SECONDS)
        self._noted: deque[_Ended | _Attempted] = deque(maxlen=_MOST)
        self._origins: OrderedDict[str, Origin] = OrderedDict()
        self._beginnings: OrderedDict[tuple[str, int], Beginning] = OrderedDict()
        self._is_heard = True

    def committed(self, made: Sequence[Made]) -> None:
        """Notes what has begun and what has ended."""
        for one in made:
            for event in one.events:
                if event.type in _BEGINNINGS:
                    key = one.claim.workflow_id, event.seq
                    keep(self._beginnings, key, Beginning(event.at, _inside(event)), _REMEMBERED)
                elif event.type in _ENDS:
                    ended = _Ended(one.claim.workflow_id, one.claim.definition, one.started_at, event)
                    self._noted.append(ended)

    def attempted(self, performance: Performance, began: datetime, ended: datetime, outcome: Outcome) -> None:
        """Notes an attempt at an activity."""
        self._noted.append(_Attempted(performance, (began, ended), outcome))

    def notified(self) -> None:
        """Nothing."""

    def lease_lost(self) -> None:
        """Nothing."""

    async def traceparent(self, performance: Performance) -> str | None:
        """What tells a service whose call it is; None as long as the database cannot be asked."""
        workflow_id, seq = performance.key
        try:
            await self._learn_origins([workflow_id])
        except DatabaseUnavailable:
            return None
        id_ = span_id(workflow_id, seq, performance.lease.attempt)
        return self._lineage(workflow_id).traceparent(id_)

    async def look_up(self, connection: TurnConnection, workflow_ids: Sequence[str]) -> None:
        """Reads where workflows come from that may emit something."""
        if unknown := [one for one in workflow_ids if one not in self._origins]:
            for workflow_id, origin in (await connection.origins(unknown)).items():
                keep(self._origins, workflow_id, origin, _REMEMBERED)

    def carrying(self, workflow_id: str, made: Sequence[Event]) -> Sequence[Event]:
        """The events, where CloudEvents carry their task's context that have no ``traceparent`` of their own.

        What history keeps of them stays as it is.
        """
        if workflow_id not in self._origins or not any("emits" in event.data for event in made):
            return made
        return [self._carrying(workflow_id, event) if "emits" in event.data else event for event in made]

    def _carrying(self, workflow_id: str, event: Event) -> Event:
        emitted = events.object_(event.data["output"] if event.data["emits"] is True else event.data["emits"])
        span = span_id(workflow_id, event.start if "start" in event.data else event.seq)
        carried = {TRACEPARENT: self._lineage(workflow_id).traceparent(span)} | emitted
        return event._replace(data=event.data | {"emits": carried})

    async def run(self) -> None:
        """Tells the collector until it is cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._tell()

    async def close(self) -> None:
        """Tells it what is left, if it listens."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXPORT_SECONDS):
                await self._tell()
        self._exporter.shutdown()

    async def _tell(self) -> None:
        while self._noted:
            batch = [self._noted.popleft() for _ in range(min(_BATCH, len(self._noted)))]
            try:
                spans = await self._spans(batch)
            except DatabaseUnavailable as error:
                log.warning("traces wait for the database", reason=error.message)
                self._noted.extendleft(reversed(batch))
                return
            told = await asyncio.to_thread(self._exporter.export, spans)
            self._heard(told is SpanExportResult.SUCCESS, len(spans))

    def _heard(self, is_heard: bool, spans: int) -> None:
        if not is_heard and self._is_heard:
            log.warning("the collector of traces does not take them", spans=spans)
        elif is_heard and not self._is_heard:
            log.info("the collector of traces takes them again")
        self._is_heard = is_heard

    async def _spans(self, batch: Sequence[_Ended | _Attempted]) -> list[ReadableSpan]:
        await self._learn_origins({one.workflow_id for one in batch})
        batch = [one for one in batch if self._lineage(one.workflow_id).is_sampled]
        ended = [one for one in batch if isinstance(one, _Ended)]
        attempted = [one for one in batch if isinstance(one, _Attempted)]
        await self._learn_beginnings(
            (one.workflow_id, one.event.start)
            for one in ended
            if one.event.type not in events.TERMINAL and "start" in one.event.data
        )
        made = [self._of_attempt(one) for one in attempted]
        for one in ended:
            made.append(self._of_workflow(one) if one.event.type in events.TERMINAL else self._of_part(one))
        return made

    async def _learn_origins(self, workflow_ids: Iterable[str]) -> None:
        unknown = [one for one in workflow_ids if one not in self._origins]
        if unknown:
            for workflow_id, origin in (await self._tracing.origins(unknown)).items():
                keep(self._origins, workflow_id, origin, _REMEMBERED)

    async def _learn_beginnings(self, keys: Iterable[tuple[str, int]]) -> None:
        unknown = [key for key in keys if key not in self._beginnings]
        if unknown:
            for key, beginning in (await self._tracing.beginnings(unknown)).items():
                keep(self._beginnings, key, beginning, _REMEMBERED)

    def _lineage(self, workflow_id: str) -> Lineage:
        return Lineage.of(workflow_id, self._origins.get(workflow_id))

    def _of_workflow(self, one: _Ended) -> ReadableSpan:
        namespace, name, version = one.definition
        lineage = self._lineage(one.workflow_id)
        return span(
            f"workflow {namespace}/{name}",
            lineage,
            span_id(one.workflow_id, 0),
            lineage.parent,
            times=(one.started_at or one.event.at, one.event.at),
            attributes={
                "pgworker.workflow.id": one.workflow_id,
                "pgworker.workflow.version": version,
                "pgworker.workflow.events": one.event.seq,
            },
            error=one.event.data.get("error"),
        )

    def _of_part(self, one: _Ended) -> ReadableSpan:
        event = one.event
        start = event.start if "start" in event.data else event.seq
        beginning = self._beginnings.pop((one.workflow_id, start), Beginning(event.at, event.frame))
        what, _, status = event.type.partition(".")
        task = event.task or ""
        return span(
            f"{what} {_name(task)}",
            self._lineage(one.workflow_id),
            span_id(one.workflow_id, start),
            span_id(one.workflow_id, beginning.inside),
            times=(beginning.at, event.at),
            attributes={
                "pgworker.workflow.id": one.workflow_id,
                "pgworker.task": task,
                "pgworker.task.kind": str(event.data.get("kind", "")),
                "pgworker.task.status": status,
            },
            error=event.data.get("error"),
        )

    def _of_attempt(self, one: _Attempted) -> ReadableSpan:
        performance = one.performance
        workflow_id, seq = performance.key
        attempt = performance.lease.attempt
        failed = one.outcome if isinstance(one.outcome, ActivityFailed) else None
        return span(
            f"{performance.activity} {_name(performance.task)}",
            self._lineage(workflow_id),
            span_id(workflow_id, seq, attempt),
            span_id(workflow_id, seq),
            times=one.times,
            attributes={
                "pgworker.workflow.id": workflow_id,
                "pgworker.task": performance.task,
                "pgworker.activity": performance.activity,
                "pgworker.attempt": attempt,
            },
            error=None if failed is None else failed.fault.problem(performance.task),
            kind=SpanKind.CLIENT,
        )


def _inside(event: Event) -> int:
    """What a task, a branch or an extension that begins is inside of."""
    return event.start if event.type == events.BRANCH_STARTED else event.frame


def _name(task: str) -> str:
    return task.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")
