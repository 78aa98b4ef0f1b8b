"""Digest authentication (RFC 7616): what is answered to a challenge."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from pgworker.activities.challenges import challenges

_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
"""By their names in challenges, the weakest first."""


@dataclass(frozen=True, slots=True)
class DigestChallenge:
    """What a service asks for; ``quality`` is ``auth``, ``auth-int``, or None as RFC 2069 had it."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    is_of_session: bool = False
    named_algorithm: str | None = None
    quality: str | None = None
    opaque: str | None = None
    hides_user: bool = False
    is_utf8: bool = False
    stale: bool = False
    covers_origin: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, as far as the answer to a challenge depends on it."""

    method: str
    target: str
    body: bytes


def strongest(headers: Iterable[str]) -> DigestChallenge | None:
    """The strongest digest challenge that can be answered, None if there is none."""
    found = [
        one
        for header in headers
        for challenge in challenges(header)
        if challenge.scheme == "digest" and (one := _read(challenge.parameters)) is not None
    ]
    strength = list(_ALGORITHMS)
    return max(found, key=lambda one: strength.index(one.algorithm), default=None)


def _read(parameters: dict[str, str]) -> DigestChallenge | None:
    """None for a challenge that lacks something, or asks for what is not known here."""
    named = parameters.get("algorithm")
    algorithm = (named or "MD5").upper()
    offered = [one.strip().lower() for one in parameters.get("qop", "").split(",") if one.strip()]
    quality = next((one for one in ("auth", "auth-int") if one in offered), None)
    base = algorithm.removesuffix("-SESS")
    texts = (parameters.get("realm", ""), parameters.get("nonce", ""), parameters.get("opaque", ""))
    if base not in _ALGORITHMS or not texts[1] or (offered and quality is None) or not _storable(texts):
        return None
    return DigestChallenge(
        realm=texts[0],
        nonce=texts[1],
        algorithm=base,
        is_of_session=base != algorithm,
        named_algorithm=named,
        quality=quality,
        opaque=parameters.get("opaque"),
        hides_user=parameters.get("userhash", "").lower() == "true",
        is_utf8=parameters.get("charset", "").upper() == "UTF-8",
        stale=parameters.get("stale", "").lower() == "true",
        covers_origin="domain" not in parameters,
    )


def answered(
    challenge: DigestChallenge, username: str, password: str, asked: Asked, *, count: int, client_nonce: str
) -> str:
    """The ``Authorization`` header; ``count`` says how often the nonce has been used, with this time."""
    user = f"{username}:{challenge.realm}"
    secret = _hash(challenge, f"{user}:{password}".encode())
    if challenge.is_of_session:
        secret = _hash(challenge, f"{secret}:{challenge.nonce}:{client_nonce}".encode())
    what = f"{asked.method}:{asked.target}"
    if challenge.quality == "auth-int":
        what += f":{_hash(challenge, asked.body)}"
    use = "" if challenge.quality is None else f"{count:08x}:{client_nonce}:{challenge.quality}:"
    response = _hash(challenge, f"{secret}:{challenge.nonce}:{use}{_hash(challenge, what.encode())}".encode())
    fields = [
        _user(challenge, username, user),
        f"realm={_quoted(challenge.realm)}",
        f"nonce={_quoted(challenge.nonce)}",
        f"uri={_quoted(asked.target)}",
        f'response="{response}"',
    ]
    if challenge.named_algorithm is not None:
        fields.append(f"algorithm={challenge.named_algorithm}")
    if challenge.opaque is not None:
        fields.append(f"opaque={_quoted(challenge.opaque)}")
    if challenge.quality is not None:
        fields += [f"qop={challenge.quality}", f"nc={count:08x}"]
    if challenge.quality is not None or challenge.is_of_session:
        fields.append(f'cnonce="{client_nonce}"')
    if challenge.hides_user:
        fields.append("userhash=true")
    return "Digest " + ", ".join(fields)


def _user(challenge: DigestChallenge, username: str, user: str) -> str:
    if challenge.hides_user:
        return f'username="{_hash(challenge, user.encode())}"'
    if challenge.is_utf8 and not username.isascii():
        return f"username*=UTF-8''{quote(username, safe='')}"
    return f"username={_quoted(username)}"


def _hash(challenge: DigestChallenge, content: bytes) -> str:
    return hashlib.new(_ALGORITHMS[challenge.algorithm], content, usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _storable(texts: Iterable[str]) -> bool:
    """Whether a header can carry the texts: bytes that are not UTF-8 come as half surrogate pairs."""
    return all(text.isprintable() for text in texts)
