"""``call: asyncapi`` over Kafka: what is published and consumed, who is let in, and where nobody connects."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from contextlib import AsyncExitStack
from dataclasses import replace

import aiokafka
import pytest
import trustme

from pgworker.activities.asyncapi.kafka import KafkaLink
from pgworker.activities.asyncapi.link import Contact
from pgworker.activities.asyncapi.messages import Outbound
from pgworker.activities.asyncapi.target import Server, Target
from pgworker.activities.policy import HttpPolicy, parse_connect_to, parse_networks
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault, FaultKind
from tests.activities.conftest import LOOPBACK
from tests.support.kafka import Gate, announcing, cluster, opened
from tests.support.waiting import eventually

USER, PASSWORD = "me", "a-password-of-a-broker"
BASIC = {"basic": {"username": USER, "password": PASSWORD}}


@pytest.fixture(scope="module")
def brokers():
    with cluster(2) as ports:
        yield ports


@pytest.fixture
def topic(request):
    """A topic of the test's own."""
    return f"orders.{abs(hash(request.node.name))}"


class Caller:
    """Calls by way of a document about one topic, with bindings."""

    def __init__(self, folder, host, topic, *, policy=LOOPBACK, protocol="kafka", security=(), **bindings):
        self.folder = folder
        self.policy = policy
        self.stack = AsyncExitStack()
        schemes = {f"s{number}": {"type": type_} for number, type_ in enumerate(security)}
        document = {
            "asyncapi": "3.0.0",
            "servers": {
                "it": {
                    "host": host,
                    "protocol": protocol,
                    "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in schemes],
                }
            },
            "components": {"securitySchemes": schemes},
            "channels": {
                "orders": {
                    "address": topic,
                    "messages": {
                        "order": {"bindings": {"kafka": {"key": {"type": "string", "const": "k-1"}}}}
                    },
                }
            },
            "operations": {
                "orders": {
                    "action": "send",
                    "channel": {"$ref": "#/channels/orders"},
                    "bindings": {"kafka": bindings},
                }
            },
        }
        (folder / "document.json").write_text(json.dumps(document))

    async def __call__(self, **arguments):
        given = {"document": {"endpoint": "file:document.json"}, "operation": "orders", **arguments}
        secrets = StoredSecrets(environment={})
        async with Activities(self.policy, secrets, self.folder) as activities, asyncio.timeout(40):
            return await activities.perform("asyncapi", given, idempotency_key="w:7")

    async def publish(self, payload, **arguments):
        return await self(message={"payload": payload, "headers": {"of": "me"}}, **arguments)

    async def fault(self, **arguments) -> Fault:
        with pytest.raises(Fault) as caught:
            await self(**arguments)
        return caught.value


@pytest.fixture
def call(brokers, topic, tmp_path):
    return Caller(tmp_path, f"127.0.0.1:{brokers[0]}", topic)


async def _records(brokers, topic):
    """All that the topic has, seen by another client than ours."""
    consumer = aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=f"127.0.0.1:{brokers[0]}", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        found = await consumer.getmany(timeout_ms=1000)
    finally:
        await consumer.stop()
    return [record for records in found.values() for record in records]


def _consume(amount, seconds=10.0):
    return {"consume": {"amount": amount, "for": {"milliseconds": int(seconds * 1000)}}}


async def test_a_message_is_published_with_the_activitys_key_and_that_of_the_binding(call, brokers, topic):
    assert await call.publish({"n": 1}) is None
    (record,) = await _records(brokers, topic)
    assert (record.value, record.key) == (b'{"n":1}', b"k-1")
    assert dict(record.headers) == {
        "content-type": b"application/json",
        "idempotency-key": b"w:7",
        "of": b"me",
    }


async def test_what_comes_from_now_on_is_consumed(call, brokers, topic):
    await call.publish({"n": "before"})
    consuming = asyncio.create_task(call(subscription=_consume(2)))
    for number in range(200):
        await call.publish({"n": number})
        if consuming.done():
            break
    messages = await consuming
    first, second = [message["payload"]["n"] for message in messages]
    assert second == first + 1
    assert messages[0]["headers"]["of"] == "me"


async def test_without_messages_the_time_runs_out(call):
    assert await call(subscription=_consume(2, 0.3)) == []


async def test_a_group_goes_on_with_what_it_has_not_consumed(brokers, topic, tmp_path):
    call = Caller(tmp_path, f"127.0.0.1:{brokers[0]}", topic, groupId={"type": "string", "enum": ["shop"]})
    consuming = asyncio.create_task(call(subscription=_consume(1)))
    number = -1
    while not consuming.done():
        number += 1
        await call.publish({"n": number})
        await asyncio.sleep(0.1)
    (first,) = [message["payload"]["n"] for message in await consuming]
    await call.publish({"n": number + 1})
    rest = await call(subscription=_consume(number + 1 - first))
    assert [message["payload"]["n"] for message in rest] == list(range(first + 1, number + 2))


