"""What an OAuth 2.0 or OpenID Connect policy may say."""

from __future__ import annotations

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.expressions import read_template, read_uri
from pgworker.dsl.v1_0.shapes import check_list_of_texts, check_texts
from pgworker.dsl.v1_0.unsupported import report_unsupported
from pgworker.dsl.v1_0.uris import read_literal_uri
from pgworker.expressions.templates import Literal, Members, Template

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


def read_oauth(piece: Piece, variables: frozenset[str], *, has_endpoints: bool) -> Template | None:
    """A policy that is written out; only OAuth 2.0 names ``endpoints``, OpenID Connect discovers them."""
    before = len(piece.problems)
    piece.allow(_MEMBERS | ({"endpoints"} if has_endpoints else set()), "the policy")
    piece.require(["authority", "grant"], "the policy")
    uri = read_literal_uri(piece.member("authority"), variables) if piece.has("authority") else None
    authority = read_uri(piece.member("authority"), variables) if uri is not None else None
    _check_members(piece, has_endpoints=has_endpoints)
    template = read_template(piece, variables)
    if len(piece.problems) > before or template is None or authority is None:
        return None
    if piece.has("grant") and piece.member("grant").value == "authorization_code":
        report_unsupported(
            piece.member("grant"), "the grant `authorization_code`, which needs a person at a browser,"
        )
        return None
    rest = [(key, part) for key, part in _parts(template) if key != "authority"]
    return Members((("authority", authority), *rest))


def _parts(template: Template) -> tuple[tuple[str, Template], ...]:
    if isinstance(template, Members):
        return template.members
    value = template.value if isinstance(template, Literal) else None
    return tuple((key, Literal(one)) for key, one in value.items()) if isinstance(value, dict) else ()


def _check_members(piece: Piece, *, has_endpoints: bool) -> None:
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
