"""Authorities that lie, hang or are not there, and policies that cannot be followed."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from aiohttp import web

from tests.support.authority import EXCHANGE
from tests.support.oauth_calls import SECRET, fault, get, policy


async def test_a_failure_is_shared_by_those_who_wait_and_not_remembered(http, authority):
    authority.delay = 0.1
    authority.misbehaves = say(503, "no")
    faults = await asyncio.gather(*(fault(http, authority) for _ in range(20)))
    assert {one.kind for one in faults} == {"authentication"}
    assert len(authority.requests) == 1
    authority.misbehaves = None
    assert await get(http, authority) == {"ok": True}


def say(status, text, content_type="application/json", **headers):
    async def answer(request):
        return web.Response(status=status, text=text, content_type=content_type, headers=headers)

    return answer


LEAK = "a-token-that-nobody-may-see"
LIES = {
    "nothing": (say(200, ""), "no JSON object"),
    "no JSON": (say(200, f"<html>{LEAK}", "text/html"), "no JSON object"),
    "a list": (say(200, f'["{LEAK}"]'), "no JSON object"),
    "no token": (say(200, "{}"), "without an access_token"),
    "a number": (say(200, '{"access_token": 7}'), "without an access_token"),
    "an injection": (say(200, '{"access_token": "a\\r\\nX-B: c"}'), "without an access_token"),
    "a space": (say(200, f'{{"access_token": "{LEAK} b"}}'), "without an access_token"),
    "an empty token": (say(200, '{"access_token": ""}'), "without an access_token"),
    "another type": (say(200, f'{{"access_token": "{LEAK}", "token_type": "mac"}}'), "no bearer token"),
    "no type": (say(200, f'{{"access_token": "{LEAK}", "token_type": 1}}'), "no bearer token"),
    "twice": (say(200, f'{{"access_token": "{LEAK}", "access_token": "b"}}'), "no JSON object"),
    "NaN": (say(200, f'{{"access_token": "{LEAK}", "expires_in": NaN}}'), "no JSON object"),
    "a failure": (say(500, f'{{"access_token": "{LEAK}"}}'), "answered with 500"),
    "a failing text": (say(400, LEAK, "text/plain"), "answered with 400"),
    "a strange code": (say(400, f'{{"error": "{LEAK} {LEAK}"}}'), "answered with 400"),
    "a redirect": (say(302, "", Location="http://127.0.0.1:1/"), "answered with 302"),
    "too much": (say(200, " " * 300_000), "limit of 262144 bytes"),
    "too deep": (say(200, "[" * 100_000), "no JSON object"),
    "created": (say(201, f'{{"access_token": "{LEAK}"}}'), "answered with 201"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_an_authority_that_lies_is_an_authentication_error_that_quotes_no_token(http, authority, lie):
    authority.misbehaves, said = LIES[lie]
    found = await fault(http, authority)
    assert (found.kind, found.status) == ("authentication", 401)
    assert said in found.detail
    assert LEAK not in found.detail
    assert authority.served == []


async def test_an_authority_that_repeats_the_secret_is_not_quoted(http, authority):
    encoded = json.dumps({"error": "invalid_client", "error_description": f"{SECRET} is wrong"})
    authority.misbehaves = say(401, encoded)
    found = await fault(http, authority)
    assert "invalid_client (*** is wrong)" in found.detail


async def test_an_authority_that_hangs_is_left_within_the_limit_and_asked_by_nobody_then(http, authority):
    ended = asyncio.Event()

    async def hang(request):
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    authority.misbehaves = hang
    hasty = await http.within(total_timeout=0.3)
    began = time.monotonic()
    faults = await asyncio.gather(*(fault(hasty, authority) for _ in range(5)))
    assert time.monotonic() - began < 2
    assert {(one.kind, one.status) for one in faults} == {("authentication", 401)}
    assert "0.3 s" in faults[0].detail
    await asyncio.wait_for(ended.wait(), 2)
    authority.misbehaves = None
    assert await get(hasty, authority) == {"ok": True}


async def test_a_call_that_is_cancelled_ends_the_request_for_its_token_unless_others_wait(http, authority):
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang(request):
        started.set()
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    authority.misbehaves = hang
    calls = [asyncio.create_task(get(http, authority)) for _ in range(2)]
    await started.wait()
    calls[0].cancel()
    await asyncio.wait([calls[0]])
    await asyncio.sleep(0.1)
    assert not ended.is_set()
    calls[1].cancel()
    await asyncio.wait([calls[1]])
    await asyncio.wait_for(ended.wait(), 2)


async def test_an_unreachable_authority_is_an_authentication_error(http, authority):
    found = await fault(http, authority, authority="http://127.0.0.1:1")
    assert (found.kind, found.status) == ("authentication", 401)
    assert "no connection to 127.0.0.1:1" in found.detail


@pytest.mark.parametrize("scheme", ["oauth2", "oidc"])
async def test_an_authority_at_a_private_address_is_refused(http, authority, scheme):
    members = policy(authority, authority="http://10.0.0.1")["oauth2"]
    found = await http.fault(authority.resource, authentication={scheme: members})
    assert (found.kind, found.status) == ("authorization", 403)
    assert "PGWORKER_HTTP_ALLOW_PRIVATE" in found.hint


async def test_a_configuration_does_not_lead_to_a_private_address(http, authority):
    authority.configuration = {"issuer": authority.url, "token_endpoint": "http://169.254.169.254/token"}
    members = policy(authority)["oauth2"]
    assert (await http.fault(authority.resource, authentication={"oidc": members})).kind == "authorization"


async def test_a_token_stays_within_the_origin_it_was_sent_to(server, http, authority):
    server.documents["/away"] = {"status": 302, "headers": {"Location": authority.resource}}
    found = await http.fault(server.url("/away"), authentication=policy(authority), redirect=True)
    assert found.status == 401
    assert server.seen[0].headers["authorization"] == "Bearer access-token-number-1"
    assert authority.served == [""]


POLICIES = [
    ({"grant": "authorization_code"}, "unknown grant"),
    ({"grant": "nonsense"}, "unknown grant"),
    ({"client": {}}, "client.id"),
    ({"client": {"id": "a", "authentication": "magic"}}, "unknown client.authentication"),
    ({"client": {"id": "a", "authentication": "client_secret_jwt"}}, "client.secret"),
    ({"client": {"id": "a", "authentication": "private_key_jwt"}}, "client.assertion"),
    ({"client": {"id": "a", "authentication": "private_key_jwt", "secret": SECRET}}, "no private key in PEM"),
    ({"client": {"id": "a", "authentication": "private_key_jwt", "secret": "{"}}, "no JSON Web Key"),
    ({"client": {"id": "a", "authentication": "private_key_jwt", "secret": "{}"}}, "no JSON Web Key"),
    ({"client": "a"}, "a client that is no object"),
    ({"grant": "password"}, "username and password"),
    ({"grant": "refresh_token"}, "subject"),
    ({"grant": EXCHANGE}, "subject"),
    ({"subject": {"token": "a"}}, "lacks type"),
    ({"scopes": "a"}, "no list of texts"),
    ({"scopes": [{}]}, "no list of texts"),
    ({"request": {"encoding": "text/xml"}}, "unknown encoding"),
    ({"authority": "ftp://x"}, "cannot be called"),
    ({"authority": "http://u:p@x"}, "a user or a password"),
    ({"authority": None}, "lacks authority"),
    ({"endpoints": {"token": 7.5, "introspection": []}}, "a introspection that is no text"),
]


@pytest.mark.parametrize(("members", "said"), POLICIES, ids=str)
async def test_a_policy_that_cannot_be_followed_is_a_configuration_error(http, authority, members, said):
    found = await fault(http, authority, **members)
    assert (found.kind, found.status) == ("configuration", 400)
    assert said in found.detail
    assert SECRET not in found.detail
    assert authority.requests == []
