"""An authorization server on loopback that really checks what it is shown, and a resource behind it."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import jwt
from aiohttp import web

from tests.support.serving import serving

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Refused(Exception):
    """What the server says no with: an error code of RFC 6749."""


@dataclass
class Registered:
    """A client: how it has to authenticate itself, and the secret or the public key to check that with."""

    method: str
    secret: str = ""
    key: Any = None
    algorithms: tuple[str, ...] = ("HS256",)


@dataclass
class Asking:
    """A request for a token that was granted."""

    grant: str
    client: str
    method: str
    members: dict[str, list[str]]
    content_type: str
    headers: dict[str, str]


Misbehaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class AuthorizationServer:
    """Grants tokens as ``clients`` and ``users`` say; everything that it did is there to be looked at."""

    clients: dict[str, Registered] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    """Tokens that may be exchanged, and their types."""
    refreshable: set[str] = field(default_factory=set)
    lifetime: Any = 3600
    issuer: str | None = None
    """The issuer that tokens name, as JWTs; None for tokens that say nothing."""
    configuration: dict[str, Any] | None = None
    gives_refresh_tokens: bool = False
    delay: float = 0.0
    misbehaves: Misbehaviour | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    asked: list[Asking] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    served: list[str] = field(default_factory=list)
    """The tokens that the resource was shown, good or not."""
    assertions: set[str] = field(default_factory=set)
    _numbers: Any = field(default_factory=lambda: count(1))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AuthorizationServer]:
        application = web.Application(client_max_size=1024 * 1024)
        application.router.add_post("/{realm:.*}oauth2/token", self._token)
        application.router.add_post("/{realm:.*}oauth2/introspect", self._introspect)
        application.router.add_get("/{realm:.*}.well-known/openid-configuration", self._configuration)
        application.router.add_route("*", "/resource{tail:.*}", self._resource)
        async with serving(application) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield self

    @property
    def resource(self) -> str:
        return f"{self.url}/resource"

    def revoke_all(self) -> None:
        """No token that was given so far is good any more."""
        self.tokens.clear()

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path)
        await asyncio.sleep(self.delay)
        if self.misbehaves is not None:
            return await self.misbehaves(request)
        try:
            members = await self._members(request)
            client, method = self._client(request, members)
            self._grant(members)
        except Refused as refused:
            self.refusals.append(str(refused))
            return web.json_response({"error": str(refused), "error_description": "no"}, status=400)
        grant = members["grant_type"][0]
        self.asked.append(Asking(grant, client, method, members, request.content_type, dict(request.headers)))
        return web.json_response(self._issue() | self.extra, headers={"Cache-Control": "no-store"})

    def _issue(self) -> dict[str, Any]:
        number = next(self._numbers)
        token = f"access-token-number-{number}"
        if self.issuer is not None:
            token = jwt.encode({"iss": self.issuer, "jti": str(number)}, "k" * 32, "HS256")
        good_for = self.lifetime if isinstance(self.lifetime, int | float) else 3600
        self.tokens[token] = time.monotonic() + good_for
        said: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        if self.lifetime is not None:
            said["expires_in"] = self.lifetime
        if self.gives_refresh_tokens:
            said["refresh_token"] = f"refresh-token-number-{number}"
            self.refreshable.add(said["refresh_token"])
        return said

    async def _members(self, request: web.Request) -> dict[str, list[str]]:
        """The body's members; what a body has twice is there twice."""
        if request.content_type == "application/json":
            said = await request.json()
            return {name: value if isinstance(value, list) else [value] for name, value in said.items()}
        if request.content_type != "application/x-www-form-urlencoded":
            raise Refused("invalid_request")
        members: dict[str, list[str]] = {}
        for name, value in parse_qsl(await request.text(), keep_blank_values=True, strict_parsing=True):
            members.setdefault(name, []).append(value)
        return members

    def _client(self, request: web.Request, members: dict[str, list[str]]) -> tuple[str, str]:
        """Who asks, having shown it in the one way that it is registered with (RFC 6749, 2.3)."""
        header = request.headers.get("Authorization")
        shown = [name for name in ("client_secret", "client_assertion") if name in members]
        if header is not None:
            scheme, _, encoded = header.partition(" ")
            name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            client, method = unquote_plus(name), "client_secret_basic"
            good = scheme == "Basic" and not shown and self._has_secret(client, unquote_plus(secret))
        elif "client_assertion" in members:
            client, method, good = self._asserted(request, members)
        elif "client_secret" in members:
            client, method = members["client_id"][0], "client_secret_post"
            good = self._has_secret(client, members["client_secret"][0])
        else:
            client, method = members.get("client_id", [""])[0], "none"
            good = True
        if not good or client not in self.clients or self.clients[client].method != method:
            raise Refused("invalid_client")
        return client, method

    def _has_secret(self, client: str, secret: str) -> bool:
        return client in self.clients and self.clients[client].secret == secret

    def _asserted(self, request: web.Request, members: dict[str, list[str]]) -> tuple[str, str, bool]:
        """An assertion as RFC 7523 (3) has it: signed, for this endpoint, of now, not seen before."""
        assertion = members["client_assertion"][0]
        client = str(jwt.decode(assertion, options={"verify_signature": False}).get("sub"))
        known = self.clients.get(client)
        if known is None or members["client_assertion_type"] != [ASSERTION]:
            return client, "", False
        try:
            claims = jwt.decode(
                assertion,
                known.key or known.secret,
                algorithms=list(known.algorithms),
                audience=f"{self.url}{request.path}",
                issuer=client,
                options={"require": ["exp", "iat", "jti", "aud", "iss", "sub"]},
            )
        except jwt.PyJWTError:
            return client, "", False
        fresh = claims["jti"] not in self.assertions and claims["exp"] - claims["iat"] <= 300
        self.assertions.add(claims["jti"])
        return client, known.method, fresh

    def _grant(self, members: dict[str, list[str]]) -> None:
        match members["grant_type"]:
            case ["client_credentials"]:
                good = True
            case ["password"]:
                good = self.users.get(members["username"][0]) == members["password"][0]
            case ["refresh_token"]:
                good = members["refresh_token"][0] in self.refreshable
                self.refreshable.discard(members["refresh_token"][0])  # they are good once
            case [grant] if grant == EXCHANGE:
                parties = ["subject"] + ["actor"] * ("actor_token" in members)
                good = all(
                    self.subjects.get(members[f"{one}_token"][0]) == members[f"{one}_token_type"][0]
                    for one in parties
                )
            case _:
                raise Refused("unsupported_grant_type")
        if not good:
            raise Refused("invalid_grant")

    async def _introspect(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        members = await self._members(request)
        self._client(request, members)
        active = self.tokens.get(members["token"][0], 0) > time.monotonic()
        return web.json_response({"active": True, "iss": f"{self.url}/told"} if active else {"active": False})

    async def _configuration(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        realm = request.match_info["realm"].rstrip("/")
        base = f"{self.url}/{realm}".rstrip("/")
        said = {
            "issuer": base,
            "token_endpoint": f"{base}/oauth2/token",
            "introspection_endpoint": f"{base}/oauth2/introspect",
        }
        return web.json_response(said if self.configuration is None else self.configuration)

    async def _resource(self, request: web.Request) -> web.StreamResponse:
        """Answers who shows a token that is good."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.served.append(token)
        if self.tokens.get(token, 0) <= time.monotonic():
            return web.json_response({"told": request.headers.get("Authorization")}, status=401)
        if request.match_info["tail"] == "/echo":
            return web.json_response({"told": request.headers.get("Authorization")})
        return web.json_response({"ok": True})
