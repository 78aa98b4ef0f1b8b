"""External resources: documents that a workflow refers to, fetched by URI within limits and parsed."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.parse import unquote, urlsplit

from pgworker.activities.http import HttpCaller
from pgworker.activities.logins import Logins
from pgworker.activities.media import Unreadable, content, essence, is_json, printable, text_of
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import Redaction, hiding
from pgworker.activities.request import named, resource_request
from pgworker.activities.secrets import SecretProvider
from pgworker.dsl.load import load
from pgworker.errors import DocumentError, Fault, FaultKind
from pgworker.types import JsonValue

MAX_BYTES = 5 * 1024 * 1024
"""The largest resource; YAML, which takes long to read, may be 1 MiB."""

TOTAL_SECONDS = 20.0

_BACKGROUND_BYTES = 16 * 1024
_YAML = re.compile(r".*yaml|application/vnd\.oai\.openapi")


class ResourceLoader(Protocol):
    """Gives the contents of external resources, such as OpenAPI documents, schemas and catalogs."""

    async def load(self, uri: str, authentication: JsonValue = None) -> JsonValue:
        """What is at an absolute URI: JSON and YAML as their value, everything else as text.

        What it is follows from its media type, or else from its name. ``authentication`` is a policy as
        ``credentials.authenticated`` takes it. Raises ``Fault``: communication for what cannot be fetched,
        authorization for what must not be, configuration for what cannot be read.
        """


class Resources:
    """Loads over HTTP, within the guards of every call, and ``file:`` URIs below the one allowed folder.

    A context manager, which owns connections of its own: resources may be larger than answers. Nothing is
    kept; ``resource_cache`` does that.
    """

    def __init__(
        self,
        policy: HttpPolicy,
        secrets: SecretProvider | None = None,
        directory: Path | None = None,
        logins: Logins | None = None,
    ) -> None:
        limits = replace(
            policy,
            max_response_bytes=MAX_BYTES,
            total_timeout=min(policy.total_timeout, TOTAL_SECONDS),
        )
        self._http = HttpCaller(limits, secrets, logins)
        self._directory = directory

    async def __aenter__(self) -> Resources:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def load(self, uri: str, authentication: JsonValue = None) -> JsonValue:
        """See ``ResourceLoader``."""
        scheme = uri.partition(":")[0].lower()
        media_type: str | None = None
        redaction = Redaction()
        if scheme == "file":
            body = await asyncio.to_thread(self._read, uri)
        elif scheme in ("http", "https"):
            answer = await self._http.answer(resource_request(uri), authentication)
            body, media_type, redaction = answer.body, answer.content_type, answer.request.redaction
        else:
            raise Fault(
                FaultKind.CONFIGURATION,
                f"the resource {named(uri)!r} cannot be loaded: it begins with none of https:, http:, file:",
            )
        with hiding(redaction):
            if len(body) > _BACKGROUND_BYTES:
                return await asyncio.to_thread(_parsed, body, media_type, uri)
            return _parsed(body, media_type, uri)

    def _read(self, uri: str) -> bytes:
        if self._directory is None:
            raise Fault(
                FaultKind.AUTHORIZATION,
                f"{named(uri)!r} must not be read: PGWORKER_RESOURCES_DIR allows no folder",
            )
        try:
            folder = self._directory.resolve(strict=True)
            path = _path(uri, folder).resolve()
            if not path.is_relative_to(folder):
                raise Fault(
                    FaultKind.AUTHORIZATION,
                    f"{named(uri)!r} must not be read: it is not below PGWORKER_RESOURCES_DIR",
                )
            if not path.is_file():
                raise Fault(FaultKind.COMMUNICATION, f"there is no file {named(uri)!r}", status=404)
            with path.open("rb") as file:
                body = file.read(MAX_BYTES + 1)
        except (OSError, ValueError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its path is no path"
            raise Fault(FaultKind.COMMUNICATION, f"{named(uri)!r} cannot be read: {reason}") from error
        if len(body) > MAX_BYTES:
            raise Fault(
                FaultKind.COMMUNICATION, f"{named(uri)!r} is larger than the limit of {MAX_BYTES} bytes"
            )
        return body


def structured(text: str, uri: str) -> JsonValue:
    """A text as the YAML (or JSON) that it ought to be; raises ``Fault`` (configuration).

    For those who know better than a server that says ``text/plain``.
    """
    try:
        return load(text, keys_are_text=True).value
    except DocumentError as error:
        first = error.problems[0]
        where = f" (line {first.line}, column {first.column})" if first.line else ""
        raise _unreadable(uri, f"{first.message}{where}") from error


def _path(uri: str, folder: Path) -> Path:
    """``file:///a/b`` is absolute; ``file:a/b`` and ``file://a/b`` begin at the allowed folder."""
    parts = urlsplit(uri)
    host = "" if parts.netloc == "localhost" else parts.netloc
    return folder / unquote(host + parts.path)


def _parsed(body: bytes, media_type: str | None, uri: str) -> JsonValue:
    kind, suffix = essence(media_type), Path(urlsplit(uri).path).suffix.lower()
    try:
        if is_json(kind) or (suffix == ".json" and not _YAML.fullmatch(kind)):
            return content(body.removeprefix(b"\xef\xbb\xbf"), _as("application/json", media_type))
        text = text_of(body, media_type)
    except Unreadable as error:
        raise _unreadable(uri, str(error)) from error
    if _YAML.fullmatch(kind) or suffix in (".yaml", ".yml"):
        return structured(text, uri)
    return text


def _as(media_type: str, written: str | None) -> str:
    """The media type with the parameters (the charset) of the one that is written."""
    return media_type + (written or "")[len((written or "").partition(";")[0]) :]


def _unreadable(uri: str, what: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, f"the resource {named(uri)!r} cannot be read: {printable(what)}")
