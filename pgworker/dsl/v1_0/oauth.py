"""What an OAuth 2.0 or OpenID Connect policy may say."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.shapes import check_list_of_texts, check_texts
from pgworker.dsl.v1_0.uris import read_literal_uri

_GRANTS = (
    "authorization_code",
    "client_credentials",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:token-exchange",
)
_CLIENTS = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none")
_ENCODINGS = ("application/x-www-form-urlencoded", "application/json")
_MEMBERS = frozenset(
    {
        "authority",
        "grant",
        "client",
        "request",
        "issuers",
        "scopes",
        "audiences",
        "username",
        "password",
        "subject",
        "actor",
    }
)


def check_oauth(piece: Piece, variables: frozenset[str], *, has_endpoints: bool) -> None:
    """A policy that is written out; only OAuth 2.0 names ``endpoints``, OpenID Connect discovers them."""
    piece.allow(_MEMBERS | ({"endpoints"} if has_endpoints else set()), "the policy")
    piece.require(["authority", "grant"], "the policy")
    if piece.has("authority"):
        read_literal_uri(piece.member("authority"), variables)
    if piece.has("grant"):
        piece.member("grant").choice(_GRANTS)
    check_texts(piece, ["username", "password"])
    for key in ("issuers", "scopes", "audiences"):
        if piece.has(key):
            check_list_of_texts(piece.member(key))
    for key in ("subject", "actor"):
        if piece.has(key):
            _check_token(piece.member(key))
    if piece.has("client"):
        _check_client(piece.member("client"))
    if piece.has("request"):
        _check_request(piece.member("request"))
    if has_endpoints and piece.has("endpoints") and piece.member("endpoints").object() is not None:
        check_texts(piece.member("endpoints"), ["token", "revocation", "introspection"])


def _check_client(piece: Piece) -> None:
    if piece.object() is None:
        return
    piece.allow({"id", "secret", "assertion", "authentication"}, "a client")
    check_texts(piece, ["id", "secret", "assertion"])
    if piece.has("authentication"):
        piece.member("authentication").choice(_CLIENTS)


def _check_request(piece: Piece) -> None:
    if piece.object() is not None and piece.has("encoding"):
        piece.member("encoding").choice(_ENCODINGS)


def _check_token(piece: Piece) -> None:
    if piece.object() is None:
        return
    piece.allow({"token", "type"}, "a token")
    piece.require(["token", "type"], "the token")
    check_texts(piece, ["token", "type"])
