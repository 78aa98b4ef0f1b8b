"""An OAuth 2.0 or OpenID Connect policy, read from its evaluated members."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeAlias

from pgworker.activities.request import scalar
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
GRANTS = ("client_credentials", "password", "refresh_token", EXCHANGE)
METHODS = ("client_secret_post", "client_secret_basic", "client_secret_jwt", "private_key_jwt", "none")
TOKEN_PATH = "/oauth2/token"
INTROSPECTION_PATH = "/oauth2/introspect"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

Pairs: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Party:
    """A token that stands for somebody, and its type."""

    token: str = field(repr=False)
    type: str


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Who asks for tokens, and how it shows that."""

    id: str | None = None
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)
    method: str = METHODS[0]


@dataclass(frozen=True, slots=True)
class OAuthPolicy:
    """What to ask which authority for; a key for what came of it, as it can be compared and hashed.

    A policy that ``discovers`` learns the endpoints from the authority, others have them written out.
    """

    authority: str
    discovers: bool
    grant: str
    client: OAuthClient
    token_path: str
    introspection_path: str
    encoding: str = FORM
    issuers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    subject: Party | None = None
    actor: Party | None = None

    @property
    def private(self) -> tuple[str, ...]:
        """The texts in it that nobody may see."""
        parties = [party.token for party in (self.subject, self.actor) if party is not None]
        texts = (self.client.secret, self.client.assertion, self.password, *parties)
        return tuple(text for text in texts if text)


def read_policy(scheme: str, members: JsonObject) -> OAuthPolicy:
    """The policy that the members of ``oauth2`` or ``oidc`` make; raises ``Fault`` (configuration)."""
    authority = _required(members, "authority")
    endpoints = _object(members, "endpoints")
    policy = OAuthPolicy(
        authority=authority,
        discovers=scheme == "oidc" or ("token" not in endpoints and "/.well-known/" in authority),
        grant=_choice(_required(members, "grant"), "grant", GRANTS),
        client=_client(_object(members, "client")),
        token_path=_text(endpoints, "token") or TOKEN_PATH,
        introspection_path=_text(endpoints, "introspection") or INTROSPECTION_PATH,
        encoding=_choice(_text(_object(members, "request"), "encoding") or FORM, "encoding", (FORM, JSON)),
        issuers=_texts(members, "issuers"),
        scopes=_texts(members, "scopes"),
        audiences=_texts(members, "audiences"),
        username=_text(members, "username"),
        password=_text(members, "password"),
        subject=_party(members, "subject"),
        actor=_party(members, "actor"),
    )
    _check(policy)
    return policy


def _check(policy: OAuthPolicy) -> None:
    """Whether the policy has what its grant and its client's method need."""
    client = policy.client
    lacking: str | None = None
    if client.method != "none" and not client.id:
        lacking = f"client.id, which {client.method} needs"
    elif client.method == "client_secret_jwt" and not (client.secret or client.assertion):
        lacking = "client.secret, with which the client's assertion is signed"
    elif client.method == "private_key_jwt" and not (client.assertion or client.secret):
        lacking = "client.assertion, or a private key as client.secret, with which one is signed"
    elif policy.grant == "password" and (policy.username is None or policy.password is None):
        lacking = "username and password, which the grant needs"
    elif policy.grant == "refresh_token" and policy.subject is None:
        lacking = "subject, whose token is the refresh token"
    elif policy.grant == EXCHANGE and policy.subject is None:
        lacking = "subject, whose token is to be exchanged"
    if lacking is not None:
        raise wrong(f"lacks {lacking}")


def _client(members: JsonObject) -> OAuthClient:
    return OAuthClient(
        id=_text(members, "id"),
        secret=_text(members, "secret"),
        assertion=_text(members, "assertion"),
        method=_choice(_text(members, "authentication") or METHODS[0], "client.authentication", METHODS),
    )


def _party(members: JsonObject, key: str) -> Party | None:
    if members.get(key) is None:
        return None
    party = _object(members, key)
    return Party(_required(party, "token"), _required(party, "type"))


def _choice(text: str, what: str, known: Collection[str]) -> str:
    if text not in known:
        raise wrong(f"has an unknown {what}; known are {', '.join(known)}")
    return text


def _object(members: JsonObject, key: str) -> JsonObject:
    value = members.get(key)
    if not isinstance(value, dict | None):
        raise wrong(f"has a {key} that is no object")
    return value or {}


def _required(members: JsonObject, key: str) -> str:
    text = _text(members, key)
    if not text:
        raise wrong(f"lacks {key}")
    return text


def _text(members: JsonObject, key: str) -> str | None:
    value = members.get(key)
    if value is None:
        return None
    text = scalar(value)
    if text is None:
        raise wrong(f"has a {key} that is no text")
    return text


def _texts(members: JsonObject, key: str) -> tuple[str, ...]:
    value: JsonValue = members.get(key)
    if value is None:
        return ()
    texts = [scalar(item) for item in value] if isinstance(value, list) else [None]
    found = tuple(text for text in texts if text is not None)
    if len(found) < len(texts):
        raise wrong(f"has {key} that are no list of texts")
    return found


def wrong(detail: str) -> Fault:
    """The fault of a policy that cannot be followed; it quotes none of the policy's values."""
    return Fault(FaultKind.CONFIGURATION, f"the OAuth 2.0 policy {detail}")
