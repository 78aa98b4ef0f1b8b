"""An HTTP request, made from the evaluated arguments of a call and checked before anything is sent."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlencode

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from pgworker import __version__
from pgworker.activities.media import FORM, JSON, TEXT, essence, json_body, printable
from pgworker.activities.redaction import Redaction
from pgworker.activities.tracing import CURRENT, TRACEPARENT
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

USER_AGENT = f"pgworker/{__version__}"
ENCODINGS = "gzip, deflate"

_KNOWN = frozenset({"method", "endpoint", "headers", "query", "body", "output", "redirect", "authentication"})
# These decide where a message ends; a wrong one would let a body pass for the next request.
_FRAMING = frozenset({"content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONTROL_OR_TAB = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[0-9A-Za-z._~-]+|[0-9A-Fa-f:.]+(?:%25[0-9A-Za-z._~-]+)?")
_USERINFO = re.compile(r"//[^/?#]*@")


class Output(StrEnum):
    """What a call returns: the content, its bytes in base64, or the whole response."""

    CONTENT = "content"
    RAW = "raw"
    RESPONSE = "response"


class Login(Protocol):
    """What a request does about its credentials while it is under way, at the origin that they are for."""

    def applied(self, request: Request) -> Request:
        """The request, which leads elsewhere now, with the credentials for where it leads."""

    async def renewed(self, request: Request, headers: CIMultiDictProxy[str]) -> Request | None:
        """The request with other credentials after an answer (401) with these headers.

        None if there are no others.
        """

    def accepted(self, request: Request, headers: CIMultiDictProxy[str]) -> None:
        """Takes note of an answer that is final."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent; ``url`` carries no user and password (the headers do).

    ``until`` is told each chunk of the answer, and says whether that was the last one that matters.
    One that ``takes_refusals`` wants the answer whatever its status is.
    """

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | None
    output: Output
    redirect: bool
    redaction: Redaction = field(default_factory=Redaction)
    until: Callable[[bytes], bool] | None = None
    login: Login | None = None
    takes_refusals: bool = False

    def __str__(self) -> str:
        """For messages: the method and the URL without its query, which may hold secrets."""
        return f"{self.method} {shown(self.url)}"


def prepare(arguments: JsonObject, idempotency_key: str, *, encoded: bool = False) -> Request:
    """The request that a call's arguments describe; raises ``Fault`` (configuration) for what is wrong.

    An ``encoded`` endpoint is sent as it is; others have their characters encoded where that is needed, and
    decoded where it is not. The ``authentication`` among the arguments is left to ``credentials``.
    """
    unknown = sorted(set(arguments) - _KNOWN)
    if unknown:
        raise _wrong(f"the HTTP call has no argument {unknown[0]!r}; it knows {', '.join(sorted(_KNOWN))}")
    method = _method(arguments.get("method"))
    url, authorization = without_userinfo(_endpoint(arguments.get("endpoint"), encoded=encoded))
    headers = _headers(arguments.get("headers"))
    headers.setdefault("Idempotency-Key", idempotency_key)
    headers.setdefault("User-Agent", USER_AGENT)
    headers.setdefault("Accept-Encoding", ENCODINGS)
    if (traceparent := CURRENT.get()) is not None:
        headers.setdefault(TRACEPARENT, traceparent)
    if authorization is not None:
        headers.setdefault("Authorization", authorization)
    return Request(
        method=method,
        url=_with_query(url, arguments.get("query")),
        headers=headers,
        body=_body(arguments.get("body"), headers),
        output=_output(arguments.get("output")),
        redirect=_redirect(arguments.get("redirect")),
    )


def resource_request(uri: str) -> Request:
    """The request that fetches a document, following redirects; raises ``Fault`` (configuration)."""
    url, authorization = without_userinfo(_endpoint(uri))
    accepted = "application/json, application/yaml, */*;q=0.8"
    headers = CIMultiDict({"Accept": accepted, "User-Agent": USER_AGENT, "Accept-Encoding": ENCODINGS})
    if authorization is not None:
        headers["Authorization"] = authorization
    return Request("GET", url.with_fragment(None), headers, None, Output.RAW, redirect=True)


def checked_url(text: str, *, encoded: bool = False) -> URL:
    """An absolute http or https URL; raises ``ValueError`` that says what is wrong."""
    if _CONTROL_OR_TAB.search(text):
        raise ValueError("it contains a control character")
    url = URL(text, encoded=encoded)
    if url.scheme not in ("http", "https"):
        raise ValueError("it is not an absolute http or https URI")
    if url.raw_host is None or not _HOST.fullmatch(url.raw_host):
        raise ValueError("it names no valid host")
    return url


def without_userinfo(url: URL) -> tuple[URL, str | None]:
    """The URL without user and password, and the Authorization header that they stand for."""
    if url.raw_user is None and url.raw_password is None:
        return url, None
    credentials = f"{url.user or ''}:{url.password or ''}".encode()
    return url.with_user(None), f"Basic {b64encode(credentials).decode()}"


def shown(url: URL) -> str:
    """A URL for messages: no user, password, query or fragment."""
    return str(url.with_user(None).with_query(None).with_fragment(None))


def named(uri: str) -> str:
    """Any URI for messages, as ``shown`` does for URLs."""
    return printable(_USERINFO.sub("//", re.split(r"[?#]", uri)[0]))


def _method(value: JsonValue) -> str:
    if not isinstance(value, str) or not _TOKEN.fullmatch(value) or value.upper() == "CONNECT":
        raise _wrong(f"{_brief(value)} is not an HTTP method")
    return value.upper()


def _endpoint(value: JsonValue, *, encoded: bool = False) -> URL:
    if not isinstance(value, str):
        raise _wrong(f"the endpoint {_brief(value)} is not a URI")
    try:
        return checked_url(value, encoded=encoded)
    except ValueError as error:  # includes UnicodeError, for hosts that have no form in DNS
        raise _wrong(f"the endpoint {named(value)!r} cannot be called: {error}") from None


def _headers(value: JsonValue) -> CIMultiDict[str]:
    if value is None:
        return CIMultiDict()
    if not isinstance(value, dict):
        raise _wrong(f"headers must be an object, not {_brief(value)}")
    headers: CIMultiDict[str] = CIMultiDict()
    for name, content in value.items():
        if not _TOKEN.fullmatch(name):
            raise _wrong(f"{_brief(name)} is not a header name")
        if name.lower() in _FRAMING:
            raise _wrong(f"the header {name} is set by the engine and cannot be given")
        if name in headers:
            raise _wrong(f"the header {name} is given twice")
        if content is not None:
            headers[name] = _header_value(name, content)
    return headers


def _header_value(name: str, value: JsonValue) -> str:
    text = scalar(value)
    if text is None:
        raise _wrong(f"the header {name} must be a string")
    if _CONTROL.search(text):
        raise _wrong(f"the value of the header {name} contains a line break or a control character")
    return text.strip()


def scalar(value: JsonValue) -> str | None:
    """The text of a string, a number or a boolean; None for anything else."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def _with_query(url: URL, value: JsonValue) -> URL:
    if value is None:
        return url
    pairs = list(_pairs(value, "query"))
    return url.extend_query(pairs) if pairs else url


