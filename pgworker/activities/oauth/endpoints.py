"""Where an authority is asked: its endpoints, written out in the policy or discovered."""

from __future__ import annotations

from dataclasses import dataclass

from multidict import CIMultiDict
from yarl import URL

from pgworker.activities.exchange import Exchange
from pgworker.activities.oauth.granted import members_of, refused
from pgworker.activities.oauth.policy import OAuthPolicy, wrong
from pgworker.activities.request import ENCODINGS, USER_AGENT, Output, Request, checked_url
from pgworker.types import JsonValue

_CONFIGURATION = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where tokens are asked for, and where one is told about them, if anywhere."""

    token: URL
    introspection: URL | None


def written(policy: OAuthPolicy) -> Endpoints:
    """The endpoints of a policy that does not discover them: paths that go on from that of the authority."""
    return Endpoints(
        _below(policy.authority, policy.token_path), _below(policy.authority, policy.introspection_path)
    )


async def discovered(policy: OAuthPolicy, exchange: Exchange) -> Endpoints:
    """The endpoints that the authority's configuration names (OpenID Connect Discovery 1.0, RFC 8414).

    Raises ``Fault``: authentication for a configuration that is none, or not that of the authority.
    """
    url = configuration_url(policy.authority)
    headers = CIMultiDict(
        {"Accept": "application/json", "Accept-Encoding": ENCODINGS, "User-Agent": USER_AGENT}
    )
    request = Request("GET", url, headers, None, Output.RAW, redirect=False, takes_refusals=True)
    answer = await exchange.send(request)
    said = members_of(answer)
    issuer = said.get("issuer")
    if "/.well-known/" not in policy.authority and not _is_of(issuer, policy):
        raise refused(answer, "with the configuration of another issuer than the authority")
    token = _secure(said.get("token_endpoint"), url)
    if token is None:
        raise refused(answer, "with a configuration that names no token_endpoint as safe as itself")
    return Endpoints(token, _secure(said.get("introspection_endpoint"), url))


def configuration_url(authority: str) -> URL:
    """Where the configuration is; raises ``Fault`` (configuration)."""
    return _below(authority, "" if "/.well-known/" in authority else _CONFIGURATION)


def _is_of(issuer: JsonValue, policy: OAuthPolicy) -> bool:
    if not isinstance(issuer, str):
        return False
    return issuer.rstrip("/") == policy.authority.rstrip("/") or issuer in policy.issuers


def _secure(value: JsonValue, configuration: URL) -> URL | None:
    """An absolute URL, of https unless the configuration itself came without."""
    try:
        url = checked_url(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return url if url is None or url.scheme in ("https", configuration.scheme) else None


def _below(authority: str, path: str) -> URL:
    """The URL of a path below the authority's, or of an absolute URI."""
    try:
        if "://" in path:
            return _plain(checked_url(path))
        _plain(checked_url(authority))
        joined = f"{authority.rstrip('/')}/{path.lstrip('/')}" if path else authority
        return _plain(checked_url(joined))
    except ValueError as error:  # includes UnicodeError, for hosts that have no form in DNS
        raise wrong(f"has an authority or an endpoint that cannot be called: {error}") from None


def _plain(url: URL) -> URL:
    if url.raw_user is not None or url.raw_password is not None:
        raise ValueError("it contains a user or a password")
    return url
