"""A container's standard input: a connection that the engine takes out of HTTP."""

from __future__ import annotations

import asyncio

from pgworker.activities.media import printable
from pgworker.activities.processes.containers.engine import Engine
from pgworker.errors import Fault, FaultKind

_HEAD_SECONDS = 30.0


class Stdin:
    """What is written to it reaches the container. Has to be closed."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    @classmethod
    async def attach(cls, engine: Engine, identifier: str) -> Stdin:
        """Attaches to a container that has not started; raises ``Fault`` (communication)."""
        asked = f"POST /containers/{identifier}/attach"
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                reader, writer = await asyncio.open_unix_connection(engine.socket)
        except (OSError, TimeoutError) as error:
            raise engine.unreachable(asked, error) from error
        writer.write(
            f"{asked}?stream=1&stdin=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            _check(asked, head)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.close()
            raise engine.unreachable(asked, error) from error
        except BaseException:
            writer.close()
            raise
        return cls(writer)

    async def feed(self, content: bytes) -> None:
        """Writes all of it, and the end; a container that does not want it all is left alone."""
        try:
            self._writer.write(content)
            await self._writer.drain()
            self._writer.write_eof()
        except OSError:
            return  # it has ended, or closed its input: how it ended will say what that means

    def close(self) -> None:
        """Detaches."""
        self._writer.close()


def _check(asked: str, head: bytes) -> None:
    """Docker changes protocols if it is asked to, older engines just do it with 200."""
    line = head.partition(b"\r\n")[0].decode("latin-1")
    words = line.split()
    if len(words) < 2 or words[1] not in ("101", "200"):
        raise Fault(FaultKind.COMMUNICATION, f"the container engine answered {asked} with {printable(line)}")
