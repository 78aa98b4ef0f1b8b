"""``call: asyncapi`` over AMQP, by way of a RabbitMQ on loopback: what is acknowledged, and when."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import aio_pika
import pytest

from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault, FaultKind
from tests.activities.conftest import LOOPBACK
from tests.support.server import free_port

BINARY = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
pytestmark = pytest.mark.skipif(not BINARY.exists(), reason="rabbitmq-server is not installed here")
_STARTS_WITHIN = 60.0


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rabbitmq")
    port = free_port()
    environment = {
        **os.environ,
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
    }
    process = subprocess.Popen(
        [BINARY], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)
        if epmd := shutil.which("epmd"):
            subprocess.run([epmd, "-kill"], env=environment, check=False, capture_output=True)


@pytest.fixture
async def queue(port):
    """A queue of the broker, from which the tests look at what is left."""
    async with asyncio.timeout(_STARTS_WITHIN):
        while True:
            try:
                connection = await aio_pika.connect(host="127.0.0.1", port=port)
                break
            except (OSError, aio_pika.exceptions.AMQPError):
                await asyncio.sleep(0.5)
    async with connection, connection.channel() as channel:
        yield await channel.declare_queue("orders", auto_delete=False, durable=True)
        await channel.queue_delete("orders")


@pytest.fixture
def call(port, tmp_path):
    document = {
        "asyncapi": "2.6.0",
        "servers": {"it": {"url": f"amqp://127.0.0.1:{port}", "protocol": "amqp"}},
        "channels": {"orders": {"publish": {}, "subscribe": {}}, "none": {"publish": {}, "subscribe": {}}},
    }
    (tmp_path / "document.json").write_text(json.dumps(document))

    async def perform(channel="orders", **arguments):
        given = {"document": {"endpoint": "file:document.json"}, "channel": channel, **arguments}
        async with Activities(LOOPBACK, StoredSecrets(environment={}), tmp_path) as activities:
            return await activities.perform("asyncapi", given, idempotency_key="w:7")

    return perform


async def _left(queue) -> list[int]:
    left = []
    while (message := await queue.get(fail=False)) is not None:
        await message.ack()
        left.append(json.loads(message.body))
    return left


async def test_a_message_is_published_with_the_activitys_key(queue, call):
    await call(message={"payload": {"n": 1}, "headers": {"of": "me"}})
    message = await queue.get()
    assert (message.body, message.message_id, message.headers) == (b'{"n":1}', "w:7", {"of": "me"})
    await message.ack()


async def test_what_would_reach_no_queue_is_a_fault(queue, call):
    with pytest.raises(Fault) as caught:
        await call("none", message={"payload": 1})
    assert caught.value.kind is FaultKind.COMMUNICATION


async def test_only_what_is_consumed_is_taken_from_the_queue(queue, call):
    for number in range(5):
        await call(message={"payload": number})
    messages = await call(subscription={"consume": {"amount": 3}})
    assert [message["payload"] for message in messages] == [0, 1, 2]
    assert await _left(queue) == [3, 4]


async def test_what_a_cancelled_call_had_taken_goes_back(queue, call):
    for number in range(2):
        await call(message={"payload": number})
    consuming = asyncio.create_task(call(subscription={"consume": {"amount": 3}}))
    await asyncio.sleep(1.0)
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming
    await asyncio.sleep(0.5)
    assert await _left(queue) == [0, 1]
