"""A TCP proxy in front of the server that loses bytes, cuts connections, and holds answers back."""

from __future__ import annotations

import asyncio
import struct
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

_COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
"""The message by which the server says that a commit is done."""

_ENCRYPTION_CODES = (80877103, 80877104)
"""What a client asks first: whether the server speaks TLS, or GSSAPI. This one does not."""

_CHUNK = 65_536


@dataclass
class Weather:
    """What happens to the bytes of connections, by direction.

    A connection that has lost bytes is dead for good, as in life: what followed would make no sense.
    ``lose_commits`` is how many more commits go through whose answers are lost with their connections.
    """

    to_server: bool = True
    to_client: bool = True
    delay: float = 0.0
    lose_commits: int = 0


class Proxy:
    """Passes everything on, in a thread of its own, until the weather changes for an ``application_name``."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self.target = self._parts.hostname, self._parts.port
        self.links: set[_Link] = set()
        self.refuses = False
        self.lost_commits = 0
        self._weather: dict[str, Weather] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        """The server's connection string, by way of the proxy."""
        user = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{self.port}"))

    def over(self, application: str = "") -> Weather:
        """The weather of an application, to be changed at will; "" is for all that have none of their own."""
        return self._weather.setdefault(application, Weather())

    def weather_of(self, application: str) -> Weather:
        """The weather that an application has now."""
        return self._weather.get(application) or self.over()

    def clear(self) -> None:
        """Good weather for everybody; what is dead stays dead."""
        self._weather.clear()

    def count(self, application: str) -> int:
        """How many connections an application has that work."""
        return sum(link.application == application and not link.lost for link in list(self.links))

    def cut(self, application: str = "", among: Collection[_Link] | None = None) -> None:
        """Cuts the connections of an application, all of them by default, without a goodbye."""
        links = self.links if among is None else self.links.intersection(among)
        self._call(_cut([link for link in links if application in ("", link.application)]))

    def close(self) -> None:
        """Cuts everything and ends."""
        self.refuses = True
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, coroutine: Coroutine[object, object, object]) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        link = _Link(self, reader, writer)
        self.links.add(link)
        try:
            if not self.refuses:
                await link.run()
        except (OSError, EOFError):
            pass  # one of the two has gone, and so does the other
        finally:
            link.abort()
            self.links.discard(link)
            link.ended.set()


async def _cut(links: Sequence[_Link]) -> None:
    for link in links:
        link.abort()
    await asyncio.gather(*(link.ended.wait() for link in links))


class _Link:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, reader: StreamReader, writer: StreamWriter) -> None:
        self._proxy = proxy
        self._client = reader, writer
        self._writers = [writer]
        self.application = ""
        self.lost: set[str] = set()
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Passes bytes on until both sides have ended."""
        startup = await self._startup()
        server = await asyncio.open_connection(*self._proxy.target)
        self._writers.append(server[1])
        await asyncio.gather(
            self._pump("to_server", self._client[0], server[1], startup),
            self._pump("to_client", server[0], self._client[1], b""),
        )

    def abort(self) -> None:
        """Resets both connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def _startup(self) -> bytes:
        """The client's first message, in which it says who it is."""
        reader, writer = self._client
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack("!ii", head)
            if code not in _ENCRYPTION_CODES:
                break
            writer.write(b"N")
        message = head + await reader.readexactly(length - 8)
        words = message[8:].split(b"\x00")
        if b"application_name" in words:
            self.application = words[words.index(b"application_name") + 1].decode()
        return message

    async def _pump(self, way: str, reader: StreamReader, writer: StreamWriter, chunk: bytes) -> None:
        tail = b""
        while chunk := chunk or await reader.read(_CHUNK):
            weather = self._proxy.weather_of(self.application)
            if weather.delay:
                await asyncio.sleep(weather.delay)
            if not getattr(weather, way):
                self.lost.add(way)
            if way == "to_client" and weather.lose_commits and _COMMITTED in tail + chunk:
                weather.lose_commits -= 1
                self._proxy.lost_commits += 1
                self.abort()
                return
            if way not in self.lost:
                writer.write(chunk)
                await writer.drain()
            tail, chunk = chunk[-len(_COMMITTED) + 1 :], b""
        if not self.lost:
            writer.close()  # else nobody learns that the other has gone
