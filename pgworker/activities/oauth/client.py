"""How a client shows who it is when it asks for a token (RFC 6749, 2.3; RFC 7523, 2.2)."""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote_plus

from pgworker.activities.oauth.policy import OAuthClient, Pairs, wrong
from pgworker.errors import Fault, FaultKind

if TYPE_CHECKING:
    import jwt

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 60

_ALGORITHMS = {"RSA": "RS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}

Key: TypeAlias = "jwt.PyJWK | str"


@dataclass(frozen=True, slots=True)
class Proof:
    """What goes along with a request for a token: an ``Authorization`` header, or members of its body."""

    members: Pairs
    authorization: str | None = None

    @property
    def private(self) -> tuple[str, ...]:
        """The texts in it that nobody may see."""
        shown = ("client_id", "client_assertion_type")
        header = () if self.authorization is None else (self.authorization.partition(" ")[2],)
        return (*header, *(value for name, value in self.members if name not in shown))


def proof_of(client: OAuthClient, audience: str) -> Proof:
    """The proof for the authority's endpoint, the ``audience``; raises ``Fault`` (configuration).

    Assertions that are signed here are good for a minute and for one use.
    """
    name = client.id or ""
    known: Pairs = (("client_id", name),) if name else ()
    match client.method:
        case "client_secret_basic":
            pair = f"{quote_plus(name)}:{quote_plus(client.secret or '')}"
            return Proof((), f"Basic {b64encode(pair.encode()).decode()}")
        case "client_secret_jwt":
            assertion = client.assertion or _signed(client.secret or "", "HS256", _claims(name, audience))
        case "private_key_jwt":
            assertion = client.assertion or _signed_by_key(client.secret or "", _claims(name, audience))
        case "client_secret_post":
            return Proof((*known, ("client_secret", client.secret)) if client.secret else known)
        case _:
            return Proof(known)
    return Proof((*known, ("client_assertion_type", _ASSERTION_TYPE), ("client_assertion", assertion)))


def _claims(name: str, audience: str) -> dict[str, object]:
    now = int(time.time())
    return {
        "iss": name,
        "sub": name,
        "aud": audience,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + _ASSERTION_SECONDS,
    }


def _signed(key: Key, algorithm: str, claims: dict[str, object], key_id: str | None = None) -> str:
    import jwt  # with its cryptography it takes megabytes

    try:
        return jwt.encode(claims, key, algorithm, headers=None if key_id is None else {"kid": key_id})
    except (jwt.PyJWTError, ValueError, TypeError):
        # What is wrong with it is not said: the message could quote the key.
        raise wrong("has a client.secret with which no assertion can be signed") from None


def _signed_by_key(text: str, claims: dict[str, object]) -> str:
    """Signed with the private key that the text is, in PEM or as a JSON Web Key."""
    if text.lstrip().startswith("{"):
        key_id, algorithm, key = _web_key(text)
        return _signed(key, algorithm, claims, key_id)
    return _signed(text, _algorithm_of_pem(text), claims)


def _web_key(text: str) -> tuple[str | None, str, jwt.PyJWK]:
    import jwt

    try:
        members = json.loads(text)
        kind = str(members.get("crv") or members.get("kty"))
        algorithm = str(members.get("alg") or _ALGORITHMS.get(kind, ""))
        key_id = members.get("kid")
        return None if key_id is None else str(key_id), algorithm, jwt.PyJWK(members, algorithm)
    except jwt.exceptions.MissingCryptographyError:
        raise _missing() from None
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        raise wrong("has a client.secret that is no JSON Web Key") from None


def _algorithm_of_pem(text: str) -> str:
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise _missing() from None
    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnicodeEncodeError):
        raise wrong("has a client.secret that is no private key in PEM") from None
    if isinstance(key, rsa.RSAPrivateKey):
        return _ALGORITHMS["RSA"]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _ALGORITHMS["Ed25519"]
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _ALGORITHMS[_CURVES[key.curve.name]]
    raise wrong("has a private key of a kind that is not known: RSA, EC and Ed25519 are")


def _missing() -> Fault:
    return Fault(
        FaultKind.CONFIGURATION,
        "private_key_jwt needs what this worker was installed without: pip install"
        " 'pgworker-engine[private-key-jwt]'",
    )
