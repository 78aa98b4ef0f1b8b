"""URIs that documents refer to: whatever stands in them, what is none is a fault of the document."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

from pgworker.activities.request import named
from pgworker.errors import Fault, FaultKind

_PORTS = {"http": 80, "https": 443}


def absolute(base: str, reference: str) -> str:
    """A reference as it stands in what was loaded from ``base``; raises ``Fault`` (configuration)."""
    try:
        return urljoin(base, reference)
    except ValueError as error:
        raise _wrong(reference, error) from error


def parts_of(uri: str) -> SplitResult:
    """The parts of a URI; raises ``Fault`` (configuration)."""
    try:
        return urlsplit(uri)
    except ValueError as error:
        raise _wrong(uri, error) from error


def origin_of(uri: str) -> tuple[str, str, int | None]:
    """The scheme, the host and the port of a URI; raises ``Fault`` (configuration)."""
    parts = parts_of(uri)
    scheme = parts.scheme.lower()
    try:
        return scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme)
    except ValueError as error:
        raise _wrong(uri, error) from error


def _wrong(uri: str, error: ValueError) -> Fault:
    return Fault(FaultKind.CONFIGURATION, f"{named(uri)!r} is no URI: {error}")
