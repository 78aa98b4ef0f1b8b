"""Resources, kept for a moment: many calls read the same document."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from pgworker.activities.media import json_body
from pgworker.activities.resources import ResourceLoader
from pgworker.types import JsonValue

KEPT_SECONDS = 60.0
KEPT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Kept:
    value: JsonValue
    size: int
    until: float


class ResourceCache:
    """A loader that remembers what another one loaded, for a moment and within a limit of bytes (as JSON).

    What was loaded with credentials is given only to those who show the same ones; they are kept as a digest.
    Values are shared, and not to be changed.
    """

    def __init__(
        self,
        loader: ResourceLoader,
        *,
        seconds: float = KEPT_SECONDS,
        max_bytes: int = KEPT_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loader = loader
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[tuple[str, bytes], _Kept] = OrderedDict()
        self._bytes = 0

    async def load(self, uri: str, authentication: JsonValue = None) -> JsonValue:
        """See ``ResourceLoader``; failures are not remembered."""
        key = uri, hashlib.sha256(json_body(authentication)).digest()
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept.until:
            return kept.value
        value = await self._loader.load(uri, authentication)
        self._keep(key, value)
        return value

    def _keep(self, key: tuple[str, bytes], value: JsonValue) -> None:
        self._drop(key)
        size = len(json_body(value))
        if size > self._max_bytes:
            return
        while self._kept and self._bytes + size > self._max_bytes:
            self._drop(next(iter(self._kept)))
        self._kept[key] = _Kept(value, size, self._clock() + self._seconds)
        self._bytes += size

    def _drop(self, key: tuple[str, bytes]) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size
