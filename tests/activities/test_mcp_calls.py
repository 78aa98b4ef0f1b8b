"""``call: mcp`` against the official package's own server, over HTTP and over the streams of a process."""

from __future__ import annotations

import asyncio
import os
import resource
import shlex
import sys
import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from aiohttp import web

from pgworker.activities.policy import HttpPolicy
from pgworker.activities.processes.policy import ProcessPolicy
from pgworker.activities.progress import CURRENT, Progress
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault
from pgworker.types import JsonObject, JsonValue
from tests.activities.conftest import LOOPBACK
from tests.support.tools import PROGRAM, ROOT, serving

PATIENT = replace(LOOPBACK, total_timeout=20.0)
STDIO: JsonObject = {
    "command": PROGRAM[0],
    "arguments": [*PROGRAM[1:]],
    "environment": {"PYTHONPATH": str(ROOT), "MY_TOKEN": "t"},
}


class Asking:
    """Asks over one transport in short: ``await mcp("tools/call", name="add", arguments={...})``."""

    def __init__(self, activities: Activities, transport: JsonObject) -> None:
        self.activities = activities
        self.transport = transport

    async def __call__(self, method: str, changes: JsonObject | None = None, **parameters: JsonValue):
        arguments = {"method": method, **self.transport, "parameters": parameters, **(changes or {})}
        return await self.activities.perform("mcp", arguments, idempotency_key="w:7")

    async def fault(self, method: str, changes: JsonObject | None = None, **parameters: JsonValue) -> Fault:
        with pytest.raises(Fault) as caught:
            await self(method, changes, **parameters)
        return caught.value

    async def tool(self, name: str, **arguments: JsonValue):
        return await self("tools/call", name=name, arguments=arguments)


@pytest.fixture
async def tools():
    async with serving() as tools:
        yield tools


@pytest.fixture
async def activities():
    secrets = StoredSecrets(environment={"PGWORKER_SECRET_A": "token-of-a"})
    async with Activities(
        PATIENT, secrets, processes=ProcessPolicy(allowed=frozenset({"shell"}))
    ) as activities:
        yield activities


@pytest.fixture(params=["http", "stdio"])
def mcp(request, activities):
    if request.param == "stdio":
        return Asking(activities, {"stdio": STDIO})
    tools = request.getfixturevalue("tools")
    return Asking(activities, {"http": {"endpoint": tools.url}})


@pytest.fixture
def over_http(activities, tools):
    return Asking(activities, {"http": {"endpoint": tools.url}})


@pytest.fixture
def over_stdio(activities):
    return Asking(activities, {"stdio": STDIO})


async def test_a_tool_is_called_and_its_result_is_what_the_protocol_says(mcp) -> None:
    assert await mcp.tool("add", a=1, b=2) == {
        "content": [{"type": "text", "text": "3"}],
        "structuredContent": {"result": 3},
        "isError": False,
    }


@pytest.mark.parametrize(
    ("method", "parameters", "member", "says"),
    [
        ("tools/list", {}, "tools", "Adds."),
        ("prompts/list", {}, "prompts", "greet"),
        ("prompts/get", {"name": "greet", "arguments": {"name": "Ada"}}, "messages", "Greet Ada."),
        ("resources/list", {}, "resources", "note://today"),
        ("resources/read", {"uri": "note://monday/weather"}, "contents", "rain on monday"),
        ("resources/templates/list", {}, "resourceTemplates", "note://{day}/weather"),
    ],
)
async def test_every_method_is_asked(over_http, method, parameters, member, says) -> None:
    answer = await over_http(method, **parameters)
    assert says in str(answer[member])


async def test_an_error_of_the_protocol_is_a_runtime_error(mcp) -> None:
    fault = await mcp.fault("tools/call", name="refuse", arguments={})
    assert (fault.kind, fault.status) == ("runtime", 500)
    assert fault.detail.endswith("answered with the error -32050: not today")


async def test_a_tool_that_fails_has_a_result_that_says_so(over_http) -> None:
    answer = await over_http.tool("fail")
    assert answer["isError"] is True
    assert answer["content"][0]["text"] == "Error executing tool fail"


async def test_the_tool_is_told_the_idempotency_key(mcp) -> None:
    assert (await mcp.tool("told"))["structuredContent"] == {"result": "w:7"}


