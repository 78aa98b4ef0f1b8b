"""``$authorization``: how a call was authenticated ("Authorization Descriptor" in the DSL)."""

from __future__ import annotations

from base64 import b64encode

from pgworker.types import JsonObject, JsonValue

_SCHEMES = {"oauth2": "Bearer", "oidc": "Bearer"}
"""What is sent by policies that do not send what they are called."""


def authorization(arguments: JsonValue) -> JsonObject | None:
    """Scheme and parameter of a call's authentication; None if it has none.

    The parameter is null where it comes out of a secret or is not known before the call, as tokens are: what
    expressions read would end in history.
    """
    policy = arguments.get("authentication") if isinstance(arguments, dict) else None
    if not isinstance(policy, dict) or len(policy) != 1:
        return None
    scheme, members = next(iter(policy.items()))
    return {"scheme": _SCHEMES.get(scheme, scheme.capitalize()), "parameter": _parameter(scheme, members)}


def _parameter(scheme: str, members: JsonValue) -> str | None:
    match scheme, members:
        case "basic", {"username": str(username), "password": str(password)}:
            return b64encode(f"{username}:{password}".encode()).decode()
        case "bearer", {"token": str(token)}:
            return token
        case _:
            return None
