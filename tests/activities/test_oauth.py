"""Tokens: every grant and every way of a client to show who it is, checked by a server that really looks."""

from __future__ import annotations

import asyncio
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pgworker.activities.http import HttpCaller
from pgworker.activities.oauth.policy import read_policy
from pgworker.activities.oauth.tokens import Tokens
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from tests.activities.conftest import LOOPBACK, Client
from tests.support.authority import EXCHANGE, Registered
from tests.support.oauth_calls import CLIENT, fault, get, policy

GRANTS = {
    "client_credentials": {},
    "password": {"username": "ada", "password": "open sesame & more"},
    "refresh_token": {"subject": {"token": "a-refresh-token", "type": "refresh_token"}},
    EXCHANGE: {"subject": {"token": "the-token-of-ada", "type": "urn:ietf:params:oauth:token-type:jwt"}},
}


@pytest.mark.parametrize("encoding", ["application/x-www-form-urlencoded", "application/json"])
@pytest.mark.parametrize("grant", GRANTS)
async def test_every_grant_brings_a_token(http, authority, grant, encoding):
    more = {"grant": grant, "request": {"encoding": encoding}, **GRANTS[grant]}
    assert await get(http, authority, **more) == {"ok": True}
    [asked] = authority.asked
    assert (asked.grant, asked.content_type) == (grant, encoding)
    assert "scope" not in asked.members
    assert "audience" not in asked.members


@pytest.mark.parametrize(
    ("grant", "members"),
    [
        ("password", {"username": "ada", "password": "wrong"}),
        ("refresh_token", {"subject": {"token": "another", "type": "refresh_token"}}),
        (EXCHANGE, {"subject": {"token": "the-token-of-ada", "type": "another"}}),
    ],
)
async def test_a_grant_that_is_refused_is_an_authentication_error(http, authority, grant, members):
    found = await fault(http, authority, grant=grant, **members)
    assert (found.kind, found.status) == ("authentication", 401)
    assert "was answered with 400: invalid_grant (no)" in found.detail
    assert authority.served == []


async def test_the_actor_of_an_exchange_goes_along(http, authority):
    actor = {"token": "the-token-of-bob", "type": "bob's"}
    assert await get(http, authority, grant=EXCHANGE, actor=actor, **GRANTS[EXCHANGE]) == {"ok": True}
    assert authority.asked[0].members["actor_token"] == ["the-token-of-bob"]
    assert (
        await fault(http, authority, grant=EXCHANGE, actor={**actor, "type": "x"}, **GRANTS[EXCHANGE])
    ).kind == ("authentication")


@pytest.mark.parametrize("encoding", ["application/x-www-form-urlencoded", "application/json"])
async def test_scopes_and_audiences_are_asked_for(http, authority, encoding):
    more = {"scopes": ["read", "write"], "audiences": ["https://a", "b"], "request": {"encoding": encoding}}
    await get(http, authority, **more)
    assert authority.asked[0].members["scope"] == ["read write"]
    assert authority.asked[0].members["audience"] == ["https://a", "b"]


def pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


RSA = rsa.generate_private_key(65537, 2048)
KEYS = {
    "RS256": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
KEYS["ES384"] = ec.generate_private_key(ec.SECP384R1())


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic", "client_secret_jwt"])
async def test_a_client_shows_that_it_knows_its_secret(http, authority, method):
    authority.clients["runtime: one"].method = method
    assert await get(http, authority, client={**CLIENT, "authentication": method}) == {"ok": True}
    assert authority.asked[0].method == method
    wrong = {**CLIENT, "secret": "another secret of more than 32 bytes", "authentication": method}
    found = await fault(http, authority, client=wrong)
    assert "invalid_client" in found.detail
    if method != "client_secret_post":
        assert "client_secret" not in authority.asked[0].members


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_client_signs_with_its_private_key(http, authority, algorithm):
    key = KEYS[algorithm]
    authority.clients["signer"] = Registered("private_key_jwt", key=key.public_key(), algorithms=(algorithm,))
    client = {"id": "signer", "secret": pem(key), "authentication": "private_key_jwt"}
    assert await get(http, authority, client=client) == {"ok": True}
    authority.clients["signer"].key = rsa.generate_private_key(65537, 2048).public_key()
    authority.revoke_all()
    assert (await fault(http, authority, client=client)).kind == "authentication"


async def test_a_client_signs_with_a_json_web_key_and_names_it(http, authority):
    authority.clients["signer"] = Registered("private_key_jwt", key=RSA.public_key(), algorithms=("RS256",))
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA)) | {"kid": "key-7"}
    client = {"id": "signer", "secret": json.dumps(key), "authentication": "private_key_jwt"}
    assert await get(http, authority, client=client) == {"ok": True}
    assert jwt.get_unverified_header(authority.asked[0].members["client_assertion"][0])["kid"] == "key-7"


