"""Credentials: what is sent, where secrets come from, and where none of it may ever be seen."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from urllib.parse import quote

import pytest
from aiohttp import web

from pgworker.activities.http import HttpCaller
from pgworker.activities.policy import parse_connect_to
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault
from tests.activities.conftest import LOOPBACK, Client

PASSWORD = 'open "sésame" & more'
TOKEN = "eyJhbGciOi.secret.token"
SECRETS = {
    "PGWORKER_SECRET_LOGIN": json.dumps({"username": "ada", "password": PASSWORD}),
    "PGWORKER_SECRET_TOKEN": TOKEN + "\n",
    "PGWORKER_SECRET_BEARER": json.dumps({"token": TOKEN}),
    "PGWORKER_SECRET_EMPTY": "{}",
}


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.fixture
async def keyed(http):
    """A client whose operator has secrets."""
    caller = HttpCaller(LOOPBACK, StoredSecrets(environment=SECRETS))
    return Client(http.stack, await http.stack.enter_async_context(caller))


@pytest.mark.parametrize(
    ("policy", "sent"),
    [
        ({"basic": {"username": "ada", "password": PASSWORD}}, basic("ada", PASSWORD)),
        ({"basic": {"username": "", "password": 1234}}, basic("", "1234")),
        ({"bearer": {"token": TOKEN}}, f"Bearer {TOKEN}"),
        ({"basic": {"use": "login"}}, basic("ada", PASSWORD)),
        ({"bearer": {"use": "token"}}, f"Bearer {TOKEN}"),
        ({"bearer": {"use": "bearer"}}, f"Bearer {TOKEN}"),
    ],
)
async def test_the_credentials_are_sent(server, keyed, policy, sent):
    await keyed(server.url(), authentication=policy)
    assert server.seen[0].headers["authorization"] == sent


async def test_the_policy_counts_more_than_a_header_and_than_the_uri(server, http):
    url = server.url().replace("http://", "http://u:p@")
    policy = {"bearer": {"token": TOKEN}}
    await http(url, authentication=policy, headers={"authorization": "Basic abc"})
    assert server.seen[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ({"basic": {"use": "nothing"}}, "no secret named 'nothing'"),
        ({"bearer": {"use": "login", "declared": False}}, "not declared"),
        ({"bearer": {"use": "../login"}}, "no secret named"),
    ],
)
async def test_a_secret_that_cannot_be_had_is_an_authorization_error(server, keyed, policy, named):
    fault = await keyed.fault(server.url(), authentication=policy)
    assert (fault.kind, fault.status) == ("authorization", 403)
    assert named in fault.detail
    assert server.seen == []


async def test_a_caller_that_was_given_no_secrets_has_none(server, http, monkeypatch):
    monkeypatch.setenv("PGWORKER_SECRET_TOKEN", TOKEN)
    fault = await http.fault(server.url(), authentication={"bearer": {"use": "token"}})
    assert fault.kind == "authorization"


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ("text", "one member"),
        ({}, "one member"),
        ({"basic": {}, "bearer": {}}, "one member"),
        ({"negotiate": {"token": "a"}}, "not known here"),
        ({"basic": 1}, "not known here"),
        ({"basic": {"username": "ada"}}, "the password of basic"),
        ({"basic": {"username": "ada", "password": None}}, "the password of basic"),
        ({"basic": {"username": "a:b", "password": "p"}}, "a colon"),
        ({"basic": {"username": "a\n", "password": "p"}}, "control character"),
        ({"bearer": {"token": ""}}, "empty"),
        ({"bearer": {"token": "a\r\nX-B: c"}}, "no header can carry"),
        ({"bearer": {"token": {"a": 1}}}, "the token of bearer"),
        ({"bearer": {"use": 1}}, "must be a string"),
        ({"bearer": {"use": "empty"}}, "the token of bearer"),
        ({"digest": {"username": "ada"}}, "the password of digest"),
        ({"digest": {"username": "a:b", "password": "p"}}, "a colon"),
        ({"digest": {"use": "token"}}, "not an object with username and password"),
        ({"oauth2": {"use": "token"}}, "not an object with the members of the policy"),
        ({"oidc": {"use": "empty"}}, "lacks authority"),
        ({"basic": {"use": "token"}}, "not an object with username and password"),
    ],
)
async def test_a_policy_that_cannot_be_followed_is_refused(server, keyed, policy, named):
    fault = await keyed.fault(server.url(), authentication=policy)
    assert (fault.kind, fault.status) == ("configuration", 400)
    assert named in fault.detail
    assert TOKEN not in fault.detail
    assert server.seen == []


async def test_credentials_stay_with_the_origin_they_were_given_for(server, keyed):
    server.answers(b"{}")
    policy = {"bearer": {"use": "token"}}
    same = server.url(f"/to/302?l={quote('/answer', safe='')}")
    other = server.url(f"/to/307?l={quote(server.url(host='127.0.0.2'), safe='')}")
    await keyed(same, authentication=policy, redirect=True)
    assert ["authorization" in seen.headers for seen in server.seen] == [True, True]
    server.seen.clear()
    await (await with_all_loopback(keyed))(other, authentication=policy, redirect=True)
    assert ["authorization" in seen.headers for seen in server.seen] == [True, False]


async def with_all_loopback(keyed):
    """A client that reaches this server under another name, too."""
    policy = replace(LOOPBACK, connect_to=parse_connect_to("127.0.0.2::127.0.0.1:"))
    caller = HttpCaller(policy, StoredSecrets(environment=SECRETS))
    return Client(keyed.stack, await keyed.stack.enter_async_context(caller))


POLICIES = [
    {"basic": {"use": "login"}},
    {"bearer": {"use": "token"}},
    {"basic": {"username": "ada", "password": PASSWORD}},
    {"bearer": {"token": TOKEN}},
]


def canaries(policy) -> list[str]:
    return (
        [TOKEN] if "bearer" in policy else [PASSWORD, "sésame", quote(PASSWORD), basic("ada", PASSWORD)[6:]]
    )


@pytest.mark.parametrize("policy", POLICIES, ids=str)
async def test_the_response_does_not_show_the_header(server, keyed, policy):
    output = await keyed(server.url(), authentication=policy, output="response")
    assert output["request"]["headers"]["Authorization"] == "***"
    assert not any(canary in json.dumps(output, ensure_ascii=False) for canary in canaries(policy))


@pytest.mark.parametrize("policy", POLICIES, ids=str)
async def test_no_error_shows_what_a_service_repeats(server, keyed, policy):
    header = basic("ada", PASSWORD) if "basic" in policy else f"Bearer {TOKEN}"
    told = f"{header} {PASSWORD} {quote(PASSWORD)} {json.dumps(PASSWORD)} {TOKEN}"
    server.reply = lambda: web.Response(status=401, text=told, reason="no")
    fault = await keyed.fault(server.url(), authentication=policy)
    assert (fault.kind, fault.status) == ("communication", 401)
    assert "***" in fault.detail
    assert not any(canary in fault.detail for canary in canaries(policy))


@pytest.mark.parametrize("output", ["content", "raw", "response"])
@pytest.mark.parametrize("policy", POLICIES[:2], ids=str)
async def test_no_result_shows_a_secret_that_a_service_repeats(server, keyed, policy, output):
    header = basic("ada", PASSWORD) if "basic" in policy else f"Bearer {TOKEN}"
    body = json.dumps({"header": header, "password": PASSWORD, "utf8": f"{TOKEN}"}).encode()
    server.reply = lambda: web.Response(
        body=body, content_type="application/json", headers={"X-Echo": header}
    )
    shown = json.dumps(await keyed(server.url(), authentication=policy, output=output), ensure_ascii=False)
    if output == "raw":
        shown = base64.b64decode(json.loads(shown)).decode()
    assert "***" in shown
    assert not any(canary in shown for canary in canaries(policy))


async def test_no_result_shows_a_secret_in_the_uri_that_a_redirect_led_to(server, keyed):
    server.answers(b"{}")
    url = server.url(f"/to/302?l={quote(f'/answer?token={TOKEN}', safe='')}")
    output = await keyed(url, authentication={"bearer": {"use": "token"}}, redirect=True, output="response")
    assert output["request"]["uri"] == server.url("/answer?token=***")


async def test_what_a_definition_says_itself_may_come_back(server, http):
    server.answers(json.dumps({"user": "ada", "token": TOKEN}).encode())
    output = await http(server.url(), authentication={"bearer": {"token": TOKEN}})
    assert output == {"user": "ada", "token": TOKEN}


async def test_an_unreachable_service_is_told_without_credentials(http):
    fault = await http.fault(f"http://127.0.0.1:1/{TOKEN}", authentication={"bearer": {"token": TOKEN}})
    assert TOKEN not in fault.detail
    assert isinstance(fault, Fault)


WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("charset", WIDE)
@pytest.mark.parametrize("policy", [{"bearer": {"use": "token"}}, {"bearer": {"token": TOKEN}}], ids=str)
async def test_what_a_refusal_says_in_a_wide_charset_is_told_without_secrets(
    server, keyed, policy, charset, declared
):
    said = "." * 180 + f"no entry with {TOKEN} or with {TOKEN.replace('.', '%2E')}"
    kind = f"text/plain; charset={charset}" if declared else "text/plain"
    server.answers(said.encode(charset), kind, status=403)
    fault = await keyed.fault(server.url(), authentication=policy)
    assert fault.detail.endswith("." * 180 + "no entry with *** or...")
    for text in (said[:-3], said + "x" * 70_000):  # half a character; more than is read
        server.answers(text.encode(charset)[:-1], kind, status=403)
        assert "secret" not in (await keyed.fault(server.url(), authentication=policy)).detail


@pytest.mark.parametrize("charset", ["utf-16", "utf-32-be", "latin-1", "utf-8"])
async def test_secrets_with_escaped_signs_are_hidden_in_answers_of_every_charset(server, keyed, charset):
    written = json.dumps({"a": TOKEN}).replace(".", "\\u002e")
    policy = {"bearer": {"use": "token"}}
    url = server.answers(written.encode(charset), f"application/json; charset={charset}")
    assert await keyed(url, authentication=policy) == {"a": "***"}
    url = server.answers(
        f"<é {TOKEN.replace('.', '&#46;')}>".encode(charset), f"text/html; charset={charset}"
    )
    assert await keyed(url, authentication=policy) == "<é ***>"


async def test_a_secret_in_a_charset_of_its_own_is_hidden(server, keyed):
    server.answers(f"<{PASSWORD}>".encode("latin-1"), "text/plain; charset=latin-1")
    assert await keyed(server.url(), authentication={"basic": {"use": "login"}}) == "<***>"
