"""An OpenTelemetry collector, which is a service that workflows call as well."""

from __future__ import annotations

import asyncio

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Takes spans as an OpenTelemetry collector does, and calls as a service does."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.raw = b""
        self.traceparents: list[str] = []
        self.url = ""
        self.application = web.Application()
        self.application.router.add_post("/v1/traces", self._take)
        self.application.router.add_post("/service", self._serve)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += body
        told = ExportTraceServiceRequest.FromString(body)
        for of_resource in told.resource_spans:
            for of_scope in of_resource.scope_spans:
                self.spans += of_scope.spans
        return web.Response(content_type="application/x-protobuf")

    async def _serve(self, request: web.Request) -> web.Response:
        self.traceparents.append(request.headers.get("traceparent", ""))
        await asyncio.sleep(float(request.query.get("seconds", "0")))
        return web.json_response({"secret-answer": True}, status=int(request.query.get("status", "200")))
