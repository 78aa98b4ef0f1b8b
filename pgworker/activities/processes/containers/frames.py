"""The multiplexed stream in which an engine hands on what a container writes."""

from __future__ import annotations

import asyncio

import aiohttp

from pgworker.activities.processes.outcome import too_much
from pgworker.activities.progress import count
from pgworker.errors import Fault, FaultKind

_HEADER = 8
_STDERR = 2
_CHUNK = 64 * 1024
_NAMES = {False: "standard output", True: "standard error"}


async def demultiplexed(stream: aiohttp.StreamReader, limit: int, title: str) -> tuple[bytes, bytes]:
    """Standard output and standard error, each up to the limit.

    Each frame is a header of 8 bytes (the stream's number, three zeros, the length as a big-endian number)
    and that many bytes. Raises ``Fault`` (runtime) beyond the limit, communication if the stream breaks off.
    """
    written: dict[bool, bytearray] = {False: bytearray(), True: bytearray()}
    while header := await _exactly(stream, _HEADER):
        is_error, left = header[0] == _STDERR, int.from_bytes(header[4:], "big")
        while left:
            chunk = await stream.read(min(left, _CHUNK))
            if not chunk:
                raise _broken_off()
            written[is_error] += chunk
            count(len(chunk))
            left -= len(chunk)
            if len(written[is_error]) > limit:
                raise too_much(title, _NAMES[is_error], limit)
    return bytes(written[False]), bytes(written[True])


async def _exactly(stream: aiohttp.StreamReader, size: int) -> bytes:
    """So many bytes, or none at the end of the stream."""
    try:
        return await stream.readexactly(size)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise _broken_off() from error
        return b""


def _broken_off() -> Fault:
    return Fault(FaultKind.COMMUNICATION, "what the container wrote broke off")
