"""Where an operation is: the address that its path is added to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pgworker.activities.media import printable
from pgworker.activities.openapi.references import Node
from pgworker.activities.request import checked_url, named
from pgworker.activities.uris import absolute, parts_of
from pgworker.errors import Fault, FaultKind

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_SCHEMES = ("https", "http")


def address(levels: Iterable[Node]) -> str:
    """The first server of the first of operation, path item and document that lists any (OpenAPI 3).

    Without a server it is ``/`` at the document's own origin. Raises ``Fault`` (configuration) for an address
    that is not HTTP, or that has variables without a default.
    """
    base = ""
    for level in levels:
        base = level.base
        for server in level.member("servers").items():
            url = server.text("url")
            if url is not None:
                return _absolute(_filled(url, server), base)
    return _absolute("/", base)


def swagger_address(root: Node, operation: Node) -> str:
    """``schemes``, ``host`` and ``basePath`` (Swagger 2); what is missing is as for the document itself."""
    own = parts_of(root.base)
    schemes = [item.value for item in operation.member("schemes").items()]
    schemes = schemes or [item.value for item in root.member("schemes").items()]
    scheme = next((known for known in _SCHEMES if known in schemes), own.scheme if not schemes else "")
    host = root.text("host") or own.netloc
    path = root.text("basePath") or "/"
    return _absolute(f"{scheme}://{host}/{path.lstrip('/')}", root.base)


def _filled(url: str, server: Node) -> str:
    """The URL with the defaults of its variables."""

    def default(found: re.Match[str]) -> str:
        value = server.member("variables").member(found[1]).object.get("default")
        if not isinstance(value, str | int | float):
            raise _wrong(
                server.base, f"has a server whose variable {printable(found[1], 60)!r} has no default"
            )
        return str(value)

    return _VARIABLE.sub(default, url)


def _absolute(url: str, base: str) -> str:
    whole = absolute(base, url)
    try:
        return str(checked_url(whole).with_query(None).with_fragment(None)).rstrip("/")
    except ValueError as error:
        what = f"has the server {named(whole)!r}, which cannot be called: {error}"
        raise _wrong(base, what) from error


def _wrong(base: str, what: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, f"the OpenAPI document {named(base)!r} {what}")
