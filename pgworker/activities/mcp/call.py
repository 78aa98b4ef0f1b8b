"""``call: mcp``: a question to an MCP server, over HTTP or to a process of its own."""

from __future__ import annotations

from pgworker.activities.extras import ready
from pgworker.activities.hosts import host_of
from pgworker.activities.http import HttpCaller
from pgworker.activities.mcp.question import Question, command_of, question_of, wrong
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import hiding
from pgworker.activities.request import prepare
from pgworker.activities.upfront import check_upfront
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

EXTRA = "mcp"
ALLOWED_BY = "shell"


class McpCaller:
    """Asks MCP servers; what only that needs is imported by the first call.

    Processes are started only where ``run_allow`` has ``shell``, which is what running a command is.
    """

    def __init__(self, policy: HttpPolicy, http: HttpCaller, run_allow: frozenset[str]) -> None:
        self._policy = policy
        self._http = http
        self._run_allow = run_allow

    async def call(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Asks what the evaluated arguments say, and returns the JSON-RPC result.

        Raises ``Fault``: runtime for an error that the server tells, timeout when its time is over,
        configuration for wrong arguments, authorization for what the operator does not allow, communication
        for what goes wrong on the way.
        """
        question = question_of(arguments, idempotency_key)
        check_upfront(arguments.get("authentication"), "mcp")
        http, stdio = arguments.get("http"), arguments.get("stdio")
        if isinstance(http, dict):
            return await self._over_http(http, arguments.get("authentication"), question, idempotency_key)
        if isinstance(stdio, dict):
            return await self._over_stdio(stdio, question)
        raise wrong("the MCP call needs a transport: http or stdio")

    async def _over_http(
        self, http: JsonObject, authentication: JsonValue, question: Question, idempotency_key: str
    ) -> JsonValue:
        given = {"endpoint": http.get("endpoint"), "headers": http.get("headers")}
        prepared = prepare({"method": "POST", **given}, idempotency_key)
        request = await self._http.authenticated(prepared, authentication)
        await ready("pgworker.activities.mcp.client", EXTRA, "mcp")
        from pgworker.activities.mcp.client import ask
        from pgworker.activities.mcp.over_http import over_http

        try:
            # for all of a session one: some of its requests last as long as it does
            async with self._http.hosts.slot(host_of(request.url)):
                with hiding(request.redaction):
                    session = over_http(request, self._http, self._policy)
                    result = await ask(session, question, str(request), self._policy)
        except Fault as fault:
            fault.detail = request.redaction.message(fault.detail)
            raise
        return request.redaction.value(result)

    async def _over_stdio(self, stdio: JsonObject, question: Question) -> JsonValue:
        command = command_of(stdio)
        if ALLOWED_BY not in self._run_allow:
            fault = Fault(
                FaultKind.AUTHORIZATION,
                f"{command} must not be started: PGWORKER_RUN_ALLOW does not contain {ALLOWED_BY!r}",
            )
            fault.hint = f"set PGWORKER_RUN_ALLOW={ALLOWED_BY} to let workflows run commands"
            raise fault
        await ready("pgworker.activities.mcp.client", EXTRA, "mcp")
        from pgworker.activities.mcp.client import ask
        from pgworker.activities.mcp.over_stdio import over_stdio

        limit = self._policy.max_response_bytes
        return await ask(over_stdio(command, limit), question, str(command), self._policy)
