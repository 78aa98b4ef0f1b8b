"""What an authority answers to a request for a token."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field

from pgworker.activities.answer import Answer
from pgworker.activities.media import printable
from pgworker.activities.strict_json import parse_json
from pgworker.errors import Fault, FaultKind, ValueRefused
from pgworker.types import JsonObject, JsonValue

_TOKEN = re.compile(r"[\x21-\x7e]+")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_LONGEST = 10 * 365 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Granted:
    """A token, and how many seconds it is good for, if that was said."""

    access_token: str = field(repr=False)
    seconds: float | None = None
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)


def granted(answer: Answer) -> Granted:
    """The token of an answer; raises ``Fault`` (authentication), which quotes nothing that may be a token."""
    said = members_of(answer)
    token, kind = said.get("access_token"), said.get("token_type", "Bearer")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise refused(answer, "without an access_token that a header can carry")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise refused(answer, "with a token that is no bearer token")
    refresh, identity = said.get("refresh_token"), said.get("id_token")
    return Granted(
        token,
        _seconds(said.get("expires_in")),
        refresh if isinstance(refresh, str) and refresh else None,
        identity if isinstance(identity, str) else None,
    )


def members_of(answer: Answer) -> JsonObject:
    """The JSON object that an answer is; raises ``Fault`` (authentication) if it is none, or says no."""
    try:
        said: JsonValue = parse_json(answer.body)
    except (ValueError, ValueRefused):
        said = None
    if answer.status != 200:
        raise refused(answer, _complaint(answer, said))
    if not isinstance(said, dict):
        raise refused(answer, "with what is no JSON object")
    return said


def refused(answer: Answer, how: str) -> Fault:
    """The fault of an answer that does not help."""
    return Fault(FaultKind.AUTHENTICATION, f"{answer.request} was answered {how}".rstrip())


def claimed_issuer(token: str | None) -> str | None:
    """The ``iss`` of a token that is a JWT.

    Its signature is not looked at: it came from the authority itself.
    """
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    try:
        claims = parse_json(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, ValueRefused):
        return None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else None


def _complaint(answer: Answer, said: JsonValue) -> str:
    """The status, and what RFC 6749 (5.2) has an authority say with it; nothing else, it might be a token."""
    told = f"with {answer.status}"
    if not isinstance(said, dict):
        return told
    code, description = said.get("error"), said.get("error_description")
    if isinstance(code, str) and _CODE.fullmatch(code):
        told += f": {code}"
        if isinstance(description, str):
            told += f" ({printable(answer.request.redaction.message(description))})"
    return told


def _seconds(value: JsonValue) -> float | None:
    """How long a token lasts; authorities that send a text instead of a number are common."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(min(max(value, 0), _LONGEST))