async def test_headers_credentials_version_and_key_go_along(over_http, tools) -> None:
    over_http.transport["http"]["headers"] = {"X-Shop": "a"}
    policy: JsonObject = {"bearer": {"token": "my-token"}}
    await over_http("tools/list", {"authentication": policy, "protocolVersion": "2025-03-26"})
    for seen in tools.seen:
        assert (seen["x-shop"], seen["authorization"]) == ("a", "Bearer my-token")
        assert seen["idempotency-key"] == "w:7"
    assert "mcp-protocol-version" not in tools.seen[0]
    assert {seen["mcp-protocol-version"] for seen in tools.seen[1:]} == {"2025-03-26"}
    assert tools.methods[-1] == "DELETE"


async def test_a_server_may_answer_in_json_in_place_of_a_stream(activities) -> None:
    async with serving(streams=False) as tools:
        mcp = Asking(activities, {"http": {"endpoint": tools.url}})
        assert (await mcp.tool("add", a=1, b=2))["structuredContent"] == {"result": 3}
        assert (await mcp.fault("tools/call", name="refuse", arguments={})).kind == "runtime"


async def test_what_a_process_says_that_is_no_message_is_passed_over(over_stdio) -> None:
    program = f"echo welcome; exec {shlex.join(PROGRAM)}"
    over_stdio.transport["stdio"] = STDIO | {"command": "sh", "arguments": ["-c", program]}
    assert (await over_stdio.tool("add", a=1, b=2))["structuredContent"] == {"result": 3}


async def test_a_policy_that_waits_for_a_challenge_is_refused(over_http, tools) -> None:
    policy: JsonObject = {"digest": {"username": "u", "password": "p"}}
    assert (await over_http.fault("tools/list", {"authentication": policy})).kind == "configuration"
    assert tools.seen == []


async def test_a_version_that_nobody_knows_is_refused(over_http, tools) -> None:
    fault = await over_http.fault("tools/list", {"protocolVersion": "1999-01-01"})
    assert (fault.kind, "2025-06-18" in fault.detail) == ("configuration", True)
    assert tools.seen == []


async def test_time_runs_out(mcp) -> None:
    begun = time.monotonic()
    fault = await mcp.fault("tools/call", {"timeout": "PT3S"}, name="wait", arguments={})
    assert (fault.kind, fault.status) == ("timeout", 408)
    assert 2.9 <= time.monotonic() - begun < 9


async def test_answers_beyond_the_limit_are_refused(mcp) -> None:
    limits = replace(PATIENT, max_response_bytes=1_000_000)
    async with Activities(limits, processes=ProcessPolicy(allowed=frozenset({"shell"}))) as activities:
        mcp.activities = activities
        fault = await mcp.fault("tools/call", name="much", arguments={})
        assert (fault.kind, "limit of 1000000 bytes" in fault.detail) == ("communication", True)


async def test_addresses_that_the_policy_refuses_are_not_connected_to(tools) -> None:
    async with Activities(HttpPolicy()) as activities:
        fault = await Asking(activities, {"http": {"endpoint": tools.url}}).fault("tools/list")
    assert (fault.kind, fault.status) == ("authorization", 403)
    assert tools.seen == []


async def test_nobody_there_is_a_communication_error(activities) -> None:
    fault = await Asking(activities, {"http": {"endpoint": "http://127.0.0.1:9/"}}).fault("tools/list")
    assert (fault.kind, "no connection to 127.0.0.1:9" in fault.detail) == ("communication", True)


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_server_that_refuses_the_request_is_told_by_its_status(activities, server, status) -> None:
    server.reply = lambda: web.json_response({"error": "token-of-a is wrong"}, status=status)
    policy: JsonObject = {"bearer": {"use": "a"}}
    mcp = Asking(activities, {"http": {"endpoint": server.url()}})
    fault = await mcp.fault("tools/list", {"authentication": policy})
    assert (fault.kind, fault.status) == ("communication", status)
    assert "token-of-a" not in fault.detail
    assert "*** is wrong" in fault.detail


async def test_what_is_no_mcp_is_a_communication_error(activities, server) -> None:
    server.answers(b'{"jsonrpc": "2.0", "id": 1, "result": {"a": 1}}')
    fault = await Asking(activities, {"http": {"endpoint": server.url()}}).fault("tools/list")
    assert fault.kind == "communication"


