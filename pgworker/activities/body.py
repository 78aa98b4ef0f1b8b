"""The body of a response, read and decompressed no further than its limit."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import aiohttp

from pgworker.activities.media import printable
from pgworker.activities.progress import count

MAX_RATIO = 100
"""How many times larger than what was sent a body may become, once it is larger than 64 KiB."""

_RATIO_FROM = 64 * 1024
_STEP = 64 * 1024
_MAX_MEMBERS = 100
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE = -15


class BodyRefused(Exception):
    """A body that is too large, or is not compressed as it says; the message says which."""


class BodyTooLarge(BodyRefused):
    """A body that is larger than its limit."""


async def read_body(
    response: aiohttp.ClientResponse, limit: int, until: Callable[[bytes], bool] | None = None
) -> bytes:
    """The whole body without its compression; raises ``BodyRefused``.

    At most ``limit`` bytes and one chunk (64 KiB) of what was sent are held at any time. A body that is not
    compressed is also complete when ``until``, which is given each chunk, says so.
    """
    declared = response.content_length
    if declared is not None and declared > limit and response.method != "HEAD":
        raise _too_large(limit)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return await _read_plain(response.content, limit, until)
    if encoding not in _WINDOWS:
        raise BodyRefused(f"its body has the encoding {printable(encoding, 40)!r}, which was not asked for")
    return await _read_compressed(response.content, _Inflater(encoding, limit))


async def _read_plain(
    stream: aiohttp.StreamReader, limit: int, until: Callable[[bytes], bool] | None
) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in stream.iter_any():
        size += len(chunk)
        count(len(chunk))
        if size > limit:
            raise _too_large(limit)
        parts.append(chunk)
        if until is not None and until(chunk):
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _read_compressed(stream: aiohttp.StreamReader, inflater: _Inflater) -> bytes:
    try:
        async for chunk in stream.iter_any():
            count(len(chunk))
            inflater.feed(chunk)
    except zlib.error as error:
        raise BodyRefused(f"its body is not valid {inflater.encoding}: {error}") from error
    return inflater.finish()


class _Inflater:
    """Decompresses chunk by chunk, counting; gzip may consist of several members."""

    def __init__(self, encoding: str, limit: int) -> None:
        self.encoding = encoding
        self._limit = limit
        self._window = _WINDOWS[encoding]
        self._zlib = zlib.decompressobj(self._window)
        self._parts: list[bytes] = []
        self._consumed = 0
        self._produced = 0
        self._members = 1

    def feed(self, chunk: bytes) -> None:
        """Takes what was received; raises ``BodyRefused`` or ``zlib.error``."""
        if not self._consumed and self.encoding == "deflate" and chunk and chunk[0] & 0x0F != 8:
            # Many servers send deflate without the zlib header that RFC 9110 asks for.
            self._zlib = zlib.decompressobj(_RAW_DEFLATE)
        part = b""
        # A full step may have taken all input and still hold back output.
        while chunk or len(part) == _STEP:
            if chunk and self._zlib.eof:
                self._next_member()
            part = self._zlib.decompress(chunk, _STEP)
            rest = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            self._consumed += len(chunk) - len(rest)
            self._keep(part)
            chunk = rest

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._produced += len(part)
        if self._produced > _RATIO_FROM and self._produced > MAX_RATIO * self._consumed:
            raise BodyRefused(f"its body grows more than {MAX_RATIO} times when decompressed")
        if self._produced > self._limit:
            raise _too_large(self._limit)

    def _next_member(self) -> None:
        self._members += 1
        if self._window != _WINDOWS["gzip"] or self._members > _MAX_MEMBERS:
            raise BodyRefused(f"its body goes on after the end of the {self.encoding} data")
        self._zlib = zlib.decompressobj(self._window)

    def finish(self) -> bytes:
        """The whole body; raises ``BodyRefused`` if its end is missing."""
        if self._consumed and not self._zlib.eof:
            raise BodyRefused(f"its {self.encoding} body ends early")
        return b"".join(self._parts)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"its body is larger than the limit of {limit} bytes")
