"""``call: asyncapi`` to a broker over TLS: the certificate has to be that of the host that is named."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from pgworker.activities.policy import HttpPolicy, parse_connect_to
from pgworker.activities.registry import Activities
from pgworker.errors import Fault, FaultKind
from tests.support.waiting import eventually

needs_nats = pytest.mark.skipif(
    shutil.which("nats-server") is None, reason="nats-server is not installed here"
)
pytestmark = needs_nats


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _running(folder: Path):
    """The port of a broker with a certificate for ``broker.example``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("broker.example")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tls = ["--tls", f"--tlscert={folder / 'certificate.pem'}", f"--tlskey={folder / 'key.pem'}"]
    command = ["nats-server", "-a", "127.0.0.1", "-p", str(port), *tls]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
async def broker(tmp_path):
    """The port of a broker, and a policy that leads there and trusts its authority."""
    with _running(tmp_path) as port:
        await eventually(lambda: _answers(port), what="the broker")
        rules = parse_connect_to(f":{port}:127.0.0.1:{port}")
        yield port, replace(HttpPolicy(), connect_to=rules, ca_file=tmp_path / "authority.pem")


async def _publish(folder, port, policy, host="broker.example"):
    document = {
        "asyncapi": "3.0.0",
        "servers": {"it": {"host": f"{host}:{port}", "protocol": "tls"}},
        "channels": {"news": {}},
    }
    (folder / "document.json").write_text(json.dumps(document))
    arguments = {
        "document": {"endpoint": "file:document.json"},
        "channel": "news",
        "message": {"payload": 1},
    }
    async with Activities(policy, resources=folder) as activities, asyncio.timeout(15):
        return await activities.perform("asyncapi", arguments, idempotency_key="w:7")


async def test_a_broker_with_the_certificate_of_its_host_is_spoken_to(broker, tmp_path):
    port, policy = broker
    assert await _publish(tmp_path, port, policy) is None


async def test_a_certificate_of_another_host_is_not_accepted(broker, tmp_path):
    port, policy = broker
    with pytest.raises(Fault) as caught:
        await _publish(tmp_path, port, policy, host="other.example")
    assert caught.value.kind is FaultKind.COMMUNICATION
    assert "certificate" in caught.value.detail


async def test_a_certificate_of_an_unknown_authority_is_not_accepted(broker, tmp_path):
    port, policy = broker
    with pytest.raises(Fault) as caught:
        await _publish(tmp_path, port, replace(policy, ca_file=None))
    assert caught.value.kind is FaultKind.COMMUNICATION
    assert "certificate" in caught.value.detail
