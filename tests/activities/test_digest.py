"""Digest authentication, checked by a server that computes the answers for itself."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest
from aiohttp import web

from pgworker.activities.digest import Asked, DigestChallenge, answered, strongest
from pgworker.activities.http import HttpCaller
from pgworker.activities.policy import parse_connect_to
from pgworker.activities.secrets import StoredSecrets
from tests.activities.conftest import LOOPBACK, Client
from tests.support.digest import DigestGuard
from tests.support.serving import serving

PASSWORD = 'open "sésame" & more'
POLICY = {"digest": {"username": "ada", "password": PASSWORD}}


class Guarded:
    """A server whose every path but ``/to/...`` is guarded."""

    def __init__(self, guard: DigestGuard) -> None:
        self.guard = guard
        self.bodies: list[bytes] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        if request.path.startswith("/to/"):
            return web.Response(status=307, headers={"Location": request.query["l"]})
        return await self.guard.check(request)


@pytest.fixture
async def guarded():
    one = Guarded(DigestGuard({"ada": PASSWORD, "ünï": PASSWORD}))
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", one.handle)
    async with serving(application) as port:
        one.url = f"http://127.0.0.1:{port}"
        yield one


@pytest.mark.parametrize("qop", ["auth", "auth, auth-int", "auth-int, auth", "auth-int", None])
@pytest.mark.parametrize(
    "algorithm", ["MD5", "SHA-256", "SHA-512-256", "MD5-sess", "SHA-256-sess", "SHA-512-256-sess"]
)
async def test_a_challenge_is_answered(http, guarded, algorithm, qop):
    guarded.guard.algorithm, guarded.guard.qop = algorithm, qop
    url = f"{guarded.url}/a%20b/ü?q=1&r=%22x"
    assert await http(url, method="POST", body={"a": 1}, authentication=POLICY) == {"ok": True}
    assert guarded.guard.refused == []
    assert guarded.bodies == [b'{"a":1}', b'{"a":1}']
    if qop is not None:
        assert guarded.guard.seen[0]["qop"] == ("auth-int" if qop == "auth-int" else "auth")


def test_the_examples_of_the_rfc_are_answered_as_it_says():
    for algorithm, response in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ]:
        challenge = DigestChallenge(
            "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm, quality="auth"
        )
        asked = Asked("GET", "/dir/index.html", b"")
        nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
        header = answered(challenge, "Mufasa", "Circle of Life", asked, count=1, client_nonce=nonce)
        assert f'response="{response}"' in header


async def test_nothing_is_sent_that_was_not_asked_for(http, guarded):
    await http(guarded.url, authentication=POLICY, headers={"Authorization": "Basic abc"})
    assert guarded.guard.unauthenticated == 1


async def test_a_challenge_is_remembered_and_counts_go_up(http, guarded):
    for _ in range(3):
        await http(guarded.url, authentication=POLICY)
    assert guarded.guard.unauthenticated == 1
    assert [fields["nc"] for fields in guarded.guard.seen] == ["00000001", "00000002", "00000003"]
    assert len({fields["cnonce"] for fields in guarded.guard.seen}) == 3


async def test_calls_at_once_never_use_a_count_twice(http, guarded):
    await http(guarded.url, authentication=POLICY)
    answers = await asyncio.gather(*(http(guarded.url, authentication=POLICY) for _ in range(50)))
    assert answers == [{"ok": True}] * 50
    assert guarded.guard.refused == []


async def test_a_challenge_for_a_part_of_the_origin_is_not_remembered(http, guarded):
    guarded.guard.more = 'domain="/here"'
    for _ in range(2):
        await http(guarded.url, authentication=POLICY)
    assert guarded.guard.unauthenticated == 2


async def test_what_others_know_is_not_used(http, guarded):
    await http(guarded.url, authentication=POLICY)
    fault = await http.fault(
        guarded.url, authentication={"digest": {"username": "ada", "password": "guessed"}}
    )
    assert (fault.kind, fault.status) == ("communication", 401)
    assert guarded.guard.unauthenticated == 2


async def test_the_next_nonce_is_used_next(http, guarded):
    guarded.guard.tells_next = True
    for _ in range(3):
        await http(guarded.url, authentication=POLICY)
    assert guarded.guard.unauthenticated == 1
    assert [(fields["nonce"], fields["nc"]) for fields in guarded.guard.seen] == [
        (f"nonce-{number}", "00000001") for number in (1, 2, 3)
    ]


async def test_a_stale_nonce_is_replaced(http, guarded):
    guarded.guard.uses = 1
    for _ in range(3):
        assert await http(guarded.url, authentication=POLICY) == {"ok": True}
    assert guarded.guard.refused == ["stale", "stale"]


async def test_a_nonce_that_is_always_stale_is_given_up(http, guarded):
    guarded.guard.uses = 0
    fault = await http.fault(guarded.url, authentication=POLICY)
    assert (fault.kind, fault.status) == ("communication", 401)
    assert len(guarded.bodies) == 3


async def test_a_wrong_password_is_tried_once(http, guarded):
    wrong = {"digest": {"username": "ada", "password": "not the password"}}
    fault = await http.fault(guarded.url, authentication=wrong)
    assert (fault.kind, fault.status) == ("communication", 401)
    assert guarded.guard.refused == ["response"]


@pytest.mark.parametrize("more", ["userhash=true", "charset=UTF-8", "userhash=true, charset=UTF-8", ""])
@pytest.mark.parametrize("user", ["ada", "ünï"])
async def test_users_are_named_as_the_challenge_wants(http, guarded, user, more):
    guarded.guard.more = more
    policy = {"digest": {"username": user, "password": PASSWORD}}
    assert await http(guarded.url, authentication=policy) == {"ok": True}
    shown = guarded.guard.seen[0]
    assert ("username*" in shown) == (user == "ünï" and more == "charset=UTF-8")
    assert (user in shown.get("username", "")) == (not more or (user == "ada" and "userhash" not in more))


async def test_the_strongest_of_several_challenges_is_answered(http, guarded):
    guarded.guard.other_challenges = (
        'Basic realm="a, Digest b", Digest realm="x", nonce="y", algorithm=MD5, qop="auth", Negotiate abc==',
        'Digest realm="x", nonce="y", algorithm=FUTURE-1, qop="auth"',
    )
    assert await http(guarded.url, authentication=POLICY) == {"ok": True}
    assert guarded.guard.refused == []


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Basic realm=x",
        "Digest",
        'Digest realm="x"',
        'Digest nonce="", realm="x"',
        'Digest nonce="y", algorithm=FUTURE-1',
        'Digest nonce="y", qop="other"',
        'Digest nonce="y',
        'Digest nonce="a\tb"',
        'Digest nonce="' + '\\"' * 20_000,
        "Digest " + "a=b, " * 10_000,
        ",,, ,= = =",
    ],
    ids=lambda text: text[:30],
)
async def test_a_challenge_that_cannot_be_answered_is_a_refusal(http, server, challenge):
    server.reply = lambda: web.Response(status=401, headers={"WWW-Authenticate": challenge})
    fault = await http.fault(server.url(), authentication=POLICY)
    assert (fault.kind, fault.status) == ("communication", 401)
    assert len(server.seen) == 1


async def test_a_challenge_in_bytes_that_are_no_text_is_a_refusal(http, raw):
    challenge = b'WWW-Authenticate: Digest realm="\xff\xfe", nonce="y"'
    head = b"HTTP/1.1 401 No\r\n" + challenge + b"\r\nContent-Length: 0\r\n\r\n"
    assert (await http.fault(await raw(head), authentication=POLICY)).status == 401


def test_challenges_are_told_apart():
    assert strongest(['Digest realm="a", nonce="b", algorithm=MD5, Digest nonce=c, algorithm=sha-256']) == (
        DigestChallenge("", "c", "SHA-256", named_algorithm="sha-256")
    )


async def test_the_answer_follows_redirects_within_the_origin_and_not_beyond(http, guarded, server):
    to = quote(f"{guarded.url}/other?a=b", safe="")
    assert await http(f"{guarded.url}/to/x?l={to}", authentication=POLICY, redirect=True) == {"ok": True}
    await http(f"{guarded.url}/to/x?l={to}", authentication=POLICY, redirect=True)
    assert guarded.guard.refused == []
    assert guarded.guard.unauthenticated == 1
    there = await http.within(connect_to=parse_connect_to(f"other.test:80:127.0.0.1:{guarded.url[17:]}"))
    beyond = f"{guarded.url}/to/x?l={quote('http://other.test/', safe='')}"
    before = len(guarded.guard.seen)
    assert (await there.fault(beyond, authentication=POLICY, redirect=True)).status == 401
    assert len(guarded.guard.seen) == before


async def test_the_password_comes_out_of_a_secret_and_is_shown_nowhere(http, server):
    kept = {"PGWORKER_SECRET_LOGIN": json.dumps({"username": "ada", "password": PASSWORD})}
    caller = HttpCaller(LOOPBACK, StoredSecrets(environment=kept))
    keyed = Client(http.stack, await http.stack.enter_async_context(caller))
    server.reply = lambda: web.json_response({"password": PASSWORD})
    assert await keyed(server.url(), authentication={"digest": {"use": "login"}}) == {"password": "***"}
    server.reply = lambda: web.Response(status=403, text=PASSWORD)
    fault = await keyed.fault(server.url(), authentication={"digest": {"use": "login"}})
    assert fault.detail.endswith(": ***")
    assert all("authorization" not in seen.headers for seen in server.seen)