async def test_an_assertion_that_is_written_out_is_sent_as_it_is(http, authority):
    authority.clients["signer"] = Registered("private_key_jwt", key=RSA.public_key(), algorithms=("RS256",))
    now = int(time.time())
    claims = {"iss": "signer", "sub": "signer", "aud": f"{authority.url}/oauth2/token", "jti": "1"}
    assertion = jwt.encode(claims | {"iat": now, "exp": now + 60}, RSA, "RS256")
    client = {"id": "signer", "assertion": assertion, "authentication": "private_key_jwt"}
    assert await get(http, authority, client=client) == {"ok": True}
    assert authority.asked[0].members["client_assertion"] == [assertion]


async def test_each_assertion_is_another_one(http, authority):
    authority.clients["runtime: one"].method = "client_secret_jwt"
    for number in range(3):
        scopes = [f"scope-{number}"]
        await get(http, authority, scopes=scopes, client={**CLIENT, "authentication": "client_secret_jwt"})
    assert len(authority.assertions) == 3


async def test_a_public_client_only_says_its_name(http, authority):
    authority.clients["public"] = Registered("none")
    assert await get(http, authority, client={"id": "public", "authentication": "none"}) == {"ok": True}
    assert authority.asked[0].members == {"grant_type": ["client_credentials"], "client_id": ["public"]}


async def test_the_endpoint_of_tokens_goes_on_from_the_authority(http, authority):
    await get(http, authority, authority=f"{authority.url}/realms/one/")
    await get(http, authority, authority=f"{authority.url}/x", endpoints={"token": "y/oauth2/token"})
    elsewhere = f"{authority.url}/z/oauth2/token"
    await get(http, authority, authority="https://nowhere.invalid", endpoints={"token": elsewhere})
    assert authority.requests == ["/realms/one/oauth2/token", "/x/y/oauth2/token", "/z/oauth2/token"]


async def test_openid_connect_discovers_the_endpoint(http, authority):
    members = {"authority": f"{authority.url}/realms/one", "grant": "client_credentials", "client": CLIENT}
    assert await http(authority.resource, authentication={"oidc": members}) == {"ok": True}
    assert authority.requests == [
        "/realms/one/.well-known/openid-configuration",
        "/realms/one/oauth2/token",
    ]


async def test_an_authority_that_is_a_configuration_is_read_as_one(http, authority):
    await get(http, authority, authority=f"{authority.url}/.well-known/openid-configuration")
    assert authority.requests == ["/.well-known/openid-configuration", "/oauth2/token"]


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({}, "another issuer"),
        ({"issuer": "https://evil.test", "token_endpoint": "https://evil.test/t"}, "another issuer"),
        ({"issuer": "URL"}, "no token_endpoint"),
        ({"issuer": "URL", "token_endpoint": "/relative"}, "no token_endpoint"),
        ({"issuer": "URL", "token_endpoint": "file:///etc/passwd"}, "no token_endpoint"),
        ({"issuer": "URL", "token_endpoint": ["x"]}, "no token_endpoint"),
        (["x"], "no JSON object"),
    ],
)
async def test_a_configuration_that_lies_is_refused(http, authority, configuration, said):
    authority.configuration = json.loads(json.dumps(configuration).replace("URL", authority.url))
    members = {"authority": authority.url, "grant": "client_credentials", "client": CLIENT}
    found = await http.fault(authority.resource, authentication={"oidc": members})
    assert (found.kind, found.status) == ("authentication", 401)
    assert said in found.detail
    assert authority.asked == []


async def test_the_issuer_of_a_token_has_to_be_one_of_the_policys(http, authority):
    authority.issuer = "https://issuer.test"
    assert await get(http, authority, issuers=["https://issuer.test"]) == {"ok": True}
    found = await fault(http, authority, issuers=["https://other.test"])
    assert (found.kind, "none of the policy's issuers" in found.detail) == ("authentication", True)


async def test_the_issuer_of_a_token_that_says_nothing_is_asked_for(http, authority):
    assert await get(http, authority, issuers=[f"{authority.url}/told"]) == {"ok": True}
    assert authority.requests == ["/oauth2/token", "/oauth2/introspect"]
    assert (await fault(http, authority, issuers=["https://other.test"])).kind == "authentication"


async def test_a_token_is_kept_for_the_calls_that_follow_of_the_same_policy(http, authority):
    for _ in range(3):
        await get(http, authority)
    assert len(authority.asked) == 1
    await get(http, authority, scopes=["more"])
    assert len(authority.asked) == 2


async def test_a_hundred_calls_at_once_ask_for_one_token(http, authority):
    authority.delay = 0.1
    answers = await asyncio.gather(*(get(http, authority) for _ in range(100)))
    assert answers == [{"ok": True}] * 100
    assert len(authority.requests) == 1


async def test_a_hundred_calls_whose_token_was_revoked_ask_for_one_more(http, authority):
    await get(http, authority)
    authority.revoke_all()
    authority.delay = 0.1
    answers = await asyncio.gather(*(get(http, authority) for _ in range(100)))
    assert answers == [{"ok": True}] * 100
    assert len(authority.asked) == 2


