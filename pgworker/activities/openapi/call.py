"""``call: openapi``: the document loaded, the operation found, its request sent."""

from __future__ import annotations

from pgworker.activities.http import HttpCaller
from pgworker.activities.openapi.assembly import http_arguments
from pgworker.activities.openapi.references import opened
from pgworker.activities.openapi.search import find_operation
from pgworker.activities.request import Request, prepare
from pgworker.activities.resources import ResourceLoader
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

_KNOWN = frozenset({"document", "operationId", "parameters", "authentication", "output", "redirect"})


class OpenApiCaller:
    """Calls operations that OpenAPI documents describe: Swagger 2.0, OpenAPI 3.0 and 3.1.

    Documents come from the loader, requests go out by way of the HTTP caller: both within its guards.
    """

    def __init__(self, http: HttpCaller, loader: ResourceLoader) -> None:
        self._http = http
        self._loader = loader

    async def call(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Makes the call that the evaluated arguments describe, and returns what ``output`` asks for.

        Raises ``Fault`` as an HTTP call does; configuration also for a document that cannot be used and an
        operation that it does not have, validation for parameters that do not fit the operation.
        """
        request = await self._request(arguments, idempotency_key)
        return await self._http.send(request, arguments.get("authentication"))

    async def _request(self, arguments: JsonObject, idempotency_key: str) -> Request:
        unknown = sorted(set(arguments) - _KNOWN)
        if unknown:
            raise _wrong(
                f"the OpenAPI call has no argument {unknown[0]!r}; it knows {', '.join(sorted(_KNOWN))}"
            )
        operation_id, given = arguments.get("operationId"), arguments.get("parameters")
        if not isinstance(operation_id, str):
            raise _wrong("the operationId must be a string")
        if not isinstance(given, dict | None):
            raise _wrong("the parameters must be an object")
        root, references = await opened(arguments.get("document"), self._loader, "OpenAPI")
        operation = await find_operation(root, references, operation_id)
        answer: JsonObject = {key: arguments[key] for key in ("output", "redirect") if key in arguments}
        return prepare(http_arguments(operation, given or {}) | answer, idempotency_key, encoded=True)


def _wrong(detail: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, detail)