def _pairs(value: JsonValue, what: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        raise _wrong(f"the {what} must be an object, not {_brief(value)}")
    for name, content in value.items():
        for item in content if isinstance(content, list) else [content]:
            if item is None:
                continue
            text = scalar(item)
            if text is None:
                raise _wrong(
                    f"{name!r} in the {what} must be a string, a number, a boolean or a list of them"
                )
            yield name, text


def _body(value: JsonValue, headers: CIMultiDict[str]) -> bytes | None:
    """The bytes to send; adds the Content-Type unless the author chose one."""
    if value is None:
        return None
    if isinstance(value, str):
        headers.setdefault("Content-Type", f"{TEXT}; charset=utf-8")
        return value.encode("utf-8")
    if isinstance(value, dict) and essence(headers.get("Content-Type")) == FORM:
        return urlencode(list(_pairs(value, "form"))).encode("ascii")
    headers.setdefault("Content-Type", JSON)
    return json_body(value)


def _output(value: JsonValue) -> Output:
    if value is None:
        return Output.CONTENT
    if not isinstance(value, str) or value not in set(Output):
        raise _wrong(f"output must be one of {', '.join(Output)}, not {_brief(value)}")
    return Output(value)


def _redirect(value: JsonValue) -> bool:
    if value is not None and not isinstance(value, bool):
        raise _wrong(f"redirect must be true or false, not {_brief(value)}")
    return bool(value)


def _brief(value: JsonValue) -> str:
    return printable(json.dumps(value))


def _wrong(detail: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, detail)
