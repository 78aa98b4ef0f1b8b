"""``call: asyncapi`` to a broker over TLS: the certificate has to be that of the host that is named."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme

from pgworker.activities.policy import HttpPolicy, parse_connect_to
from pgworker.activities.registry import Activities
from pgworker.errors import Fault, FaultKind
from tests.support.brokers import answers, needed, running
from tests.support.server import free_port
from tests.support.waiting import eventually

MESSAGE = {"payload": 1}
PROGRAMS = {"tls": "nats-server", "mqtts": "mosquitto", "rediss": "redis-server"}
"""What speaks a protocol, by the name that AsyncAPI has for it over TLS."""


def _command(protocol: str, port: int, folder: Path) -> list[str]:
    authority, certificate, key = (
        str(folder / f"{name}.pem") for name in ("authority", "certificate", "key")
    )
    match protocol:
        case "tls":
            tls = ["--tls", f"--tlscert={certificate}", f"--tlskey={key}"]
            return ["nats-server", "-a", "127.0.0.1", "-p", str(port), *tls]
        case "rediss":
            tls = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority]
            options = ["--port", "0", "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
            return ["redis-server", "--tls-port", str(port), "--tls-auth-clients", "no", *tls, *options]
        case _:
            settings = folder / "mosquitto.conf"
            settings.write_text(
                f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
                f"certfile {certificate}\nkeyfile {key}\n"
            )
            return ["mosquitto", "-c", str(settings)]


def _certify(folder: Path) -> None:
    """A certificate for ``broker.example``, and the authority that gave it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("broker.example")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")


@dataclass(frozen=True)
class Broker:
    """Where a broker is, what it speaks, and a policy that leads there and trusts its authority."""

    protocol: str
    port: int
    policy: HttpPolicy


@pytest.fixture(params=list(PROGRAMS))
async def broker(request, tmp_path):
    needed(PROGRAMS[request.param])
    _certify(tmp_path)
    port = free_port()
    with running(_command(request.param, port, tmp_path)):
        await eventually(lambda: answers(port), what="the broker")
        rules = parse_connect_to(f":{port}:127.0.0.1:{port}")
        policy = replace(HttpPolicy(), connect_to=rules, ca_file=tmp_path / "authority.pem")
        yield Broker(request.param, port, policy)


async def _call(folder, broker, host="broker.example", key="w:7", **arguments):
    document = {
        "asyncapi": "3.0.0",
        "servers": {"it": {"host": f"{host}:{broker.port}", "protocol": broker.protocol}},
        "channels": {"news": {}},
    }
    file = folder / f"{key[-1]}.json"
    file.write_text(json.dumps(document))
    given = {"document": {"endpoint": f"file:{file.name}"}, "channel": "news", **arguments}
    async with Activities(broker.policy, resources=folder) as activities, asyncio.timeout(15):
        return await activities.perform("asyncapi", given, idempotency_key=key)


async def test_a_broker_with_the_certificate_of_its_host_is_spoken_to(broker, tmp_path):
    subscription = {"consume": {"amount": 1, "for": {"seconds": 10}}}
    consuming = asyncio.create_task(_call(tmp_path, broker, key="w:8", subscription=subscription))
    for _ in range(100):
        assert await _call(tmp_path, broker, message=MESSAGE) is None
        if consuming.done():
            break
        await asyncio.sleep(0.05)
    assert [message["payload"] for message in await consuming] == [1]


async def test_a_certificate_of_another_host_is_not_accepted(broker, tmp_path):
    with pytest.raises(Fault) as caught:
        await _call(tmp_path, broker, host="other.example", message=MESSAGE)
    assert caught.value.kind is FaultKind.COMMUNICATION
    assert "certificate" in caught.value.detail


async def test_a_certificate_of_an_unknown_authority_is_not_accepted(broker, tmp_path):
    stranger = replace(broker, policy=replace(broker.policy, ca_file=None))
    with pytest.raises(Fault) as caught:
        await _call(tmp_path, stranger, message=MESSAGE)
    assert caught.value.kind is FaultKind.COMMUNICATION
    assert "certificate" in caught.value.detail
