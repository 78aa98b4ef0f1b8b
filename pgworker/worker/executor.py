"""The executor: performs activities that workers hand over, and knows no database."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aiohttp import web

from pgworker.activities.functions.library import Functions
from pgworker.activities.handover import (
    LARGEST,
    MEDIA_TYPE,
    about_of,
    attempt_of,
    completed,
    failed,
    read,
    requested,
    traceparent_of,
)
from pgworker.activities.registry import Activities
from pgworker.activities.tracing import CURRENT
from pgworker.errors import Fault, FaultKind, ValueRefused
from pgworker.settings import Settings
from pgworker.telemetry import ABOUT, log
from pgworker.types import JsonObject
from pgworker.worker.decision_watch import DecisionWatch
from pgworker.worker.evaluations import Evaluations
from pgworker.worker.service import local_activities


async def serve_executor(
    settings: Settings, host: str, port: int, stop: asyncio.Event, functions: Functions | None = None
) -> None:
    """Answers requests on the address until ``stop`` is set; then finishes what is under way.

    As many activities as ``concurrency`` says at once; whoever comes then is told to come again (503).
    """
    async with (
        Evaluations(DecisionWatch(), settings.memory_megabytes) as evaluations,
        local_activities(settings, functions, evaluations.evaluate) as activities,
    ):
        executor = _Executor(activities, settings.concurrency, settings.executor_token)
        application = web.Application(client_max_size=LARGEST)
        application.router.add_post("/", executor.answer)
        # who hands an activity over and hangs up wants it no more
        runner = web.AppRunner(
            application, handler_cancellation=True, shutdown_timeout=settings.grace_seconds
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            for address in runner.addresses:
                log.info("executor started", host=address[0], port=address[1])
            await stop.wait()
        finally:
            await runner.cleanup()


class _Executor:
    def __init__(self, activities: Activities, slots: int, token: str | None) -> None:
        self._activities = activities
        self._free = slots
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def answer(self, request: web.Request) -> web.Response:
        if self._expected is not None and not hmac.compare_digest(
            request.headers.get("Authorization", "").encode(), self._expected
        ):
            return web.json_response({"title": "the token is missing or wrong"}, status=401)
        try:
            event = read(await request.read())
            scheduled, key = requested(event)
        except (ValueError, ValueRefused) as error:
            return web.json_response({"title": "this is no request", "detail": str(error)}, status=400)
        if self._free <= 0:
            return web.json_response(
                {"title": "all slots are taken"}, status=503, headers={"Retry-After": "1"}
            )
        self._free -= 1
        try:
            with _told_of(about_of(scheduled, key), traceparent_of(event)):
                answer = await self._perform(scheduled, key)
            return web.Response(body=answer, content_type=MEDIA_TYPE)
        finally:
            self._free += 1

    async def _perform(self, scheduled: JsonObject, key: str) -> bytes:
        try:
            output = await self._activities.perform_scheduled(
                scheduled, idempotency_key=key, attempt=attempt_of(scheduled)
            )
            return completed(key, output)
        except Fault as fault:
            return failed(key, fault)
        except Exception as error:
            log.exception("an activity broke", activity=scheduled.get("activity"))
            return failed(key, Fault(FaultKind.RUNTIME, f"the activity broke: {type(error).__name__}"))


@contextmanager
def _told_of(about: Mapping[str, object], traceparent: str | None) -> Iterator[None]:
    """Within it logs tell of an activity, and calls belong to its trace."""
    logged, traced = ABOUT.set(about), CURRENT.set(traceparent)
    try:
        yield
    finally:
        ABOUT.reset(logged)
        CURRENT.reset(traced)
