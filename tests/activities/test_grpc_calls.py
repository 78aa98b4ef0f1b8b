"""``call: grpc`` against a real server: all kinds of methods, and what goes along with a call."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from grpc import Compression

from pgworker.activities.policy import HttpPolicy, parse_connect_to
from pgworker.activities.progress import CURRENT, Progress
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault
from pgworker.types import JsonObject, JsonValue
from tests.activities.conftest import LOOPBACK
from tests.support.greeter import MOOD, PROTO, Greeter, greeting

ANNA: JsonObject = {"name": "Anna"}


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class Greetings:
    """Calls the greeter in short: ``await grpc("SayHello", {"name": "Anna"})``."""

    def __init__(self, activities: Activities, greeter: Greeter) -> None:
        self.activities = activities
        self.greeter = greeter

    async def __call__(self, method: str, arguments: JsonValue = None, **changes: JsonValue) -> JsonValue:
        return await self.activities.perform(
            "grpc", self.arguments(method, arguments, **changes), idempotency_key="w:7"
        )

    def arguments(self, method: str, arguments: JsonValue = None, **changes: JsonValue) -> JsonObject:
        service: JsonObject = {"name": "GreeterApi.Greeter", "host": "127.0.0.1", "port": self.greeter.port}
        return {
            "proto": {"endpoint": "file://greet.proto"},
            "service": service,
            "method": method,
            "arguments": {} if arguments is None else arguments,
        } | changes

    async def fault(self, method: str, arguments: JsonValue = None, **changes: JsonValue) -> Fault:
        with pytest.raises(Fault) as caught:
            await self(method, arguments, **changes)
        return caught.value


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    (tmp_path / "greet.proto").write_text(PROTO)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "mood.proto").write_text(MOOD)
    return tmp_path


@pytest.fixture
async def grpc(protos: Path):
    secrets = StoredSecrets(environment={"PGWORKER_SECRET_A": "token-of-a"})
    async with greeting() as greeter, Activities(LOOPBACK, secrets, protos) as activities:
        yield Greetings(activities, greeter)


async def test_one_message_is_answered_by_one(grpc) -> None:
    assert await grpc("SayHello", ANNA) == {"message": "Hello Anna", "letters": "4"}


async def test_a_stream_that_is_answered_is_an_array(grpc) -> None:
    assert await grpc("Greetings", {"name": "Anna", "times": 3}) == [
        {"message": "Anna 1"},
        {"message": "Anna 2"},
        {"message": "Anna 3"},
    ]
    assert await grpc("Greetings", ANNA) == []


async def test_an_array_feeds_a_stream_and_an_object_is_a_stream_of_one(grpc) -> None:
    assert await grpc("SayHelloToAll", [ANNA, {"name": "Ben"}]) == {
        "message": "Hello Anna, Ben",
        "letters": "7",
    }
    assert await grpc("SayHelloToAll", ANNA) == {"message": "Hello Anna", "letters": "4"}
    assert await grpc("SayHelloToAll", []) == {"message": "Hello "}


async def test_streams_go_both_ways(grpc) -> None:
    answers = await grpc("Chat", [{"name": name} for name in ("a", "b", "c")])
    assert [answer["message"] for answer in answers] == ["Hello a", "Hello b", "Hello c"]


async def test_well_known_types_and_imported_ones_are_written_as_in_protobufs_json(grpc) -> None:
    given = {"name": "A", "bornAt": "2020-02-29T12:00:00Z", "notes": {"a": [1, None]}, "mood": "GOOD"}
    assert await grpc("SayHello", given) == {
        "message": "Hello A",
        "letters": "1",
        "bornAt": "2020-02-29T12:00:00Z",
        "notes": {"a": [1.0, None]},
        "mood": "GOOD",
    }


async def test_the_idempotency_key_and_the_credentials_go_along(grpc) -> None:
    await grpc("SayHello", ANNA, authentication={"bearer": {"token": "my-token"}})
    seen = grpc.greeter.seen[0]
    assert (seen["idempotency-key"], seen["authorization"]) == ("w:7", "Bearer my-token")
    assert seen["user-agent"].startswith("pgworker/")


@pytest.mark.parametrize(
    ("code", "kind", "status"),
    [
        ("UNAUTHENTICATED", "authentication", 401),
        ("PERMISSION_DENIED", "authorization", 403),
        ("DEADLINE_EXCEEDED", "timeout", 408),
        ("INVALID_ARGUMENT", "validation", 400),
        ("NOT_FOUND", "communication", 404),
        ("ALREADY_EXISTS", "communication", 409),
        ("RESOURCE_EXHAUSTED", "communication", 429),
        ("UNAVAILABLE", "communication", 503),
        ("CANCELLED", "communication", 499),
        ("UNIMPLEMENTED", "communication", 501),
        ("INTERNAL", "communication", 500),
    ],
)
async def test_a_status_becomes_an_error_with_what_the_service_says(grpc, code, kind, status) -> None:
    fault = await grpc.fault("SayHello", {"name": f"code {code} nobody knows"})
    assert (fault.kind, fault.status) == (kind, status)
    assert fault.detail.endswith(f"ended with {code}: nobody knows")
    assert len(grpc.greeter.names) == 1


@pytest.mark.parametrize(
    ("method", "arguments", "says"),
    [
        ("SayHello", {"nome": "Anna"}, "nome"),
        ("SayHello", {"name": 7}, "name"),
        ("SayHello", [ANNA], "not an object"),
        ("SayHelloToAll", [ANNA, "Ben"], "not an object"),
        ("SayHello", {"mood": "SPLENDID"}, "SPLENDID"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(
    grpc, method, arguments, says
) -> None:
    fault = await grpc.fault(method, arguments)
    assert (fault.kind, fault.status) == ("validation", 400)
    assert says in fault.detail
    assert grpc.greeter.names == []


async def test_a_service_may_be_named_by_the_end_of_its_name_and_others_are_told(grpc) -> None:
    port = grpc.greeter.port
    short: JsonObject = {"name": "Greeter", "host": "127.0.0.1", "port": port}
    assert await grpc("SayHello", ANNA, service=short) == {"message": "Hello Anna", "letters": "4"}
    fault = await grpc.fault("SayHello", ANNA, service=short | {"name": "Gruss"})
    assert (fault.kind, "GreeterApi.Greeter" in fault.detail) == ("configuration", True)
    fault = await grpc.fault("SayGoodbye", ANNA)
    assert (fault.kind, "SayHelloToAll" in fault.detail) == ("configuration", True)


async def test_an_answer_that_does_not_come_is_a_timeout_and_ends_the_call(protos: Path) -> None:
    async with greeting() as greeter, Activities(replace(LOOPBACK, total_timeout=0.3), None, protos) as some:
        fault = await Greetings(some, greeter).fault("SayHello", {"name": "wait"})
        assert (fault.kind, fault.status) == ("timeout", 408)
        await asyncio.wait_for(greeter.gone.wait(), 5)


async def test_cancelling_ends_the_call(grpc) -> None:
    task = asyncio.create_task(grpc("SayHello", {"name": "wait"}))
    await asyncio.wait_for(grpc.greeter.waiting.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(grpc.greeter.gone.wait(), 5)


async def test_answers_beyond_the_limit_are_refused_one_by_one_and_together(protos: Path) -> None:
    small = replace(LOOPBACK, max_response_bytes=1000)
    async with greeting() as greeter, Activities(small, None, protos) as activities:
        grpc = Greetings(activities, greeter)
        assert (await grpc.fault("SayHello", {"name": "much"})).status == 429
        fault = await grpc.fault("Greetings", {"name": "y" * 60, "times": 40})
        assert (fault.kind, "limit of 1000 bytes" in fault.detail) == ("communication", True)


async def test_addresses_that_the_policy_refuses_are_not_connected_to(protos: Path) -> None:
    async with greeting() as greeter, Activities(HttpPolicy(), None, protos) as activities:
        grpc = Greetings(activities, greeter)
        fault = await grpc.fault("SayHello", ANNA)
        assert (fault.kind, fault.status) == ("authorization", 403)
        named: JsonObject = {"name": "Greeter", "host": "localhost", "port": greeter.port}
        assert (await grpc.fault("SayHello", ANNA, service=named)).kind == "authorization"
        assert greeter.seen == []


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback address")
async def test_addresses_of_either_family_are_connected_to(protos: Path) -> None:
    policy = replace(LOOPBACK, connect_to=parse_connect_to("six.example.com::[::1]:"))
    async with greeting(host="[::1]") as greeter, Activities(policy, None, protos) as activities:
        service: JsonObject = {"name": "Greeter", "host": "six.example.com", "port": greeter.port}
        answer = await Greetings(activities, greeter)("SayHello", ANNA, service=service)
    assert answer == {"message": "Hello Anna", "letters": "4"}


async def test_a_host_that_takes_no_connection_is_given_up_after_the_connect_timeout(protos: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        taken = socket.create_connection(full.getsockname())
        policy = replace(LOOPBACK, connect_timeout=0.5)
        async with Activities(policy, None, protos) as activities:
            grpc = Greetings(activities, Greeter(port=full.getsockname()[1]))
            begun = time.monotonic()
            fault = await grpc.fault("SayHello", ANNA)
        taken.close()
    assert (fault.kind, fault.status) == ("communication", 503)
    assert 0.4 < time.monotonic() - begun < 3


async def test_a_policy_that_waits_for_a_challenge_is_refused(grpc) -> None:
    policy: JsonObject = {"digest": {"username": "u", "password": "p"}}
    assert (await grpc.fault("SayHello", ANNA, authentication=policy)).kind == "configuration"
    assert grpc.greeter.seen == []


async def test_nobody_there_is_a_communication_error(grpc) -> None:
    nobody: JsonObject = {"name": "Greeter", "host": "127.0.0.1", "port": 9}
    fault = await grpc.fault("SayHello", ANNA, service=nobody)
    assert (fault.kind, fault.status) == ("communication", 503)


async def test_on_the_port_of_tls_the_certificate_has_to_be_the_hosts(protos: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = authority.issue_cert("greet.example.com")
    chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
    async with greeting(key=issued.private_key_pem.bytes(), chain=chain) as greeter:
        rule = parse_connect_to(f"greet.example.com::127.0.0.1:{greeter.port}")
        other = parse_connect_to(f"greet.example.org::127.0.0.1:{greeter.port}")
        policy = replace(LOOPBACK, ca_file=tmp_path / "ca.pem", connect_to=rule + other)
        async with Activities(policy, None, protos) as activities:
            grpc = Greetings(activities, greeter)
            service: JsonObject = {"name": "Greeter", "host": "greet.example.com", "port": 443}
            assert await grpc("SayHello", ANNA, service=service) == {"message": "Hello Anna", "letters": "4"}
            del service["port"]
            assert await grpc("SayHello", ANNA, service=service) == {"message": "Hello Anna", "letters": "4"}
            fault = await grpc.fault("SayHello", ANNA, service=service | {"host": "greet.example.org"})
            assert fault.kind == "communication"
        async with Activities(replace(policy, ca_file=None), None, protos) as activities:
            assert (
                await Greetings(activities, greeter).fault("SayHello", ANNA, service=service)
            ).status == 503


async def test_compressed_answers_are_refused_before_they_grow(grpc) -> None:
    async with greeting(Compression.Gzip) as greeter:
        fault = await Greetings(grpc.activities, greeter).fault("SayHello", ANNA)
    assert (fault.kind, "'gzip' is disabled" in fault.detail) == ("communication", True)


async def test_a_secret_comes_back_neither_in_results_nor_in_errors(grpc) -> None:
    policy: JsonObject = {"bearer": {"use": "a"}}
    assert await grpc("SayHello", {"name": "token-of-a"}, authentication=policy) == {
        "message": "Hello ***",
        "letters": "10",
    }
    fault = await grpc.fault("SayHello", {"name": "code INTERNAL token-of-a"}, authentication=policy)
    assert fault.detail.endswith("ended with INTERNAL: ***")


async def test_the_messages_of_a_stream_are_counted_while_they_come(grpc) -> None:
    progress = Progress()
    CURRENT.set(progress)
    await grpc("Greetings", {"name": "Anna", "times": 3})
    assert (progress.messages, progress.output_bytes) == (3, 3 * len("\n\x06Anna 1"))
