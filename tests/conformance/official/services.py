"""The services that the official examples call: each answers as the case that is on wants it to."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from pgworker.types import JsonValue
from tests.support.hosts import hosted

SECURE = (
    "petstore.swagger.io",
    "swapi.dev",
    "example.com",
    "hospital.example.com",
    "external-service.example.com",
    "fake-hospital.com",
    "fake-chat-api.com",
    "superbet-casinos.com",
    "virtual-wf-powered-race.com",
    "raw.githubusercontent.com",
    "fake.com",
)
PLAIN = ("myorg.io", "keycloak")
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service says; texts go out as they are, all else as JSON.

    An answer that is ``held`` is given when the services are told to release what is held by this name.
    """

    content: JsonValue = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    held: str | None = None
    frames: Sequence[JsonValue] = ()
    """What is sent, in place of the content, to who opens a WebSocket."""


Answers = Mapping[str, Answer | tuple[Answer, ...]]
"""Answers by method and URI; of several each is given once, and the last one from then on."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: as it is expected it tells the headers that matter, as it came all of them.

    Their names are in small letters.
    """

    method: str
    uri: str
    body: JsonValue = None
    headers: Mapping[str, str | None] = field(default_factory=dict)


class Services:
    """Serves all hosts of the examples, and remembers what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.settings: Mapping[str, Any] = {}
        """The settings of a worker that takes this for the outside world."""
        self.fetched: set[str] = set()
        """The resources that anybody has asked for, ever: workers keep them for a while."""
        self._resources: Collection[str] = ()
        self._secrets = Path()
        self._answers: dict[str, list[Answer]] = {}
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[Services]:
        application = web.Application()
        application.router.add_route("*", "/{any:.*}", self._answer)
        async with hosted(application, folder, SECURE, PLAIN) as settings:
            self._secrets = folder / "secrets"
            self._secrets.mkdir()
            self.settings = {**settings, "secrets_dir": self._secrets}
            yield self

    def keep(self, name: str, secret: JsonValue) -> None:
        """Makes the worker have a secret of this name."""
        (self._secrets / name).write_text(json.dumps(secret))

    def begin(self, answers: Answers, resources: Collection[str] = ()) -> None:
        """Forgets what was asked so far, and answers so from now on; resources are counted by themselves."""
        self.asked = []
        self._resources = resources
        self._gates.clear()
        self._answers = {
            asked: list(answer) if isinstance(answer, tuple) else [answer]
            for asked, answer in answers.items()
        }

    def release(self, name: str) -> None:
        """Gives the answers that are held by this name."""
        self._gates[name].set()

    def seen(self, expected: Sequence[Asked]) -> list[Asked]:
        """What was asked, in its order, with only those headers that are expected at its place."""
        wanted = [one.headers for one in expected] + [{}] * len(self.asked)
        return [
            Asked(one.method, one.uri, one.body, {name: one.headers.get(name) for name in names})
            for one, names in zip(self.asked, wanted, strict=False)
        ]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        uri = f"{request.scheme}://{request.host}{request.path_qs}"
        body = await _body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, uri, body, headers)
        if uri in self._resources:
            self.fetched.add(uri)
        else:
            self.asked.append(asked)
        answers = self._answers.get(f"{request.method} {uri}", [Answer("nobody thought of that", 501)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer.held is not None:
            await self._gates[answer.held].wait()
        if answer.frames:
            return await _talk(request, answer.frames)
        if isinstance(answer.content, str):
            return web.Response(text=answer.content, status=answer.status, headers=answer.headers)
        return web.json_response(answer.content, status=answer.status, headers=answer.headers)


async def _body(request: web.Request) -> JsonValue:
    """What a request says in JSON or a form; None if it says nothing."""
    if request.content_type == FORM:
        return {name: str(value) for name, value in (await request.post()).items()}
    return await request.json() if request.can_read_body else None


async def _talk(request: web.Request, frames: Sequence[JsonValue]) -> web.StreamResponse:
    """Sends the frames, and listens until the other side hangs up."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    for frame in frames:
        await socket.send_json(frame)
    async for _ in socket:
        pass
    return socket
