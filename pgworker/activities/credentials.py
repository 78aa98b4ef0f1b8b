"""Credentials: the header that an authentication policy asks for, made when the request is."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace

from pgworker.activities.digest_login import DigestLogin
from pgworker.activities.logins import Logins
from pgworker.activities.oauth.login import with_token
from pgworker.activities.oauth.policy import read_policy
from pgworker.activities.redaction import Redaction, spellings
from pgworker.activities.request import Request, scalar
from pgworker.activities.secrets import SecretProvider
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

SCHEMES = ("basic", "bearer", "digest", "oauth2", "oidc")

_TOKEN = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


async def authenticated(
    request: Request, authentication: JsonValue, secrets: SecretProvider, logins: Logins
) -> Request:
    """The request with what the policy asks for, in place of any ``Authorization`` that it had.

    ``authentication`` is one of ``{"basic": {"username", "password"}}``, ``{"bearer": {"token"}}``,
    ``{"digest": {"username", "password"}}``, ``{"oauth2": {...}}`` and ``{"oidc": {...}}``, or in place of
    the members ``{"use": secret}``. Raises ``Fault``: authorization for a secret that cannot be had,
    authentication for a token that cannot, configuration for a policy that cannot be followed.
    """
    if authentication is None:
        return request
    if not isinstance(authentication, dict) or len(authentication) != 1:
        raise _wrong(f"an authentication has one member: {', '.join(SCHEMES)}")
    scheme, policy = next(iter(authentication.items()))
    if scheme not in SCHEMES or not isinstance(policy, dict):
        raise _wrong(f"{scheme[:40]!r} authentication is not known here")
    kept = "use" in policy
    if kept:
        policy = await from_secret(scheme, policy, secrets)
    match scheme:
        case "basic":
            username, password = _login(scheme, policy)
            credentials = _basic(username, password)
            return _sending(request, scheme, credentials, _hiding((password, credentials), kept=kept))
        case "bearer":
            token = _bearer(_text(scheme, policy, "token"))
            return _sending(request, scheme, token, _hiding((token,), kept=kept))
        case "digest":
            username, password = _login(scheme, policy)
            hidden = replace(request, redaction=_hiding((password,), kept=kept))
            return DigestLogin(logins.digests, username, password).applied(hidden)
        case _:
            read = read_policy(scheme, policy)
            hidden = replace(request, redaction=_hiding(read.private, kept=kept))
            return await with_token(hidden, logins.tokens, read)


def _hiding(texts: tuple[str, ...], *, kept: bool) -> Redaction:
    hidden = spellings(texts)
    return Redaction(secret=hidden) if kept else Redaction(private=hidden)


def _sending(request: Request, scheme: str, credentials: str, redaction: Redaction) -> Request:
    request.headers["Authorization"] = f"{scheme.capitalize()} {credentials}"
    return replace(request, redaction=redaction)


def _login(scheme: str, policy: JsonObject) -> tuple[str, str]:
    username, password = _text(scheme, policy, "username"), _text(scheme, policy, "password")
    if ":" in username:
        raise _wrong(f"the username of {scheme} authentication contains a colon")
    if _CONTROL.search(username) or _CONTROL.search(password):
        raise _wrong(f"the username or password of {scheme} authentication contains a control character")
    return username, password


async def from_secret(scheme: str, policy: JsonObject, secrets: SecretProvider) -> JsonObject:
    """The members of a policy that names a secret with ``use``; a text is the token of ``bearer``.

    Raises ``Fault``: authorization for a secret that is not declared or not there, configuration for one that
    does not have the members.
    """
    name = policy["use"]
    if not isinstance(name, str):
        raise _wrong("the name of a secret must be a string")
    if policy.get("declared") is False:
        raise Fault(
            FaultKind.AUTHORIZATION,
            f"the secret {name[:200]!r} is not declared under the document's use.secrets",
        )
    secret = await secrets.secret(name)
    if isinstance(secret, dict):
        return secret
    if scheme == "bearer":
        return {"token": secret}
    members = "username and password" if scheme in ("basic", "digest") else "the members of the policy"
    raise _wrong(f"the secret {name[:200]!r} is a text, not an object with {members}")


def _text(scheme: str, policy: JsonObject, member: str) -> str:
    text = scalar(policy.get(member))
    if text is None:
        raise _wrong(f"the {member} of {scheme} authentication must be a string")
    return text


def _basic(username: str, password: str) -> str:
    """RFC 7617, in UTF-8."""
    return b64encode(f"{username}:{password}".encode()).decode()


def login(authentication: JsonValue) -> tuple[str, ...]:
    """User and password of a basic policy as they travel together; empty for any other."""
    match authentication:
        case {"basic": {"username": str(username), "password": str(password)}} if ":" not in username:
            return (b64encode(f"{username}:{password}".encode()).decode(),)
        case _:
            return ()


def _bearer(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise _wrong("the token of bearer authentication is empty, or contains what no header can carry")
    return token


def _wrong(detail: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, detail)
