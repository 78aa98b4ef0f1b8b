"""Canaries: secrets that are looked for later, the ways that they take, and a service that repeats them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from urllib.parse import quote, quote_plus

from aiohttp import web

from tests.support.serving import serving

MARK = "QZcanaryQZ"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@dataclass(frozen=True)
class Case:
    """A secret, the way that it takes out, and what the service makes of it."""

    number: int
    way: str
    outcome: str

    @property
    def canary(self) -> str:
        # a header can carry it, an assertion can be signed with it, and no encoding leaves it as it is
        return f'{MARK}-{self.number:04}-/+&%"~{self.number * 7919 % 10007:05}-long-enough'

    @property
    def secret(self) -> str:
        return f"s{self.number}"

    @property
    def task(self) -> str:
        return f"task{self.number}"


# --- what the service repeats


def repeated(case: Case, request: web.Request, body: bytes, token: str) -> dict[str, Any]:
    """All that the service got, and the canary in every spelling."""
    texts = [text for text in (case.canary, token) if text]
    return {
        "headers": dict(request.headers),
        "target": request.raw_path,
        "path": request.path_qs,
        "body": body.decode("utf-8", "replace"),
        "in base64": base64.b64encode(b"x" * (case.number % 3) + body).decode(),
        "padding": "." * (case.number % 190),
        "texts": texts,
        "json": [json.dumps(text) for text in texts],
        "urls": [url for text in texts for url in (quote(text), quote_plus(text), quote(text, safe=""))],
        "hex": [text.encode().hex() for text in texts],
        "base64": [
            base64.b64encode(b"y" * before + text.encode()).decode() for text in texts for before in range(4)
        ],
        "url-safe": [base64.urlsafe_b64encode(text.encode()).decode() for text in texts],
        "keys": dict.fromkeys(texts, True),
        "login": base64.b64encode(f"u:{case.canary}".encode()).decode(),
    }


OUTCOMES: dict[str, dict[str, Any]] = {
    "content": {},
    "raw": {"output": "raw"},
    "response": {"output": "response"},
    "text": {},
    "refusal": {},
    "failure": {},
    "padded failure": {},
    "reason": {},
    "redirect": {"redirect": True, "output": "response"},
    "refused redirect": {},
    "redirect to a forbidden address": {"redirect": True},
    "redirect to nowhere": {"redirect": True},
    "broken JSON": {},
    "duplicate keys": {},
    "strange encoding": {},
    "strange charset": {},
    "cut": {},
    "garbage": {},
}


def answer(case: Case, request: web.Request, told: dict[str, Any], token: str) -> web.StreamResponse:
    canary = token or case.canary
    quoted, key = quote(canary, safe=""), json.dumps("." * 190 + canary)
    # a message that is shortened is shortened in the middle of what must not be seen
    padding = "." * (200 - case.number % 60)
    landing = moved(f"/{case.number}/landed?t={quoted}")
    encoding, charset = "." * (case.number % 40) + quoted, f'text/plain; charset="{quoted}"'
    answers: dict[str, web.Response] = {
        "text": web.Response(text=f"{case.canary} {token} {json.dumps(told)}"),
        "refusal": web.json_response(told, status=401),
        "failure": web.json_response(told, status=503),
        "padded failure": web.Response(text=padding + canary, status=500),
        "reason": web.Response(reason="." * (60 - case.number % 40) + quoted, status=500),
        "refused redirect": landing,
        "redirect to a forbidden address": moved(f"http://169.254.169.254/{quoted}?{quoted}"),
        "redirect to nowhere": moved(f"ftp://{quoted}/{quoted}"),
        "broken JSON": web.Response(text='{"a": ' + canary, content_type="application/json"),
        "duplicate keys": web.Response(text=f"{{{key}: NaN, {key}: 1}}", content_type="application/json"),
        "strange encoding": web.Response(headers={"Content-Encoding": encoding}, body=b"x"),
        "strange charset": web.Response(headers={"Content-Type": charset}, body=b"x"),
    }
    if case.outcome == "redirect" and not request.path.endswith("/landed"):
        return landing
    if case.outcome in ("cut", "garbage"):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" if case.outcome == "cut" else b""
        return broken_off(request, head + b"." * (case.number % 90) + canary.encode() + b"\r\n\r\n")
    whole = web.json_response(told, headers={"X-Echo": case.canary, "X-Token": token})
    return answers.get(case.outcome, whole)


def broken_off(request: web.Request, content: bytes) -> web.Response:
    assert request.transport is not None
    request.transport.write(content)
    request.transport.close()
    return web.Response()


def moved(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location})


# --- the ways that a secret takes


def get(uri: str, **more: Any) -> dict[str, Any]:
    return {"call": "http", "with": {"method": "post", "endpoint": uri, **more}}


def logging_in(case: Case, url: str, policy: Any) -> dict[str, Any]:
    return {"call": "http", "with": {"method": "post", "endpoint": {"uri": url, "authentication": policy}}}


def reading(case: Case) -> str:
    return f"${{ $secrets.{case.secret}.token }}"


def oauth(url: str, secret: str, method: str = "client_secret_post", **more: Any) -> dict[str, Any]:
    client = {"id": "runtime", "secret": secret, "authentication": method}
    return {"authority": url, "grant": "client_credentials", "client": client, **more}


Way = Callable[[Case, str], dict[str, Any]]
READ: dict[str, Way] = {
    "authorization": lambda case, url: get(url, headers={"Authorization": f"Token {reading(case)}"}),
    "made anew": lambda case, url: get(
        url, headers={"X-Login": f'${{ ("u:" + $secrets.{case.secret}.token) | @base64 }}'}
    ),
    "amid a URI": lambda case, url: get(f"{url}?a=b&q=${{ $secrets.{case.secret}.token | @uri }}&c=d"),
    "operation": lambda case, url: {
        "call": "openapi",
        "with": {
            "document": {"endpoint": "file://api.json"},
            "operationId": "tell",
            "parameters": {
                "n": str(case.number),
                "q": reading(case),
                "X-H": reading(case),
                "text": reading(case),
            },
        },
    },
    "header": lambda case, url: get(url, headers={"X-Secret": reading(case)}),
    "query": lambda case, url: get(url, query={"q": reading(case)}),
    "body": lambda case, url: get(url, body={"deep": [f"<{reading(case)}>"]}),
    "form": lambda case, url: get(
        url, headers={"Content-Type": "application/x-www-form-urlencoded"}, body={"q": reading(case)}
    ),
    "path": lambda case, url: get(f"{url}/${{ $secrets.{case.secret}.token | @uri }}"),
    "userinfo": lambda case, url: get(url.replace("//", f"//u:${{ $secrets.{case.secret}.token | @uri }}@")),
    "basic": lambda case, url: logging_in(case, url, {"basic": {"username": "u", "password": reading(case)}}),
    "bearer": lambda case, url: logging_in(case, url, {"bearer": {"token": reading(case)}}),
    "digest": lambda case, url: logging_in(
        case, url, {"digest": {"username": "u", "password": reading(case)}}
    ),
    "oauth2": lambda case, url: logging_in(case, url, {"oauth2": oauth(url, reading(case))}),
    "oidc": lambda case, url: logging_in(
        case, url, {"oidc": oauth(url, reading(case), "client_secret_basic")}
    ),
}
KEPT: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "kept basic": ("basic", lambda secret, url: {"username": "u", "password": secret}),
    "kept bearer": ("bearer", lambda secret, url: {"token": secret}),
    "kept text": ("bearer", lambda secret, url: secret),
    "kept digest": ("digest", lambda secret, url: {"username": "u", "password": secret}),
    "kept oauth2": ("oauth2", lambda secret, url: oauth(url, secret, "client_secret_basic")),
    "kept assertion": ("oauth2", lambda secret, url: oauth(url, secret, "client_secret_jwt")),
    "kept password": (
        "oauth2",
        lambda secret, url: oauth(url, "x", grant="password", username="u", password=secret),
    ),
    "kept subject": (
        "oauth2",
        lambda secret, url: oauth(url, "x", grant=EXCHANGE, subject={"token": secret, "type": "jwt"}),
    ),
    "kept oidc": ("oidc", lambda secret, url: oauth(url, secret)),
}
ENDPOINT = ["refused", "described", "garbled", "typed", "lying", "cut"]
"""What goes wrong at the endpoint of tokens."""


def cases() -> list[Case]:
    ways = list(product([*READ, *KEPT], OUTCOMES))
    tokens = [way for way in (*READ, *KEPT) if asks_for_tokens(way)]
    ways += product(tokens, [f"endpoint: {wrong}" for wrong in ENDPOINT])
    ways += product(tokens, ["token: content", "token: failure", "token: refusal", "token: redirect"])
    return [Case(number, way, outcome) for number, (way, outcome) in enumerate(ways)]


def asks_for_tokens(way: str) -> bool:
    return way in ("oauth2", "oidc") or (way in KEPT and KEPT[way][0] in ("oauth2", "oidc"))


CASES = cases()


def written(case: Case, url: str) -> dict[str, Any]:
    """The task of a case: what fails is caught, and its error goes on as data."""
    here = f"{url}/{case.number}"
    if case.way in READ:
        call = READ[case.way](case, here)
    else:
        scheme, _ = KEPT[case.way]
        call = logging_in(case, here, {scheme: {"use": case.secret}})
    call["with"] |= OUTCOMES.get(case.outcome.removeprefix("token: "), {})
    keep = {"keep": {"set": {"problem": "${ $problem }"}}}
    return {"try": [{case.task: call}], "catch": {"as": "problem", "do": [keep]}}


def secret_of(case: Case, url: str) -> str:
    """What the file of the case's secret says."""
    if case.way in READ:
        return json.dumps({"token": case.canary})
    _, made = KEPT[case.way]
    kept = made(case.canary, f"{url}/{case.number}")
    return kept if isinstance(kept, str) else json.dumps(kept)


