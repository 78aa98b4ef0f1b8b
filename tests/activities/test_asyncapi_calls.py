"""``call: asyncapi``: documents of both versions, messages over HTTP and WebSocket, and how many."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from itertools import count

import pytest
from aiohttp import WSMsgType, web

from pgworker.activities.asyncapi.broker import client_of
from pgworker.activities.asyncapi.messages import Inbound, value_of
from pgworker.activities.asyncapi.target import Server, Target
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.progress import CURRENT, Progress
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault, FaultKind
from tests.activities.conftest import LOOPBACK
from tests.support.serving import serving
from tests.support.waiting import eventually


class Peer:
    """Serves documents, takes messages, and sends those in ``frames`` to whoever connects."""

    def __init__(self) -> None:
        self.port = 0
        self.documents = {}
        self.frames = []
        self.posted = []
        self.received = []
        self.headers = {}
        self.left = asyncio.Event()
        self.open = set()
        self.most = 0

    async def document(self, request):
        return web.json_response(self.documents[request.path])

    async def elsewhere(self, request):
        raise web.HTTPFound("/chat/room-1")

    async def post(self, request):
        self.headers = dict(request.headers)
        self.posted.append(await request.json())
        return web.json_response({"taken": True})

    async def lines(self, request):
        text = "".join(f"{json.dumps(frame)}\n" for frame in self.frames)
        return web.Response(text=text, content_type="application/x-ndjson")

    async def events(self, request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for frame in self.frames:
            await response.write(f"data: {json.dumps(frame)}\n\n".encode())
        await asyncio.sleep(30)
        return response

    async def socket(self, request):
        socket = web.WebSocketResponse()
        self.headers = dict(request.headers)
        await socket.prepare(request)
        self.open.add(socket)
        self.most = max(self.most, len(self.open))
        for frame in self.frames:
            await socket.send_json(frame)
            await asyncio.sleep(0.001)
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                self.received.append(json.loads(frame.data))
                await asyncio.gather(*(other.send_str(frame.data) for other in self.open - {socket}))
        self.open.remove(socket)
        self.left.set()
        return socket


@pytest.fixture
async def peer():
    peer = Peer()
    application = web.Application()
    application.router.add_get("/docs/{name}", peer.document)
    application.router.add_post("/orders", peer.post)
    application.router.add_get("/lines", peer.lines)
    application.router.add_get("/events", peer.events)
    application.router.add_get("/chat/room-1", peer.socket)
    application.router.add_get("/other/room-1", peer.elsewhere)
    peer.documents["/docs/channels.json"] = {"room": {"address": "/chat/{room}", "parameters": {"room": {}}}}
    async with serving(application) as peer.port:
        peer.documents["/docs/three.json"] = three(f"127.0.0.1:{peer.port}")
        peer.documents["/docs/two.json"] = two(peer.port)
        yield peer


def three(host):
    located = {"correlationId": {"location": "$message.payload#/id"}}
    return {
        "asyncapi": "3.0.0",
        "servers": {
            "broken": {"host": host, "protocol": "pulsar"},
            "web": {"host": host, "protocol": "http"},
            "sockets": {
                "host": host,
                "protocol": "ws",
                "pathname": "/{stage}",
                "variables": {"stage": {"default": "chat", "enum": ["chat", "other"]}},
            },
        },
        "channels": {
            "orders": {"address": "/orders", "messages": {"order": located}},
            "lines": {"address": "/lines", "messages": {"order": located}},
            "events": {"address": "/events"},
            "room": {"address": "/{room}", "parameters": {"room": {"default": "room-1"}}},
        },
        "operations": {
            "order": {"action": "receive", "channel": {"$ref": "#/channels/orders"}},
            "lines": {"action": "send", "channel": {"$ref": "#/channels/lines"}},
            "events": {"action": "send", "channel": {"$ref": "#/channels/events"}},
            "chat": {"action": "send", "channel": {"$ref": "#/channels/room"}},
        },
    }


def two(port):
    return {
        "asyncapi": "2.6.0",
        "servers": {
            "web": {
                "url": "http://127.0.0.1:{port}",
                "protocol": "http",
                "variables": {"port": {"default": "1"}},
            }
        },
        "channels": {
            "/orders": {"publish": {"operationId": "order", "message": {"payload": {}}}},
            "/lines": {"subscribe": {"operationId": "lines"}},
        },
    }


class Caller:
    def __init__(self, peer, activities) -> None:
        self.peer = peer
        self.activities = activities

    async def __call__(self, document="three.json", **arguments):
        endpoint = f"http://127.0.0.1:{self.peer.port}/docs/{document}"
        given = {"document": {"endpoint": endpoint}, **arguments}
        async with asyncio.timeout(10):
            return await self.activities.perform("asyncapi", given, idempotency_key="w:7")

    async def fault(self, *document, **arguments) -> Fault:
        with pytest.raises(Fault) as caught:
            await self(*document, **arguments)
        return caught.value


@pytest.fixture
async def asyncapi(peer):
    secrets = StoredSecrets(environment={"PGWORKER_SECRET_A": "token-of-a"})
    async with AsyncExitStack() as stack:
        yield Caller(peer, await stack.enter_async_context(Activities(LOOPBACK, secrets)))


def consume(filter_=None, **how):
    subscription = {"consume": how}
    return subscription if filter_ is None else {**subscription, "filter": deferred(filter_)}


def deferred(program, **bound):
    return {"program": program, "bind": bound}


async def test_a_message_is_posted_with_the_activitys_key(asyncapi, peer):
    message = {"payload": {"id": 7}, "headers": {"X-Of": "me"}}
    answer = await asyncapi(operation="order", protocol="http", message=message)
    assert answer == {"taken": True}
    assert peer.posted == [{"id": 7}]
    assert peer.headers["Idempotency-Key"] == "w:7"
    assert peer.headers["Content-Type"] == "application/json"
    assert peer.headers["X-Of"] == "me"


async def test_a_channel_of_version_2_is_published_to_on_a_server_with_variables(asyncapi, peer):
    server = {"name": "web", "variables": {"port": str(peer.port)}}
    await asyncapi("two.json", channel="/orders", server=server, message={"payload": 1})
    await asyncapi("two.json", operation="order", server=server, message={"payload": 2})
    assert peer.posted == [1, 2]


async def test_a_token_from_a_secret_is_sent(asyncapi, peer):
    await asyncapi(
        operation="order", protocol="http", message={"payload": 1}, authentication={"bearer": {"use": "A"}}
    )
    assert peer.headers["Authorization"] == "Bearer token-of-a"


@pytest.mark.parametrize(("operation", "protocol"), [("chat", "ws"), ("lines", "http")])
async def test_a_secret_that_comes_back_in_a_message_is_not_shown(asyncapi, peer, operation, protocol):
    peer.frames = [{"said": "token-of-a"}]
    (message,) = await asyncapi(
        operation=operation,
        protocol=protocol,
        subscription=consume(amount=1),
        authentication={"bearer": {"use": "A"}},
    )
    assert message["payload"] == {"said": "***"}


async def test_frames_of_a_web_socket_are_consumed_up_to_an_amount(asyncapi, peer):
    peer.frames = [{"n": 1}, {"n": 2}, {"n": 3}]
    messages = await asyncapi(operation="chat", protocol="ws", subscription=consume(amount=2))
    assert messages == [{"payload": {"n": 1}, "headers": {}}, {"payload": {"n": 2}, "headers": {}}]
    await asyncio.wait_for(peer.left.wait(), 5)


async def test_a_web_socket_is_where_the_document_says_and_not_where_a_redirect_leads(asyncapi, peer):
    with pytest.raises(Fault, match="redirect") as caught:
        await asyncapi(
            operation="chat",
            protocol="ws",
            server={"name": "sockets", "variables": {"stage": "other"}},
            subscription=consume(amount=1),
        )
    assert (caught.value.kind, caught.value.status) == (FaultKind.COMMUNICATION, 302)


async def test_a_frame_is_published(asyncapi, peer):
    await asyncapi(operation="chat", protocol="ws", message={"payload": {"n": 1}, "headers": {"X-Of": "me"}})
    await asyncio.wait_for(peer.left.wait(), 5)
    assert peer.received == [{"n": 1}]
    assert peer.headers["X-Of"] == "me"


async def test_what_subscriptions_wait_for_can_be_published_where_one_call_at_once_is_made(peer):
    async with Activities(replace(LOOPBACK, host_connections=1)) as activities:
        ask = partial(Caller(peer, activities), operation="chat", protocol="ws")
        waiting = [asyncio.create_task(ask(subscription=consume(amount=3))) for _ in range(2)]
        await eventually(lambda: len(peer.open) == 2)
        await asyncio.gather(*(ask(message={"payload": nth}) for nth in range(3)))
        for one in waiting:
            assert sorted(message["payload"] for message in await one) == [0, 1, 2]
    assert peer.most == 3


async def test_what_the_filter_leaves_out_does_not_count(asyncapi, peer):
    peer.frames = [{"n": n} for n in range(6)]
    messages = await asyncapi(
        operation="chat", protocol="ws", subscription=consume(".payload.n % 2 == 1", amount=2)
    )
    assert [message["payload"]["n"] for message in messages] == [1, 3]


async def test_it_goes_on_while_an_expression_holds(asyncapi, peer):
    peer.frames = [{"n": n} for n in range(9)]
    program = "($context.consumedMessages | length) < 3"
    subscription = consume(**{"while": deferred(program, context=None)})
    assert len(await asyncapi(operation="chat", protocol="ws", subscription=subscription)) == 3


async def test_it_goes_on_until_an_expression_holds(asyncapi, peer):
    peer.frames = [{"n": n} for n in range(9)]
    subscription = consume(until=deferred(".[-1].payload.n == $context.last", context={"last": 4}))
    assert len(await asyncapi(operation="chat", protocol="ws", subscription=subscription)) == 5


async def test_what_came_in_time_is_the_result_when_the_time_is_over(asyncapi, peer):
    peer.frames = [{"n": 1}]
    subscription = consume(amount=5, **{"for": {"milliseconds": 300}})
    messages = await asyncapi(operation="chat", protocol="ws", subscription=subscription)
    assert [message["payload"] for message in messages] == [{"n": 1}]


async def test_lines_of_an_answer_are_messages_with_their_correlation_id(asyncapi, peer):
    peer.frames = [{"id": "a"}, {"id": "b"}]
    messages = await asyncapi(operation="lines", protocol="http", subscription=consume(amount=2))
    assert [message["correlationId"] for message in messages] == ["a", "b"]


async def test_events_of_an_endless_answer_are_messages(asyncapi, peer):
    peer.frames = [{"id": "a"}, {"id": "b"}]
    messages = await asyncapi(operation="events", protocol="http", subscription=consume(amount=2))
    assert [message["payload"] for message in messages] == [{"id": "a"}, {"id": "b"}]


async def test_a_call_that_is_cancelled_hangs_up(asyncapi, peer):
    call = asyncio.create_task(asyncapi(operation="chat", protocol="ws", subscription=consume(amount=1)))
    await asyncio.sleep(0.3)
    assert not call.done()
    call.cancel()
    await asyncio.wait_for(peer.left.wait(), 5)


async def test_a_peer_that_goes_on_sending_does_not_keep_a_call_from_its_end(asyncapi, peer):
    peer.frames = count()
    assert await asyncapi(operation="chat", protocol="ws", subscription=consume(amount=2)) != []


async def test_consumed_messages_have_a_limit(peer):
    peer.frames = [{"n": "x" * 300} for _ in range(9)]
    async with Activities(HttpPolicy(allow_private=LOOPBACK.allow_private, max_response_bytes=2000)) as small:
        fault = await Caller(peer, small).fault(
            operation="chat", protocol="ws", subscription=consume(amount=9)
        )
    assert fault.kind is FaultKind.COMMUNICATION
    assert "larger than the limit of 2000 bytes" in fault.detail


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"operation": "ordr", "message": {}}, "has no operation 'ordr'; did you mean"),
        ({"channel": "none", "message": {}}, "has no channel 'none'"),
        ({"operation": "order", "protocol": "kafka", "message": {}}, "has no server that speaks kafka"),
        ({"operation": "order", "server": {"name": "x"}, "message": {}}, "has no server 'x'"),
        ({"operation": "order", "protocol": "pulsar", "message": {}}, "and not 'pulsar'"),
        (
            {
                "operation": "chat",
                "server": {"name": "sockets", "variables": {"stage": "bad"}},
                "subscription": consume(amount=1),
            },
            "whose variable 'stage' cannot be 'bad'",
        ),
    ],
)
async def test_what_the_document_does_not_have_is_a_fault_of_configuration(asyncapi, arguments, says):
    fault = await asyncapi.fault(**arguments)
    assert fault.kind is FaultKind.CONFIGURATION
    assert says in fault.detail


async def test_a_socket_that_closes_early_is_a_fault_of_communication(asyncapi, peer):
    peer.documents["/docs/three.json"]["channels"]["room"]["address"] = "/nowhere"
    fault = await asyncapi.fault(operation="chat", protocol="ws", subscription=consume(amount=1))
    assert (fault.kind, fault.status) == (FaultKind.COMMUNICATION, 404)


async def test_a_remote_reference_is_followed(asyncapi, peer):
    peer.documents["/docs/three.json"]["channels"]["room"] = {"$ref": "channels.json#/room"}
    peer.documents["/docs/channels.json"]["room"]["address"] = "/room-1"
    peer.frames = [1]
    assert await asyncapi(operation="chat", protocol="ws", subscription=consume(amount=1)) == [
        {"payload": 1, "headers": {}}
    ]


def test_a_client_that_is_not_installed_is_a_fault_that_names_the_extra():
    with pytest.raises(Fault) as caught:
        client_of("a_client_that_nobody_has", "nats")
    assert caught.value.kind is FaultKind.CONFIGURATION
    assert "pip install 'pgworker-engine[nats]'" in caught.value.detail


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b"plain", "plain"),
        (b"\xff\x00", "/wA="),
        (b"a\0b", "YQBi"),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b"", None),
    ],
)
def test_a_payload_is_json_or_text_or_base64(body, payload):
    target = Target(Server("it", "nats", "host", ""), "news", {}, "application/json")
    assert value_of(Inbound(body), target)["payload"] == payload


def one_of(session, **how):
    return {"consume": {"amount": 1, **how}, "session": session}


async def test_a_subscription_stays_open_for_the_next_activity_of_its_name(asyncapi, peer):
    peer.frames = [{"n": 1}, {"n": 2}, {"n": 3}]
    numbers = []
    for session in ("a", "a", "b", "a"):
        messages = await asyncapi(operation="chat", protocol="ws", subscription=one_of(session))
        numbers.append(messages[0]["payload"]["n"])
    assert numbers == [1, 2, 1, 3]
    assert not peer.left.is_set()


async def test_lines_go_on_where_the_last_activity_stopped(asyncapi, peer):
    peer.frames = [{"id": "a"}, {"id": "b"}]
    found = [await asyncapi(operation="lines", protocol="http", subscription=one_of("a")) for _ in "ab"]
    assert [message["correlationId"] for (message,) in found] == ["a", "b"]


async def test_a_subscription_is_closed_when_its_time_is_over(asyncapi, peer):
    subscription = one_of("a", **{"for": {"milliseconds": 100}})
    assert await asyncapi(operation="chat", protocol="ws", subscription=subscription) == []
    await asyncio.wait_for(peer.left.wait(), 5)


async def test_open_subscriptions_end_with_the_worker(peer):
    peer.frames = [{"n": 1}]
    async with Activities(LOOPBACK) as activities:
        await Caller(peer, activities)(operation="chat", protocol="ws", subscription=one_of("a"))
        assert not peer.left.is_set()
    await asyncio.wait_for(peer.left.wait(), 5)


async def test_the_messages_of_a_subscription_are_counted_while_they_come(asyncapi, peer):
    peer.frames = [{"n": 1}, {"n": 2}, {"n": 3}]
    progress = Progress()
    CURRENT.set(progress)
    await asyncapi(operation="events", protocol="http", subscription=consume(amount=3))
    document = len(json.dumps(peer.documents["/docs/three.json"]))
    assert progress.messages == 3
    assert progress.output_bytes == document + 3 * len('{"n": 1}')
