"""Credentials: the header that an authentication policy asks for, made when the request is."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace

from pgworker.activities.redaction import Redaction, spellings
from pgworker.activities.request import Request, scalar
from pgworker.activities.secrets import SecretProvider
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

_TOKEN = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


async def authenticated(request: Request, authentication: JsonValue, secrets: SecretProvider) -> Request:
    """The request with what the policy asks for, in place of any ``Authorization`` that it had.

    ``authentication`` is ``{"basic": {"username", "password"}}``, ``{"bearer": {"token"}}``, or in place of
    the members ``{"use": secret}``. Raises ``Fault``: authorization for a secret that cannot be had,
    configuration for a policy that cannot be followed.
    """
    if authentication is None:
        return request
    if not isinstance(authentication, dict) or len(authentication) != 1:
        raise _wrong("an authentication has one member: basic or bearer")
    scheme, policy = next(iter(authentication.items()))
    if scheme not in ("basic", "bearer") or not isinstance(policy, dict):
        raise _wrong(f"{scheme[:40]!r} authentication is not known here")
    from_secret = "use" in policy
    if from_secret:
        policy = await _from_secret(scheme, policy, secrets)
    if scheme == "basic":
        username, password = _text(scheme, policy, "username"), _text(scheme, policy, "password")
        credentials, private = _basic(username, password), (password,)
    else:
        credentials = _bearer(_text(scheme, policy, "token"))
        private = (credentials,)
    hidden = spellings((*private, credentials))
    request.headers["Authorization"] = f"{scheme.capitalize()} {credentials}"
    return replace(request, redaction=Redaction(secret=hidden) if from_secret else Redaction(private=hidden))


async def _from_secret(scheme: str, policy: JsonObject, secrets: SecretProvider) -> JsonObject:
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
    raise _wrong(f"the secret {name[:200]!r} is a text, not an object with username and password")


def _text(scheme: str, policy: JsonObject, member: str) -> str:
    text = scalar(policy.get(member))
    if text is None:
        raise _wrong(f"the {member} of {scheme} authentication must be a string")
    return text


def _basic(username: str, password: str) -> str:
    """RFC 7617, in UTF-8."""
    if ":" in username:
        raise _wrong("the username of basic authentication contains a colon")
    if _CONTROL.search(username) or _CONTROL.search(password):
        raise _wrong("the username or password of basic authentication contains a control character")
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
