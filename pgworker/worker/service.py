"""One worker process: the wheel and what stands beside it, from start to graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from pgworker.activities.evaluation import Evaluate
from pgworker.activities.functions.library import Functions
from pgworker.activities.hosts import Hosts
from pgworker.activities.registry import Activities
from pgworker.activities.remote import RemoteActivities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import DatabaseUnavailable
from pgworker.settings import Settings
from pgworker.store.database import Database
from pgworker.store.leases import Leases
from pgworker.store.operations import Operations
from pgworker.store.pool import open_pool
from pgworker.store.resources import StoredResources
from pgworker.store.rounds import Rounds
from pgworker.store.tracing import Tracing
from pgworker.telemetry import log
from pgworker.worker.aside import Aside
from pgworker.worker.black_box import BlackBox
from pgworker.worker.breaker import Breaker
from pgworker.worker.concealment import conceal
from pgworker.worker.decision_watch import DecisionWatch
from pgworker.worker.evaluations import Evaluations
from pgworker.worker.janitor import Janitor, parse_retention
from pgworker.worker.keeper import keep
from pgworker.worker.leaving import Leaving
from pgworker.worker.librarian import Librarian
from pgworker.worker.listener import listen
from pgworker.worker.performer import Performer
from pgworker.worker.policies import http_policy, process_policy
from pgworker.worker.ports import status_ports
from pgworker.worker.rest import Rest
from pgworker.worker.rounds import Walker
from pgworker.worker.wheel import Wheel
from pgworker.worker.witness import Witnesses

if TYPE_CHECKING:
    from pgworker.worker.metrics import Metrics
    from pgworker.worker.traces import Traces

_LAST_WORDS_SECONDS = 5.0
"""How long a stopping worker tries to give its leases back after the grace period."""


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    black_box: BlackBox | None = None,
    functions: Functions | None = None,
) -> None:
    """Works until ``stop`` is set; then finishes or gives back what is under way, and returns.

    The ``black_box`` of a supervisor is told which workflow is being decided upon. ``functions`` are those
    that documents may call.
    """
    database = Database(settings.database, settings.db_schema, settings.listen_url)
    worker_id = settings.new_worker_id()
    rest = Rest(settings.poll_seconds)
    kept = parse_retention(settings.retention)
    breaker = Breaker()
    watch = DecisionWatch(black_box)
    async with (
        open_pool(database, "keeper", size=3, watched=True) as pool,
        Evaluations(watch, settings.memory_megabytes) as evaluations,
        _activities(settings, functions, evaluations.evaluate) as activities,
    ):
        leases = Leases(database, pool, worker_id, settings.lease_seconds)
        metrics = _metrics(settings, lambda: (performer.used, performer.free), activities.hosts, breaker)
        traces = _traces(settings, Tracing(database, pool))
        witness = Witnesses([one for one in (metrics, traces) if one is not None])
        performer = Performer(
            activities,
            settings.concurrency,
            rest.wake,
            witness=witness,
            leaving=Leaving(leases, settings.function_wait_seconds),
            traceparent=None if traces is None else traces.traceparent,
        )
        aside = Aside(rest.wake, settings.memory_megabytes, wary=black_box is not None)
        walker = Walker(Rounds(database, pool), rest, watch)
        wheel = Wheel(
            settings,
            database,
            worker_id,
            performer=performer,
            rest=rest,
            watch=watch,
            aside=aside,
            witness=witness,
            published=walker.wake,
            library=lambda plans: Librarian(
                activities.resources, StoredResources(database, pool, worker_id), plans, rest.wake
            ),
            breaker=breaker,
            functions=activities.functions.names,
            carrier=traces,
        )
        log.info("worker started", worker_id=worker_id, concurrency=settings.concurrency)
        async with _status_page(settings, breaker, metrics):
            helpers = [
                asyncio.create_task(listen(database, rest.wake, walker.wake, witness.notified)),
                asyncio.create_task(walker.run()),
                asyncio.create_task(aside.run()),
                asyncio.create_task(keep(leases, performer, rest, settings.lease_seconds, wheel.come_back)),
            ]
            if traces is not None:
                helpers.append(asyncio.create_task(traces.run()))
            if kept:
                helpers.append(asyncio.create_task(Janitor(Operations(database, pool), kept).run()))
            turning = asyncio.create_task(wheel.run())
            try:
                await _first_of(turning, asyncio.create_task(stop.wait()), *helpers)
                wheel.stop()
                await asyncio.wait([turning], timeout=settings.grace_seconds)
                await _give_back(leases, performer)
            finally:
                await _cancel(turning, *helpers)
                if traces is not None:
                    await traces.close()
        log.info("worker stopped", worker_id=worker_id)


def _metrics(
    settings: Settings, slots: Callable[[], tuple[int, int]], hosts: Hosts, breaker: Breaker
) -> Metrics | None:
    """What counts, if there is a page to show it on and the extra ``metrics`` is installed."""
    if settings.status_port is None:
        return None
    try:
        from pgworker.worker.metrics import Metrics
    except ImportError as error:
        log.warning("no metrics: install the extra `metrics`", reason=str(error))
        return None
    return Metrics(slots, hosts.states, breaker)


def _traces(settings: Settings, tracing: Tracing) -> Traces | None:
    """What makes traces, if there is a collector for them and the extra ``otel`` is installed."""
    if settings.otel_endpoint is None:
        return None
    try:
        from pgworker.worker.traces import Traces
    except ImportError as error:
        log.warning("no traces: install the extra `otel`", reason=str(error))
        return None
    return Traces(settings.otel_endpoint, tracing)


def _status_page(
    settings: Settings, breaker: Breaker, metrics: Metrics | None
) -> contextlib.AbstractAsyncContextManager[object]:
    if settings.status_port is None:
        return contextlib.nullcontext()
    from pgworker.worker.status_page import status_page

    return status_page(
        settings.status_host,
        status_ports(settings),
        breaker=breaker,
        metrics=None if metrics is None else metrics.text,
    )


def local_activities(settings: Settings, functions: Functions | None, evaluate: Evaluate) -> Activities:
    """The activities as this process performs them, by the settings."""
    processes = process_policy(settings)
    if processes.allowed:
        conceal()
    return Activities(
        http_policy(settings),
        StoredSecrets(settings.secrets_dir),
        settings.resources_dir,
        processes,
        functions,
        evaluate=evaluate,
    )


def _activities(
    settings: Settings, functions: Functions | None, evaluate: Evaluate
) -> Activities | RemoteActivities:
    local = local_activities(settings, functions, evaluate)
    if settings.executor_url is None:
        return local
    return RemoteActivities(settings.executor_url, settings.executor_token, local)


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    """Returns when one of the tasks ends; raises what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _give_back(leases: Leases, performer: Performer) -> None:
    held = await performer.end_all()
    try:
        async with asyncio.timeout(_LAST_WORDS_SECONDS):
            if held:
                log.info("activities are given back", count=len(held))
                await leases.release(held)
            await leases.leave()
    except (DatabaseUnavailable, TimeoutError):
        log.warning("leases could not be given back: they run out by themselves", count=len(held))


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    # More than once: a cancellation that comes together with what a task waits for can be lost (wait_for of
    # Python 3.11, by which the driver waits).
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, DatabaseUnavailable):
            await task
