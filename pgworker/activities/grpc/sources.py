"""The proto files of a service: the one that a document names, and those that it imports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from pgworker.activities.request import named
from pgworker.activities.resources import ResourceLoader
from pgworker.activities.uris import absolute, parts_of
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

MAX_FILES = 64
MAX_TRIES = 256

_BUNDLED = "google/protobuf/"
"""What the compiler brings along."""

_NOT_THERE = frozenset({403, 404, 410})
"""Folders above may be none of ours, and some stores say 403 of what they do not have."""

_SKIPPED = re.compile(r"//[^\n]*|/\*.*?\*/|(\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')", re.DOTALL)
_IMPORT = re.compile(r"(?:^|[;}])\s*import\s+(?:(?:public|weak|option)\s+)?[\"']([^\"'\n]+)[\"']\s*(?=;)")
_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*/)*[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True)
class Sources:
    """Proto files by the names under which they import each other; the first one is where it begins."""

    root: str
    files: tuple[tuple[str, str], ...]

    def digest(self) -> str:
        """The same for the same content."""
        digest = sha256()
        for name, text in self.files:
            digest.update(f"{len(name)}:{name}:{len(text)}:".encode())
            digest.update(text.encode())
        return digest.hexdigest()


class Gathering:
    """Gathers the files of one service, following imports in the folder of who imports and in those above.

    Files come from one origin and are loaded with the credentials of the first one.
    """

    def __init__(self, loader: ResourceLoader, authentication: JsonValue) -> None:
        self._loader = loader
        self._authentication = authentication
        self._tries = 0

    async def gather(self, uri: str) -> Sources:
        """All files; raises ``Fault``: configuration for what is no proto file or cannot be found."""
        root = _root_name(uri)
        files = {root: await self._text(uri)}
        places = {root: uri}
        waiting = [root]
        while waiting:
            importer = waiting.pop()
            for name in imports_of(files[importer]):
                if name in files or name.startswith(_BUNDLED):
                    continue
                if len(files) >= MAX_FILES:
                    raise _wrong(uri, f"leads to more than {MAX_FILES} files")
                places[name], files[name] = await self._import(places[importer], name)
                waiting.append(name)
        return Sources(root, tuple(files.items()))

    async def _import(self, importer: str, name: str) -> tuple[str, str]:
        if not _NAME.fullmatch(name) or ".." in name.split("/"):
            raise _wrong(importer, f"imports {name[:100]!r}, which is not a relative path")
        for place in _places(importer, name):
            self._tries += 1
            if self._tries > MAX_TRIES:
                raise _wrong(importer, "has imports that are looked for in too many places")
            try:
                return place, await self._text(place)
            except Fault as fault:
                if fault.status not in _NOT_THERE:
                    raise
        raise _wrong(importer, f"imports {name[:100]!r}, which is neither beside it nor in a folder above")

    async def _text(self, uri: str) -> str:
        value = await self._loader.load(uri, self._authentication)
        if not isinstance(value, str):
            raise _wrong(uri, "is not a proto file")
        return value


def imports_of(text: str) -> list[str]:
    """The files that a proto file imports, wherever comments stand.

    >>> imports_of('syntax = "proto3"; // import "not.proto";\\nimport public "a/b.proto";')
    ['a/b.proto']
    """
    plain = _SKIPPED.sub(lambda found: found[1] or " ", text)
    return _IMPORT.findall(plain)


def _root_name(uri: str) -> str:
    """The name of the first file, which is nothing but a label if it cannot be spelled in a file system."""
    parts = parts_of(uri)
    name = PurePosixPath(unquote(parts.path or parts.netloc)).name
    return name if _NAME.fullmatch(name) and name.endswith(".proto") else "service.proto"


def _places(importer: str, name: str) -> Iterator[str]:
    """Where a file may be, the folder that its name continues first: ``/api/a/x.proto`` and ``a/y.proto``."""
    parts = parts_of(importer)
    # `file://folder/a.proto` begins at the allowed folder: it has no origin, and its host is a folder
    local = parts.scheme == "file" and parts.netloc not in ("", "localhost")
    path = f"{parts.netloc}{parts.path}" if local else parts.path
    query = f"?{parts.query}" if parts.query else ""
    folders = [str(folder) for folder in PurePosixPath(path).parents]
    first = name.rpartition("/")[0]
    folders.sort(key=lambda folder: not (first and f"{folder}/{first}/" == f"{_folder(path)}/"))
    for folder in folders:
        joined = quote(f"{'' if folder in ('.', '/') else folder + '/'}{name}", safe="/%")
        if local:
            yield f"file://{joined}{query}"
        else:
            yield (
                absolute(
                    importer, joined if joined.startswith("/") or not path.startswith("/") else f"/{joined}"
                )
                + query
            )


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _wrong(uri: str, what: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, f"the proto file {named(uri)!r} {what}")
