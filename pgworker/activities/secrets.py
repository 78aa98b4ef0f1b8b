"""Secrets, as the operator of a worker provides them: read when they are needed, and kept nowhere."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pgworker.activities.strict_json import parse_json
from pgworker.errors import Fault, FaultKind, ValueRefused
from pgworker.types import JsonObject

PREFIX = "PGWORKER_SECRET_"

_MAX_BYTES = 64 * 1024
# No separator and no leading dot: a name can never lead out of the folder.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")


class SecretProvider(Protocol):
    """Where secrets come from."""

    async def secret(self, name: str) -> JsonObject | str:
        """What is kept under a name: an object or a text; raises ``Fault`` (authorization) if nothing is."""


class StoredSecrets:
    """Secrets in a folder, one file each, and in the environment; the folder counts first.

    ``PGWORKER_SECRET_<NAME>`` holds the secret of that name, spelled as it is or in capitals with ``_`` for
    everything but letters and digits. What is written as a JSON object is one, all else is text, without the
    line breaks at its end.
    """

    def __init__(self, directory: Path | None = None, environment: Mapping[str, str] = os.environ) -> None:
        self._directory = directory
        self._environment = environment

    async def secret(self, name: str) -> JsonObject | str:
        """The secret of this name, read anew each time, so that it can be changed under a running worker."""
        text = await asyncio.to_thread(self._read, name) if _NAME.fullmatch(name) else None
        if text is None:
            raise Fault(FaultKind.AUTHORIZATION, f"this worker has no secret named {name[:200]!r}")
        return _parsed(name, text)

    def _read(self, name: str) -> str | None:
        from_file = None if self._directory is None else _file(self._directory / name)
        if from_file is not None:
            return from_file
        spellings = (name, re.sub(r"[^A-Z0-9]", "_", name.upper()))
        found = (self._environment.get(PREFIX + spelling) for spelling in spellings)
        return next((text for text in found if text is not None), None)


def _file(path: Path) -> str | None:
    """A file's text; None if it is none, or cannot be read as one."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        return content.decode("utf-8") if len(content) <= _MAX_BYTES else None
    except (OSError, UnicodeDecodeError):
        return None


def _parsed(name: str, text: str) -> JsonObject | str:
    if not text.lstrip().startswith("{"):
        return text.rstrip("\r\n")
    try:
        value = parse_json(text.encode())
    except (ValueError, ValueRefused):
        # What is wrong with it is not said: the message would quote the secret.
        raise Fault(FaultKind.AUTHORIZATION, f"the secret {name!r} is not valid JSON") from None
    return value if isinstance(value, dict) else text.rstrip("\r\n")
