"""The engine without containers, as a worker finds it on its Unix socket."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.containers.container import FakeContainer
from tests.support.containers.http import Exchange, serve

GREETING = "Hello from Docker!\nThis message shows that your installation appears to be working correctly."

IMAGES: dict[str, dict[str, Any]] = {
    "hello-world:latest": {"Cmd": ["echo", GREETING], "Entrypoint": None},
    "alpine:latest": {"Cmd": ["/bin/sh"], "Entrypoint": None},
    "echo:1": {"Cmd": ["by itself"], "Entrypoint": ["echo", "echo says"]},
    "words:1": {"Cmd": ["echo", "words"], "Entrypoint": None},
}
"""What the registry has, with its configuration; there is one more that breaks off, ``broken:1``."""

_RECOMMENDED = re.compile(r"[\w-]+-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[\w-]+-\w+")
"""The names that the specification recommends: ``{workflow}-{uuid}.{namespace}-{task}``."""

_DEAD = "failed to register layer: no space left on device"


@dataclass(frozen=True, slots=True)
class Left:
    """A container that is there; a name that follows the specification's recommendation is not told."""

    image: str
    name: str | None = None
    after: str | None = None


class FakeEngine:
    """Speaks the API, remembers what it was asked, and runs the commands as processes of this host."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pulled: list[str] = []
        self.images: set[str] = set()
        self.containers: dict[str, FakeContainer] = {}
        self.host = ""
        self._numbers = count(1)
        self._routes = [
            (r"GET /images/(.+)/json", self._inspect_image),
            (r"POST /images/create", self._pull),
            (r"GET /containers/json", self._list),
            (r"POST /containers/create", self._create),
            (r"GET /containers/([^/]+)/json", self._inspect),
            (r"POST /containers/([^/]+)/attach", self._attach),
            (r"POST /containers/([^/]+)/start", self._start),
            (r"GET /containers/([^/]+)/logs", self._logs),
            (r"POST /containers/([^/]+)/wait", self._wait),
            (r"POST /containers/([^/]+)/stop", self._stop),
            (r"DELETE /containers/([^/]+)", self._remove),
        ]

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[FakeEngine]:
        """Listens on a socket in the folder; ``host`` is what ``DOCKER_HOST`` has to say then."""
        path = str(folder / "engine.sock")
        server = await serve(path, self._handle)
        self.host = f"unix://{path}"
        try:
            yield self
        finally:
            server.close()
            await asyncio.gather(*(one.kill() for one in self.containers.values()))

    async def begin(self) -> None:
        """Forgets everything."""
        await asyncio.gather(*(one.kill() for one in self.containers.values()))
        self.asked, self.pulled, self.images, self.containers = [], [], set(), {}

    @property
    def container(self) -> FakeContainer:
        """The only one."""
        [container] = self.containers.values()
        return container

    def left(self) -> list[Left]:
        """The containers that are there."""
        return [
            Left(
                one.wanted["Image"],
                None if _RECOMMENDED.fullmatch(one.name) else one.name,
                one.labels.get("io.pgworker.remove-after"),
            )
            for one in self.containers.values()
        ]

    async def _handle(self, exchange: Exchange) -> None:
        request = exchange.request
        self.asked.append(f"{request.method} {request.path}")
        for pattern, handler in self._routes:
            if found := re.fullmatch(pattern, self.asked[-1]):
                if request.path.startswith("/containers/") and found.groups():
                    container = self.containers.get(found[1])
                    if container is None:
                        await exchange.answer(404, {"message": f"No such container: {found[1]}"})
                        return
                    await handler(exchange, container)
                else:
                    await handler(exchange, *found.groups())
                return
        await exchange.answer(404, {"message": "page not found"})

    async def _inspect_image(self, exchange: Exchange, name: str) -> None:
        full = _full(name)
        if full not in self.images:
            await exchange.answer(404, {"message": f"No such image: {full}"})
            return
        await exchange.answer(200, {"Id": "sha256:0", "RepoTags": [full], "Config": IMAGES[full]})

    async def _pull(self, exchange: Exchange) -> None:
        query = exchange.request.query
        image = query["fromImage"] + (f":{query['tag']}" if query.get("tag") else "")
        if image not in {*IMAGES, "broken:1"}:
            await exchange.answer(404, {"message": f"pull access denied for {image}"})
            return
        await exchange.begin("application/json")
        told: list[dict[str, object]] = [{"status": f"Pulling from {image}"}, {"status": "Download complete"}]
        if image == "broken:1":
            told.append({"errorDetail": {"message": _DEAD}, "error": _DEAD})
        else:
            self.images.add(image)
            self.pulled.append(image)
        for one in told:
            await exchange.chunk(json.dumps(one).encode() + b"\r\n")
        await exchange.chunk(b"")

    async def _list(self, exchange: Exchange) -> None:
        filters = json.loads(exchange.request.query.get("filters", "{}"))
        found = [
            {"Id": one.id, "Names": [f"/{one.name}"], "Labels": one.labels, "State": one.state}
            for one in self.containers.values()
            if all(_has_label(one, label) for label in filters.get("label", []))
            and one.state in filters.get("status", [one.state])
        ]
        await exchange.answer(200, found)

    async def _create(self, exchange: Exchange) -> None:
        name, wanted = exchange.request.query["name"], exchange.request.body
        if any(one.name == name for one in self.containers.values()):
            await exchange.answer(
                409, {"message": f'Conflict. The container name "/{name}" is already in use'}
            )
            return
        if _full(wanted["Image"]) not in self.images:
            await exchange.answer(404, {"message": f"No such image: {wanted['Image']}"})
            return
        identifier = f"{next(self._numbers):064x}"
        config = IMAGES[_full(wanted["Image"])]
        self.containers[identifier] = FakeContainer(identifier, name, wanted, config)
        await exchange.answer(201, {"Id": identifier, "Warnings": []})

    async def _inspect(self, exchange: Exchange, container: FakeContainer) -> None:
        state = {"Status": container.state, "FinishedAt": container.finished_at}
        await exchange.answer(200, {"Id": container.id, "State": state})

    async def _attach(self, exchange: Exchange, container: FakeContainer) -> None:
        await exchange.upgrade()
        await container.feed(exchange.reader)

    async def _start(self, exchange: Exchange, container: FakeContainer) -> None:
        await container.start()
        await exchange.answer(204)

    async def _logs(self, exchange: Exchange, container: FakeContainer) -> None:
        await exchange.begin("application/vnd.docker.multiplexed-stream")
        async for frame in container.frames():
            await exchange.chunk(frame)
        await exchange.chunk(b"")

    async def _wait(self, exchange: Exchange, container: FakeContainer) -> None:
        await exchange.answer(200, {"StatusCode": await container.wait()})

    async def _stop(self, exchange: Exchange, container: FakeContainer) -> None:
        was_running = container.state == "running"
        await container.stop(float(exchange.request.query["t"]))
        await exchange.answer(204 if was_running else 304)

    async def _remove(self, exchange: Exchange, container: FakeContainer) -> None:
        if container.state == "running" and exchange.request.query.get("force") != "1":
            await exchange.answer(409, {"message": "cannot remove container: container is running"})
            return
        await container.kill()
        del self.containers[container.id]
        await exchange.answer(204)


def _full(image: str) -> str:
    return image if ":" in image else f"{image}:latest"


def _has_label(container: FakeContainer, label: str) -> bool:
    name, equals, value = label.partition("=")
    return name in container.labels and (not equals or container.labels[name] == value)
