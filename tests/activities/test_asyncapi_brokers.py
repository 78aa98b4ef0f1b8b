"""``call: asyncapi`` over brokers: what is published is consumed again, by way of real ones on loopback."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pgworker.activities.policy import HttpPolicy, parse_connect_to
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault, FaultKind
from tests.activities.conftest import LOOPBACK
from tests.support.brokers import answers, needed, running
from tests.support.server import free_port
from tests.support.waiting import eventually

PASSWORD = "a-password-of-a-broker"


@dataclass(frozen=True)
class Broker:
    protocol: str
    port: int


def _command(protocol: str, port: int, folder: Path) -> list[str]:
    match protocol:
        case "redis":
            arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD]
            return ["redis-server", *arguments, "--dir", str(folder)]
        case "nats":
            arguments = ["-a", "127.0.0.1", "-p", str(port), "--user", "me", "--pass", PASSWORD]
            return ["nats-server", *arguments]
        case _:
            passwords = folder / "passwords"
            subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "me", PASSWORD], check=True)
            settings = folder / "mosquitto.conf"
            settings.write_text(
                f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n"
            )
            return ["mosquitto", "-c", str(settings)]


PROGRAMS = {"redis": "redis-server", "nats": "nats-server", "mqtt": "mosquitto_passwd"}


@pytest.fixture(params=list(PROGRAMS))
async def broker(request, tmp_path):
    needed(PROGRAMS[request.param])
    broker = Broker(request.param, free_port())
    with running(_command(broker.protocol, broker.port, tmp_path)):
        await eventually(lambda: answers(broker.port), what="the broker")
        yield broker


class Caller:
    def __init__(self, broker: Broker, folder: Path, policy: HttpPolicy = LOOPBACK, **how) -> None:
        self.broker = broker
        user = "default" if broker.protocol == "redis" else "me"
        login = {"username": user, "password": how.get("password", PASSWORD)}
        kept = StoredSecrets(environment={"PGWORKER_SECRET_LOGIN": json.dumps(login)})
        self.activities = Activities(policy, kept, folder)
        self.key = how.get("key", "w:7")
        self.basic = {"basic": {"use": "login"} if how.get("kept") else login}
        document = {
            "asyncapi": "3.0.0",
            "servers": {
                "it": {
                    "host": f"{how.get('host', '127.0.0.1')}:{broker.port}",
                    "protocol": broker.protocol,
                }
            },
            "channels": {"news": {"address": "news"}},
            "operations": {"news": {"action": "send", "channel": {"$ref": "#/channels/news"}}},
        }
        (folder / "document.json").write_text(json.dumps(document))

    async def __call__(self, **arguments):
        given = {"document": {"endpoint": "file:document.json"}, "operation": "news", **arguments}
        async with self.activities as activities, asyncio.timeout(15):
            return await activities.perform(
                "asyncapi", {"authentication": self.basic, **given}, idempotency_key=self.key
            )

    async def publish(self, payload):
        return await self(message={"payload": payload})


async def test_what_is_published_is_consumed(broker, tmp_path):
    subscription = {"consume": {"amount": 2, "for": {"seconds": 10}}}
    consuming = asyncio.create_task(Caller(broker, tmp_path)(subscription=subscription))
    for number in range(200):
        await Caller(broker, tmp_path, key=f"w:{number + 8}").publish({"n": number})
        if consuming.done():
            break
    messages = await consuming
    first, second = [message["payload"]["n"] for message in messages]
    assert second == first + 1


async def test_no_message_shows_the_secret_of_the_login(broker, tmp_path):
    subscription = {"consume": {"amount": 1, "for": {"seconds": 10}}}
    consuming = asyncio.create_task(Caller(broker, tmp_path, kept=True)(subscription=subscription))
    for number in range(200):
        await Caller(broker, tmp_path, key=f"w:{number + 8}").publish({"you are": [PASSWORD]})
        if consuming.done():
            break
    assert [message["payload"] for message in await consuming] == [{"you are": ["***"]}]


async def test_without_messages_the_time_runs_out(broker, tmp_path):
    subscription = {"consume": {"amount": 2, "for": {"milliseconds": 300}}}
    assert await Caller(broker, tmp_path)(subscription=subscription) == []


async def test_a_call_that_is_cancelled_ends(broker, tmp_path):
    subscription = {"consume": {"amount": 1}}
    consuming = asyncio.create_task(Caller(broker, tmp_path)(subscription=subscription))
    await asyncio.sleep(0.5)
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(consuming, 5)


async def test_a_broker_at_a_private_address_is_refused(broker, tmp_path):
    with pytest.raises(Fault) as caught:
        await Caller(broker, tmp_path, HttpPolicy()).publish(1)
    assert caught.value.kind is FaultKind.AUTHORIZATION
    assert "loopback" in caught.value.detail


async def test_connections_go_where_the_operator_says(broker, tmp_path):
    rule = f"broker.example:{broker.port}:127.0.0.1:{broker.port}"
    policy = replace(HttpPolicy(), connect_to=parse_connect_to(rule))
    assert await Caller(broker, tmp_path, policy, host="broker.example").publish(1) is None


async def test_a_wrong_password_is_a_fault_that_does_not_show_it(broker, tmp_path):
    with pytest.raises(Fault) as caught:
        await Caller(broker, tmp_path, password="quite-a-wrong-password").publish(1)
    assert caught.value.kind is FaultKind.COMMUNICATION
    assert "quite-a-wrong-password" not in caught.value.detail


async def test_a_broker_that_is_not_there_is_a_fault_of_communication(tmp_path):
    for protocol in ("redis", "nats", "mqtt", "amqp"):
        with pytest.raises(Fault) as caught:
            await Caller(Broker(protocol, 1), tmp_path).publish(1)
        assert caught.value.kind is FaultKind.COMMUNICATION
