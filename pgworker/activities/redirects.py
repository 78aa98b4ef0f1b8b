"""Where a redirect leads, as browsers understand it."""

from __future__ import annotations

from dataclasses import replace

from multidict import CIMultiDict
from yarl import URL

from pgworker.activities.request import Request, checked_url, without_userinfo
from pgworker.errors import Fault, FaultKind

FOLLOWED = frozenset({301, 302, 303, 307, 308})

_OF_THE_ORIGIN = ("Authorization", "Cookie", "Proxy-Authorization", "Host")
_OF_THE_BODY = ("Content-Type", "Content-Encoding", "Content-Language", "Content-Location")


def redirected(request: Request, status: int, location: str) -> Request:
    """The request that follows a redirect; raises ``Fault`` (communication) if it leads nowhere.

    303, and 301 or 302 in answer to a POST, turn the request into a GET without a body (RFC 9110, 15.4).
    Credentials, cookies and an author's Host header are for the origin that they were given for: they are
    dropped when scheme, host or port change, and stay dropped.
    """
    url, authorization = without_userinfo(_target(request, location))
    headers = CIMultiDict(request.headers)
    login = request.login
    if url.origin() != request.url.origin():
        _drop(headers, _OF_THE_ORIGIN)
        login = None
    if authorization is not None:
        headers.setdefault("Authorization", authorization)
    if (status == 303 and request.method != "HEAD") or (status in (301, 302) and request.method == "POST"):
        _drop(headers, _OF_THE_BODY)
        follows = replace(request, method="GET", url=url, headers=headers, body=None, login=login)
    else:
        follows = replace(request, url=url, headers=headers, login=login)
    return follows if login is None else login.applied(follows)


def _target(request: Request, location: str) -> URL:
    try:
        return checked_url(str(request.url.join(URL(location))))
    except ValueError as error:
        raise Fault(
            FaultKind.COMMUNICATION, f"{request} redirected to where nothing can be called: {error}"
        ) from error


def _drop(headers: CIMultiDict[str], names: tuple[str, ...]) -> None:
    for name in names:
        headers.popall(name, None)
