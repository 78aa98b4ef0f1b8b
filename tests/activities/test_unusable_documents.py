"""Documents with addresses that are none, numbers beyond all bounds, and charsets that few expect."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from pathlib import Path

import pytest
from aiohttp import web

from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault
from tests.activities.conftest import LOOPBACK
from tests.support.serving import serving

LARGE = 123456789012345678901234567890
SECRET = "a-secret-of-some-length"


def _openapi(**members: object) -> dict[str, object]:
    return {"openapi": "3.0.0", "paths": {"/x": {"get": {"operationId": "a"}}}, **members}


def _asyncapi(url: str) -> dict[str, object]:
    operations = {"subscribe": {"operationId": "o"}, "publish": {"operationId": "p"}}
    server = {"url": url, "protocol": "http"}
    return {"asyncapi": "2.6.0", "servers": {"s": server}, "channels": {"c": operations}}


DOCUMENTS: dict[str, tuple[str, object]] = {
    "a card with a port beyond all": ("a2a", {"url": "http://127.0.0.1:99999/x"}),
    "a card with half an address": ("a2a", {"url": "http://[bad/x"}),
    "a server with half an address": ("openapi", _openapi(servers=[{"url": "http://[bad"}])),
    "a reference with half an address": (
        "openapi",
        _openapi(paths={"/x": {"get": {"operationId": "a", "parameters": [{"$ref": "http://[bad/x#/a"}]}}}),
    ),
    "a host that is half an address": (
        "openapi",
        {"swagger": "2.0", "host": "[bad", "paths": {"/x": {"get": {"operationId": "a"}}}},
    ),
    "a broker with half an address": ("asyncapi", _asyncapi("http://[bad")),
}
CALLS: dict[str, dict[str, object]] = {
    "a2a": {"agentCard": {"endpoint": "file:it.json"}, "method": "message/send"},
    "openapi": {"document": {"endpoint": "file:it.json"}, "operationId": "a"},
    "asyncapi": {"document": {"endpoint": "file:it.json"}, "operation": "p", "message": {"payload": 1}},
}


@pytest.mark.parametrize("what", DOCUMENTS)
async def test_an_address_that_is_none_is_an_error_of_configuration(what: str, tmp_path: Path) -> None:
    kind, document = DOCUMENTS[what]
    (tmp_path / "it.json").write_text(json.dumps(document))
    async with Activities(LOOPBACK, StoredSecrets(environment={}), tmp_path) as activities:
        with pytest.raises(Fault) as caught:
            await activities.perform(kind, CALLS[kind], idempotency_key="w:1")
    assert caught.value.kind == "configuration", caught.value.detail


@pytest.mark.parametrize("scheme", ["file", "http"])
async def test_a_proto_file_at_an_address_that_is_none_is_an_error_of_configuration(scheme: str) -> None:
    service = {"name": "a.B", "host": "127.0.0.1", "port": 1}
    call = {"proto": {"endpoint": f"{scheme}://[bad/x.proto"}, "service": service, "method": "m"}
    async with Activities(LOOPBACK) as activities:
        with pytest.raises(Fault, match="is no URI") as caught:
            await activities.perform("grpc", call, idempotency_key="w:1")
    assert caught.value.kind == "configuration"


@pytest.mark.parametrize("time", [{"days": 999_999_999_999}, "P9999Y"])
async def test_a_time_beyond_the_calendar_is_an_error_of_configuration(time: object, tmp_path: Path) -> None:
    (tmp_path / "it.json").write_text(json.dumps(_asyncapi("127.0.0.1:1")))
    call = {"document": {"endpoint": "file:it.json"}, "operation": "o"}
    async with Activities(LOOPBACK, StoredSecrets(environment={}), tmp_path) as activities:
        with pytest.raises(Fault, match="no duration") as caught:
            await activities.perform(
                "asyncapi", {**call, "subscription": {"consume": {"for": time}}}, idempotency_key="w:1"
            )
    assert caught.value.kind == "configuration"


async def test_large_integers_are_sent_as_they_are(tmp_path: Path) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=await request.text())

    application = web.Application()
    application.router.add_post("/{path:.*}", echo)
    async with serving(application) as port:
        (tmp_path / "it.json").write_text(json.dumps(_asyncapi(f"127.0.0.1:{port}")))
        async with Activities(LOOPBACK, StoredSecrets(environment={}), tmp_path) as activities:
            call = CALLS["asyncapi"] | {"message": {"payload": {"n": LARGE}}}
            told = await activities.perform("asyncapi", call, idempotency_key="w:1")
    assert json.dumps(told).count(str(LARGE)) == 1


@pytest.mark.parametrize("output", ["content", "raw", "response"])
async def test_no_answer_shows_a_secret_in_another_charset_or_in_the_name_of_a_header(output: str) -> None:
    async def wide(request: web.Request) -> web.Response:
        token = request.headers["Authorization"].split()[1]
        body = json.dumps({"a": token}).encode("utf-16-le")
        return web.Response(
            body=body, headers={"Content-Type": "application/json; charset=utf-16-le", token: "1"}
        )

    application = web.Application()
    application.router.add_get("/", wide)
    kept = StoredSecrets(environment={"PGWORKER_SECRET_TOKEN": SECRET})
    async with serving(application) as port, Activities(LOOPBACK, kept) as activities:
        call = {
            "method": "GET",
            "endpoint": f"http://127.0.0.1:{port}/",
            "authentication": {"bearer": {"use": "token"}},
            "output": output,
        }
        told = json.dumps(await activities.perform("http", call, idempotency_key="w:1"))
    assert SECRET not in told
    assert "***" in told or output == "raw"


async def test_a_large_answer_and_many_secrets_do_not_keep_the_worker_from_its_leases() -> None:
    async def large(request: web.Request) -> web.Response:
        return web.json_response(["x" * 100] * 20_000)

    many = {f"k{number}": secrets.token_hex(12) for number in range(60)}
    sealed = {
        "at": ["body"],
        "kind": "expression",
        "parts": [{"program": "$secrets.many.k1"}],
        "value": None,
        "bind": {},
    }
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began)

    application = web.Application()
    application.router.add_post("/", large)
    kept = StoredSecrets(environment={"PGWORKER_SECRET_MANY": json.dumps(many)})
    async with serving(application) as port, Activities(LOOPBACK, kept) as activities:
        beating = asyncio.create_task(beat())
        arguments = {"method": "POST", "endpoint": f"http://127.0.0.1:{port}/", "body": None}
        scheduled = {"activity": "http", "arguments": arguments, "sealed": [sealed], "declared": ["many"]}
        began = time.monotonic()
        told = await activities.perform_scheduled(scheduled, idempotency_key="w:1")
        took = time.monotonic() - began
        beating.cancel()
    assert isinstance(told, list)
    assert len(told) == 20_000
    assert longest < max(took / 3, 0.5)