async def test_a_request_with_a_revoked_token_is_sent_again_as_it_was(http, authority):
    await get(http, authority)
    authority.revoke_all()
    told = await http(authority.resource, method="POST", body={"a": 1}, authentication=policy(authority))
    assert told == {"ok": True}
    assert authority.served == ["access-token-number-1", "access-token-number-1", "access-token-number-2"]


async def test_what_refuses_every_token_is_asked_twice_and_no_more(http, authority):
    authority.lifetime = 0
    found = await fault(http, authority)
    assert (found.kind, found.status) == ("communication", 401)
    assert len(authority.served) == len(authority.asked) == 2


@pytest.mark.parametrize("lifetime", [0, -5, "0"])
async def test_a_token_that_has_expired_already_is_not_kept(http, authority, lifetime):
    authority.lifetime = lifetime
    await (http.fault if lifetime != "0" else http)(authority.resource, authentication=policy(authority))
    before = len(authority.asked)
    await (http.fault if lifetime != "0" else http)(authority.resource, authentication=policy(authority))
    assert len(authority.asked) > before


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("lifetime", "kept"),
    [(1000, 970), (100, 90), (10, 9), ("100", 90), (None, 54), ("soon", 54), (1e300, 1e8)],
)
async def test_a_token_is_kept_until_shortly_before_it_expires(authority, lifetime, kept):
    authority.lifetime = lifetime
    clock = Clock()
    read = read_policy("oauth2", policy(authority)["oauth2"])
    async with Tokens(LOOPBACK, clock) as tokens:
        first = await tokens.token(read)
        clock.now += kept - 0.5
        assert await tokens.token(read) == first
        clock.now += 1 if kept < 1e8 else 1e9
        assert await tokens.token(read) != first


async def test_a_token_is_renewed_by_its_refresh_token_and_by_the_grant_if_that_is_refused(authority):
    authority.gives_refresh_tokens = True
    clock = Clock()
    members = policy(authority, grant="password", **GRANTS["password"])["oauth2"]
    read = read_policy("oauth2", members)
    async with Tokens(LOOPBACK, clock) as tokens:
        for _ in range(3):
            await tokens.token(read)
            clock.now += 3600
        authority.refreshable.clear()
        await tokens.token(read)
    assert [asked.grant for asked in authority.asked] == [
        "password",
        "refresh_token",
        "refresh_token",
        "password",
    ]
    assert authority.asked[1].members["refresh_token"] == ["refresh-token-number-1"]
    assert authority.asked[2].members["refresh_token"] == ["refresh-token-number-2"]


@pytest.mark.parametrize("output", ["content", "raw", "response"])
async def test_no_result_shows_a_token_that_the_service_repeats(http, authority, output):
    told = await http(f"{authority.resource}/echo", authentication=policy(authority), output=output)
    assert authority.served == ["access-token-number-1"]
    assert "access-token" not in str(told)
    assert "YWNjZXNzLXRva2Vu" not in str(told)


async def test_no_error_shows_a_token_that_the_service_repeats(http, authority):
    authority.lifetime = 0
    found = await fault(http, authority)
    assert "***" in found.detail
    assert "access-token" not in found.detail


async def test_policies_are_kept_in_secrets_and_tokens_shared_by_all_kinds_of_calls(server, authority):
    kept = json.dumps(policy(authority)["oauth2"])
    secrets = StoredSecrets(environment={"PGWORKER_SECRET_LOGIN": kept})
    document = {"openapi": "3.0.3", "servers": [{"url": authority.url}], "paths": {}}
    document["paths"]["/resource"] = {"get": {"operationId": "look"}}
    server.has("/api.json", json.dumps(document).encode())
    login = {"oauth2": {"use": "login"}}
    async with Activities(LOOPBACK, secrets) as activities:
        arguments = {
            "document": {"endpoint": server.url("/api.json"), "authentication": login},
            "operationId": "look",
            "authentication": login,
        }
        assert await activities.perform("openapi", arguments, idempotency_key="w:1") == {"ok": True}
        arguments = {"method": "GET", "endpoint": authority.resource, "authentication": login}
        assert await activities.perform("http", arguments, idempotency_key="w:2") == {"ok": True}
        assert await activities.resources.load(authority.resource, login) == {"ok": True}
    assert server.seen[0].headers["authorization"] == "Bearer access-token-number-1"
    assert len(authority.asked) == 1


async def test_a_changed_secret_is_another_policy(http, authority):
    environment = {"PGWORKER_SECRET_LOGIN": json.dumps(policy(authority)["oauth2"])}
    caller = HttpCaller(LOOPBACK, StoredSecrets(environment=environment))
    keyed = Client(http.stack, await http.stack.enter_async_context(caller))
    login = {"oauth2": {"use": "login"}}
    assert await keyed(authority.resource, authentication=login) == {"ok": True}
    environment["PGWORKER_SECRET_LOGIN"] = json.dumps(policy(authority, scopes=["s"])["oauth2"])
    assert await keyed(authority.resource, authentication=login) == {"ok": True}
    assert [asked.members.get("scope") for asked in authority.asked] == [None, ["s"]]
