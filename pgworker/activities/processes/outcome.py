"""How a process ended, and what of that a task hands on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pgworker.activities.media import last_words
from pgworker.activities.progress import count
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

_CHUNK = 64 * 1024
_LAST_WORDS = 500
"""So many characters of what a failed process wrote to standard error are shown."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a process that ran to its end has left; ``title`` is what messages call it."""

    title: str
    code: int
    stdout: bytes
    stderr: bytes

    def value(self, returns: JsonValue) -> JsonValue:
        """What ``return`` asks for ("Process Result" in the DSL reference).

        Raises ``Fault`` (runtime) for a code other than 0, unless the code is what is asked for.
        """
        if self.code != 0 and returns not in ("code", "all"):
            raise self._failure()
        match returns:
            case "stderr":
                return _text(self.stderr)
            case "code":
                return self.code
            case "all":
                return {"code": self.code, "stderr": _text(self.stderr), "stdout": _text(self.stdout)}
            case "none":
                return None
            case _:
                return _text(self.stdout)

    def _failure(self) -> Fault:
        said = last_words(_text(self.stderr), _LAST_WORDS)
        detail = f"{self.title} ended with code {self.code}"
        return Fault(FaultKind.RUNTIME, f"{detail}: {said}" if said else detail)


async def kept(stream: asyncio.StreamReader, limit: int, title: str, name: str) -> bytes:
    """All that is written to a stream; raises ``Fault`` (runtime) if that is more than the limit."""
    written = bytearray()
    while chunk := await stream.read(_CHUNK):
        written += chunk
        count(len(chunk))
        if len(written) > limit:
            raise too_much(title, name, limit)
    return bytes(written)


def too_much(title: str, stream: str, limit: int) -> Fault:
    """The fault of a process that was ended because it wrote more than it may."""
    return Fault(FaultKind.RUNTIME, f"{title} was ended: it wrote more than {limit} bytes to {stream}")


def _text(written: bytes) -> str:
    return written.decode("utf-8", "replace").removesuffix("\n")