async def test_to_be_no_member_any_more_when_messages_are_acknowledged_breaks_nothing(brokers, topic):
    """As if the group had been divided anew: what was not committed in time comes to others, once more."""
    server = Server("it", "kafka", f"127.0.0.1:{brokers[0]}", "")
    target = Target(server, topic, {"groupId": "lost"}, "application/json")
    link = KafkaLink(LOOPBACK, StoredSecrets(environment={}))
    async with link.receive(Contact(target, None, "w:2")) as receiver:
        await link.publish(Contact(target, None, "w:1"), Outbound(b"1", {}, "application/json", "w:1"))
        assert (await receiver.next()).body == b"1"
        await receiver._client._coordinator._maybe_leave_group()
        await receiver.acknowledge()
    await link.close()


async def test_a_call_that_is_cancelled_ends(call):
    consuming = asyncio.create_task(call(subscription={"consume": {"amount": 1}}))
    await asyncio.sleep(0.5)
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(consuming, 5)


async def test_a_broker_at_a_private_address_is_refused(brokers, topic, tmp_path):
    call = Caller(tmp_path, f"127.0.0.1:{brokers[0]}", topic, policy=HttpPolicy())
    fault = await call.fault(message={"payload": 1})
    assert fault.kind is FaultKind.AUTHORIZATION
    assert "loopback" in fault.detail


@pytest.mark.parametrize("arguments", [{"message": {"payload": 1}}, {"subscription": _consume(1)}])
async def test_brokers_that_are_announced_at_a_private_address_are_refused_before_anything_connects(
    brokers, topic, tmp_path, arguments
):
    """The first broker may be called, and says that all of them are somewhere that may not."""
    policy = replace(LOOPBACK, allow_private=parse_networks("127.0.0.1/32"))
    with socket.socket() as trap:
        trap.bind(("127.0.0.9", brokers[0]))  # where the first broker is said to be
        trap.listen()
        trap.settimeout(0.2)
        async with opened(Gate(brokers[0], rewrite=announcing("127.0.0.9"))) as gate:
            call = Caller(tmp_path, f"127.0.0.1:{gate.port}", topic, policy=policy)
            fault = await call.fault(**arguments)
        assert gate.taken >= 1
        with pytest.raises(TimeoutError):
            trap.accept()
    assert fault.kind is FaultKind.AUTHORIZATION
    assert "127.0.0.9" in fault.detail


async def test_a_broker_that_is_not_there_is_a_fault_of_communication(topic, tmp_path):
    fault = await Caller(tmp_path, "127.0.0.1:1", topic).fault(message={"payload": 1})
    assert fault.kind is FaultKind.COMMUNICATION
    assert "127.0.0.1:1" in fault.detail


async def test_a_name_without_an_address_is_a_fault_of_communication(topic, tmp_path):
    fault = await Caller(tmp_path, "kafka.invalid", topic).fault(message={"payload": 1})
    assert (fault.kind, "kafka.invalid" in fault.detail) == (FaultKind.COMMUNICATION, True)


async def test_a_message_that_is_too_large_is_a_fault(call):
    fault = await call.fault(message={"payload": "x" * 2_000_000})
    assert fault.kind is FaultKind.COMMUNICATION
    assert "larger" in fault.detail or "Large" in fault.detail


async def _through_gates(stack, brokers, **how):
    """Gates before all brokers, and the rules that lead there."""
    gates = [await stack.enter_async_context(opened(Gate(broker, **how))) for broker in brokers]
    rules = [f":{gate.broker}:127.0.0.1:{gate.port}" for gate in gates]
    return gates, replace(HttpPolicy(), connect_to=parse_connect_to(",".join(rules)), total_timeout=10.0)


MECHANISMS = [("PLAIN", "plain"), ("SCRAM-SHA-256", "scramSha256"), ("SCRAM-SHA-512", "scramSha512")]


@pytest.mark.parametrize(("mechanism", "scheme"), MECHANISMS)
async def test_a_login_is_by_the_mechanism_that_the_document_names(
    brokers, topic, tmp_path, mechanism, scheme
):
    async with AsyncExitStack() as stack:
        secret = (USER, PASSWORD)
        gates, policy = await _through_gates(stack, brokers, mechanism=mechanism, secret=secret)
        host = f"kafka.test:{brokers[0]}"
        call = Caller(tmp_path, host, topic, policy=policy, security=[scheme])
        await call.publish(1, authentication=BASIC)
        (record,) = await _records(brokers, topic)
        assert record.value == b"1"
        said = "".join(login for gate in gates for login in gate.logins)
        assert (PASSWORD in said) == (mechanism == "PLAIN")


