"""``call: a2a`` against a small agent: messages, tasks, streams, and agents that say no."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from pgworker.activities.policy import HttpPolicy
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.activities.sse import Events
from pgworker.errors import Fault
from pgworker.types import JsonObject, JsonValue
from tests.activities.conftest import LOOPBACK
from tests.support.agent import agent_at_work

PARTS: list[JsonValue] = [{"kind": "text", "text": "Generate the report."}]


@pytest.fixture
async def agent():
    async with agent_at_work() as agent:
        yield agent


class Asking:
    """Asks the agent in short: ``await a2a("tasks/get", {"id": "task-1"})``."""

    def __init__(self, activities: Activities, endpoint: str) -> None:
        self.activities = activities
        self.endpoint = endpoint

    async def __call__(self, method: str, parameters: JsonValue = None, **changes: JsonValue) -> JsonValue:
        where: JsonObject = {} if "agentCard" in changes else {"endpoint": self.endpoint}
        given: JsonObject = {} if parameters is None else {"parameters": parameters}
        arguments: JsonObject = {"method": method, **where, **given, **changes}
        return await self.activities.perform("a2a", arguments, idempotency_key="w:7")

    async def fault(self, method: str, parameters: JsonValue = None, **changes: JsonValue) -> Fault:
        with pytest.raises(Fault) as caught:
            await self(method, parameters, **changes)
        return caught.value


@pytest.fixture
async def a2a(agent):
    secrets = StoredSecrets(environment={"PGWORKER_SECRET_A": "token-of-a"})
    async with Activities(LOOPBACK, secrets) as activities:
        yield Asking(activities, agent.url)


async def test_a_message_has_an_id_that_every_attempt_shares_and_the_role_of_a_user(a2a, agent) -> None:
    for _ in range(2):
        answer = await a2a("message/send", {"message": {"parts": PARTS}, "configuration": {"blocking": True}})
        assert answer["artifacts"] == [{"parts": PARTS}]
    first, second = agent.seen
    assert first == second
    assert (first["jsonrpc"], first["method"], first["id"]) == ("2.0", "message/send", "w:7")
    assert first["params"]["configuration"] == {"blocking": True}
    message = first["params"]["message"]
    assert (message["role"], len(message["messageId"])) == ("user", 36)
    assert agent.headers[0]["idempotency-key"] == "w:7"


async def test_what_the_author_says_of_a_message_stays(a2a, agent) -> None:
    message = {"role": "agent", "messageId": "mine", "parts": PARTS}
    await a2a("message/send", {"message": message})
    assert agent.seen[0]["params"] == {"message": message}


async def test_tasks_are_asked_for(a2a, agent) -> None:
    await a2a("message/send", {"message": {"parts": PARTS}})
    assert (await a2a("tasks/get", {"id": "task-1"}))["status"] == {"state": "completed"}
    assert [task["id"] for task in (await a2a("tasks/list"))["tasks"]] == ["task-1"]
    assert "params" not in agent.seen[-1]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [("message/stream", {"message": {"parts": PARTS}}), ("tasks/resubscribe", {"id": "task-1"})],
)
async def test_a_stream_is_the_array_of_its_results(a2a, method, parameters) -> None:
    answer = await a2a(method, parameters)
    assert [event["status"]["state"] for event in answer] == ["submitted", "working", "completed"]


@pytest.mark.parametrize("ending", ["completed", "broken"])
async def test_a_stream_that_is_left_open_ends_with_its_last_event(a2a, agent, ending) -> None:
    agent.lingers = 30.0
    call = a2a("tasks/resubscribe", {"id": ending})
    async with asyncio.timeout(3):
        if ending == "completed":
            assert len(await call) == 3
        else:
            with pytest.raises(Fault, match="broken"):
                await call


async def test_an_error_of_the_agent_is_a_runtime_error(a2a) -> None:
    fault = await a2a.fault("tasks/get", {"id": "nothing"})
    assert (fault.kind, fault.status) == ("runtime", 500)
    assert fault.detail.endswith("answered with the error -32001: Task not found: nothing")


async def test_an_error_in_a_stream_fails_the_call(a2a) -> None:
    fault = await a2a.fault("tasks/resubscribe", {"id": "broken"})
    assert (fault.kind, "-32603: broken" in fault.detail) == ("runtime", True)


@pytest.mark.parametrize(
    "card",
    [
        {},
        {
            "url": "http://127.0.0.1:9/grpc",
            "preferredTransport": "GRPC",
            "additionalInterfaces": ["interface"],
        },
        {"url": None, "supportedInterfaces": [{"url": "/nowhere", "protocolBinding": "GRPC"}, "interface"]},
    ],
)
async def test_the_card_tells_where_the_agent_speaks_json_rpc(a2a, agent, card) -> None:
    found = {"url": agent.url, "transport": "JSONRPC", "protocolBinding": "JSONRPC"}
    for key, value in card.items():
        agent.card[key] = [found if one == "interface" else one for one in value] if "Inter" in key else value
    answer = await a2a("message/send", {"message": {"parts": PARTS}}, agentCard={"endpoint": agent.card_url})
    assert answer["id"] == "task-1"


@pytest.mark.parametrize(
    "card", [{"name": "nobody"}, [1], {"url": "https://x", "preferredTransport": "GRPC"}]
)
async def test_a_card_without_such_an_interface_is_refused(a2a, agent, card) -> None:
    agent.card = card
    fault = await a2a.fault("tasks/list", agentCard={"endpoint": agent.card_url})
    assert fault.kind == "configuration"
    assert agent.seen == []


async def test_credentials_go_to_a_server_and_to_the_origin_of_a_card(a2a, agent) -> None:
    policy: JsonObject = {"bearer": {"use": "a"}}
    await a2a("tasks/list", authentication=policy)
    await a2a("tasks/list", agentCard={"endpoint": agent.card_url, "authentication": policy})
    assert [one.get("authorization") for one in agent.headers] == ["Bearer token-of-a"] * 2


async def test_credentials_for_a_card_do_not_go_where_it_leads(a2a, agent) -> None:
    async with agent_at_work() as other:
        agent.card["url"] = other.url
        policy: JsonObject = {"bearer": {"use": "a"}}
        await a2a("tasks/list", agentCard={"endpoint": agent.card_url, "authentication": policy})
        assert ["authorization" in one for one in other.headers] == [False]


async def test_a_card_does_not_lead_to_addresses_that_the_policy_refuses(agent, server) -> None:
    async with Activities(HttpPolicy()) as activities:
        fault = await Asking(activities, agent.url).fault("tasks/list")
    assert (fault.kind, fault.status) == ("authorization", 403)
    assert agent.seen == []


@pytest.mark.parametrize("status", [401, 500])
async def test_a_status_that_says_no_is_a_communication_error(a2a, server, status) -> None:
    server.reply = lambda: web.json_response({"told": "no"}, status=status)
    a2a.endpoint = server.url()
    fault = await a2a.fault("tasks/list")
    assert (fault.kind, fault.status) == ("communication", status)


@pytest.mark.parametrize("body", [b"[1]", b"{}", b'{"jsonrpc": "2.0"}', b"no json", b""])
async def test_what_is_not_json_rpc_is_a_communication_error(a2a, server, body) -> None:
    a2a.endpoint = server.answers(body)
    assert (await a2a.fault("tasks/list")).kind == "communication"


@pytest.mark.parametrize(
    ("method", "parameters"),
    [("tasks/get", [1]), ("message/send", {"message": "hello"}), ("message/send", "hello")],
)
async def test_parameters_that_are_no_objects_are_refused(a2a, agent, method, parameters) -> None:
    assert (await a2a.fault(method, parameters)).kind == "configuration"
    assert agent.seen == []


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("data: a\n\ndata:b\n\n", ["a", "b"]),
        ("data: a\r\ndata\r\ndata:  b\r\n\r\n", ["a\n\n b"]),
        ("\ufeffid: 1\revent: x\rdata: a\r\r", ["a"]),
        (": nothing\n\nretry: 7\n\n", []),
        ("data: never ended\n", []),
    ],
)
def test_events_are_read_as_their_standard_says_however_they_are_cut(text, data) -> None:
    assert Events().feed(text, last=True) == data
    events = Events()
    found = [one for character in text for one in events.feed(character)]
    assert found + events.feed("", last=True) == data