async def test_a_secret_that_comes_back_is_not_in_the_result(over_http) -> None:
    policy: JsonObject = {"bearer": {"use": "a"}}
    over_http.transport["authentication"] = policy
    answer = await over_http.tool("echo", text="it is token-of-a")
    assert answer["structuredContent"] == {"result": "it is ***"}


async def test_processes_are_started_only_where_the_operator_allows_it() -> None:
    async with Activities(PATIENT, processes=ProcessPolicy(allowed=frozenset({"script"}))) as activities:
        fault = await Asking(activities, {"stdio": STDIO}).fault("tools/list")
    assert (fault.kind, fault.status) == ("authorization", 403)
    assert "PGWORKER_RUN_ALLOW" in fault.detail


async def test_a_process_gets_nothing_of_the_workers_environment(over_stdio, monkeypatch) -> None:
    monkeypatch.setenv("PGWORKER_SECRET_A", "hidden")
    monkeypatch.setenv("DATABASE_URL", "postgresql://hidden")
    names = (await over_stdio.tool("environment"))["structuredContent"]["result"]
    assert {"MY_TOKEN", "PATH"} <= set(names)
    assert not {"PGWORKER_SECRET_A", "DATABASE_URL"} & set(names)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets one process change another's limits")
async def test_a_process_does_not_share_the_limit_of_the_workers_memory(over_stdio) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, before[1]))
    try:
        answer = await over_stdio.tool("memory")
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
    assert answer["structuredContent"]["result"] == before[1]


async def test_nothing_that_a_process_started_outlives_the_call(over_stdio) -> None:
    child = (await over_stdio.tool("child"))["structuredContent"]["result"]
    await _is_gone(child)


async def test_cancelling_ends_the_process(over_stdio, tmp_path) -> None:
    note = tmp_path / "pid"
    over_stdio.transport = {
        "stdio": {
            "command": "sh",
            "arguments": ["-c", f"echo $$ > {note}.new; mv {note}.new {note}; sleep 60"],
        }
    }
    task = asyncio.create_task(over_stdio("tools/list"))
    while not note.exists():  # noqa: ASYNC110 - the file is all that tells
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _is_gone(int(note.read_text()))


async def _is_gone(pid: int) -> None:
    async with asyncio.timeout(5):
        while _lives(pid):  # noqa: ASYNC110 - nobody tells of the end of a stranger's child
            await asyncio.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # a child that nobody has taken note of yet
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("command", "kind", "says"),
    [
        (["pgworker-has-no-such-program"], "configuration", "cannot be started: No such file"),
        (
            ["sh", "-c", """read line; echo '{"jsonrpc": "2.0", "id": 0, "result": "text"}'; cat"""],
            "communication",
            "answered with what cannot be read",
        ),
        (
            ["sh", "-c", "echo no luck >&2; exit 3"],
            "communication",
            "ended with 3 before it had answered: no luck",
        ),
        (["sh", "-c", "read line; echo nonsense; exit 0"], "communication", "ended with 0"),
    ],
)
async def test_a_process_that_does_not_answer_is_told_by_what_it_says(
    activities, command, kind, says
) -> None:
    transport: JsonObject = {"command": command[0], "arguments": command[1:]}
    fault = await Asking(activities, {"stdio": transport}).fault("tools/list")
    assert fault.kind == kind
    assert says in fault.detail


async def test_what_a_server_says_is_counted(mcp) -> None:
    progress = Progress()
    CURRENT.set(progress)
    await mcp.tool("add", a=1, b=2)
    assert progress.output_bytes > 100


async def test_a_host_gets_no_more_sessions_at_once_than_calls(tools) -> None:
    async with Activities(replace(PATIENT, host_connections=1)) as activities, asyncio.timeout(20):
        asking = Asking(activities, {"http": {"endpoint": tools.url}})
        answers = await asyncio.gather(*(asking.tool("add", a=1, b=nth) for nth in range(3)))
    assert [answer["structuredContent"]["result"] for answer in answers] == [1, 2, 3]
    sessions = [seen["mcp-session-id"] for seen in tools.seen if "mcp-session-id" in seen]
    assert len([session for session, _ in groupby(sessions)]) == 3