async def test_a_bearer_token_is_a_login_by_oauth(brokers, topic, tmp_path):
    async with AsyncExitStack() as stack:
        _, policy = await _through_gates(stack, brokers, mechanism="OAUTHBEARER", secret=("", "t0ken"))
        call = Caller(tmp_path, f"kafka.test:{brokers[0]}", topic, policy=policy)
        await call.publish(1, authentication={"bearer": {"token": "t0ken"}})
        assert len(await _records(brokers, topic)) == 1
        fault = await call.fault(
            message={"payload": 1}, authentication={"bearer": {"token": "another-t0ken"}}
        )
        assert fault.kind is FaultKind.AUTHENTICATION
        assert "another-t0ken" not in fault.detail


@pytest.mark.parametrize(("mechanism", "scheme"), MECHANISMS)
async def test_a_wrong_password_is_a_fault_of_authentication_that_does_not_show_it(
    brokers, topic, tmp_path, mechanism, scheme
):
    async with AsyncExitStack() as stack:
        secret = (USER, "quite another")
        _, policy = await _through_gates(stack, brokers, mechanism=mechanism, secret=secret)
        call = Caller(tmp_path, f"kafka.test:{brokers[0]}", topic, policy=policy, security=[scheme])
        fault = await call.fault(message={"payload": 1}, authentication=BASIC)
    assert fault.kind is FaultKind.AUTHENTICATION
    assert PASSWORD not in fault.detail


async def test_a_mechanism_that_the_broker_does_not_know_is_a_fault_of_authentication(
    brokers, topic, tmp_path
):
    async with AsyncExitStack() as stack:
        _, policy = await _through_gates(stack, brokers, mechanism="SCRAM-SHA-256")
        call = Caller(tmp_path, f"kafka.test:{brokers[0]}", topic, policy=policy)
        fault = await call.fault(message={"payload": 1}, authentication=BASIC)
    assert fault.kind is FaultKind.AUTHENTICATION


@pytest.fixture
def authority(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return authority


def _tls(authority, *names):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_over_tls_each_broker_has_the_certificate_of_its_own_name(brokers, topic, tmp_path, authority):
    async with AsyncExitStack() as stack:
        tls = _tls(authority, "kafka.test", "kafka.one")
        _, policy = await _through_gates(stack, brokers, tls=tls, rewrite=announcing("kafka.one"))
        policy = replace(policy, ca_file=tmp_path / "authority.pem")
        host = f"kafka.test:{brokers[0]}"
        await Caller(tmp_path, host, topic, policy=policy, protocol="kafka-secure").publish(1)
        assert len(await _records(brokers, topic)) == 1


async def test_over_tls_a_broker_with_the_certificate_of_another_is_refused(
    brokers, topic, tmp_path, authority
):
    async with AsyncExitStack() as stack:
        tls = _tls(authority, "kafka.test")  # but the brokers say that they are kafka.one
        _, policy = await _through_gates(stack, brokers, tls=tls, rewrite=announcing("kafka.one"))
        policy = replace(policy, ca_file=tmp_path / "authority.pem", total_timeout=3.0)
        call = Caller(tmp_path, f"kafka.test:{brokers[0]}", topic, policy=policy, protocol="kafka-secure")
        fault = await call.fault(message={"payload": 1})
    assert fault.kind is FaultKind.COMMUNICATION
    assert "certificate" in fault.detail
    assert await _records(brokers, topic) == []


async def test_a_broker_that_goes_and_comes_back_is_consumed_from_again(brokers, topic, tmp_path):
    async with AsyncExitStack() as stack:
        gates, policy = await _through_gates(stack, brokers)
        call = Caller(tmp_path, f"kafka.test:{brokers[0]}", topic, policy=policy)
        consuming = asyncio.create_task(call(subscription=_consume(1, 15)))
        await eventually(lambda: gates[0].taken + gates[1].taken >= 2, what="the consumer")
        for gate in gates:
            gate.cut()
        for number in range(100):
            await call.publish({"n": number})
            if consuming.done():
                break
            await asyncio.sleep(0.1)
        assert len(await consuming) == 1


async def test_clients_of_others_in_this_process_connect_as_ever(call, brokers, topic):
    """A user's function may have a client of its own, which is none of the policy's business."""
    await call.publish(1)
    assert len(await _records(brokers, topic)) == 1
