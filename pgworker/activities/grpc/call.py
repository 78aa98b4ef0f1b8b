"""``call: grpc``: the proto files gathered, and the method called as they say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from multidict import CIMultiDict
from yarl import URL

from pgworker.activities.extras import ready
from pgworker.activities.grpc.sources import Gathering
from pgworker.activities.grpc.target import Target, target_of
from pgworker.activities.http import HttpCaller
from pgworker.activities.media import printable
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import hiding
from pgworker.activities.request import Output, Request
from pgworker.activities.resources import ResourceLoader
from pgworker.activities.tracing import CURRENT, TRACEPARENT
from pgworker.activities.upfront import check_upfront
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

if TYPE_CHECKING:
    from pgworker.activities.grpc.client import Client

EXTRA = "grpc"


class GrpcCaller:
    """Calls methods of gRPC services; what only that needs is imported by the first call."""

    def __init__(self, policy: HttpPolicy, http: HttpCaller, loader: ResourceLoader) -> None:
        self._policy = policy
        self._http = http
        self._loader = loader
        self._client: Client | None = None

    async def call(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Makes the call that the evaluated arguments describe.

        The key goes along as ``idempotency-key``. Raises ``Fault``: configuration for proto files, services
        and methods that cannot be used, validation for arguments that do not fit the method, and what
        ``statuses`` says for calls that end with a status.
        """
        target = target_of(arguments)
        check_upfront(arguments.get("authentication"), "grpc")
        client = await self._loaded()
        sources = await Gathering(self._loader, target.proto_authentication).gather(target.proto)
        request = await self._http.authenticated(_request(target), arguments.get("authentication"))
        metadata = [("idempotency-key", idempotency_key)]
        if (traceparent := CURRENT.get()) is not None:
            metadata.append((TRACEPARENT, traceparent))
        metadata += [(name.lower(), text) for name, text in request.headers.items()]
        try:
            with hiding(request.redaction):
                result = await client.call(target, sources, arguments.get("arguments"), metadata)
        except Fault as fault:
            fault.detail = request.redaction.message(fault.detail)
            raise
        return request.redaction.value(result)

    async def _loaded(self) -> Client:
        # its core writes to the standard error by itself, past all logging
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        await ready("pgworker.activities.grpc.client", EXTRA, "grpc")
        from pgworker.activities.grpc.client import Client

        if self._client is None:
            self._client = Client(self._policy)
        return self._client


def _request(target: Target) -> Request:
    """What the call would be over HTTP: policies are made for that."""
    scheme = "https" if target.secure else "http"
    try:
        url = URL.build(scheme=scheme, host=target.host, port=target.port)
    except ValueError as error:
        raise Fault(
            FaultKind.CONFIGURATION, f"the service has no valid host: {printable(str(error))}"
        ) from error
    return Request("POST", url, CIMultiDict(), None, Output.RAW, redirect=False)