def api(url: str) -> dict[str, Any]:
    """The document of the way by an operation."""
    places = {"n": "path", "q": "query", "X-H": "header"}
    parameters = [
        {"name": name, "in": place, "required": True, "schema": {"type": "string"}}
        for name, place in places.items()
    ]
    body = {"type": "object", "properties": {"text": {"type": "string"}}}
    tell = {
        "operationId": "tell",
        "parameters": parameters,
        "requestBody": {"content": {"application/json": {"schema": body}}},
    }
    return {"openapi": "3.0.3", "servers": [{"url": url}], "paths": {"/{n}": {"post": tell}}}


# --- the service


@dataclass
class Service:
    """Repeats what it is told; also an authority, whose tokens are canaries themselves."""

    url: str = ""
    reached: set[int] = field(default_factory=set)
    """The cases whose canary, or a token for it, has arrived."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Service]:
        application = web.Application()
        application.router.add_post("/{number:\\d+}/oauth2/token", self._token)
        application.router.add_get("/{number:\\d+}/.well-known/openid-configuration", self._configuration)
        application.router.add_route("*", "/{number:\\d+}{tail:.*}", self._answer)
        async with serving(application) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield self

    async def _configuration(self, request: web.Request) -> web.Response:
        here = f"{self.url}/{request.match_info['number']}"
        return web.json_response({"issuer": here, "token_endpoint": f"{here}/oauth2/token"})

    async def _token(self, request: web.Request) -> web.StreamResponse:
        case = CASES[int(request.match_info["number"])]
        body = await request.read()
        self.reached.add(case.number)
        told = repeated(case, request, body, token_of(case))
        match case.outcome.removeprefix("endpoint: "):
            case "refused":
                return web.json_response({"error": "invalid_client", **told}, status=401)
            case "described":
                said = "." * (200 - case.number % 60) + case.canary + json.dumps(told)
                return web.json_response({"error": "invalid_client", "error_description": said}, status=400)
            case "garbled":
                return web.Response(text=f"{token_of(case)} {json.dumps(told)}")
            case "typed":
                return web.json_response({"access_token": token_of(case), "token_type": case.canary})
            case "lying":
                return web.json_response(
                    {"access_token": f"{token_of(case)}\r\nX-A: b", "error": case.canary}
                )
            case "cut" if case.outcome.startswith("endpoint: "):
                head = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"
                return broken_off(request, head + token_of(case).encode())
            case _:
                return web.json_response({"access_token": token_of(case), "token_type": "Bearer"})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        case = CASES[int(request.match_info["number"])]
        if "digest" in case.way and "Authorization" not in request.headers:
            self.reached.add(case.number)
            challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge}, text=case.canary)
        self.reached.add(case.number)
        token = token_of(case) if asks_for_tokens(case.way) else ""
        shown = Case(case.number, case.way, case.outcome.removeprefix("token: "))
        return answer(shown, request, repeated(case, request, await request.read(), token), token)


def token_of(case: Case) -> str:
    return f"{MARK}-token-{case.number:04}-abcdefgh"
