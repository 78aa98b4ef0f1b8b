"""Endpoints and external resources: a URI, and who one says to be there."""

from __future__ import annotations

from dataclasses import dataclass

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.authentication import read_authentication
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.uris import read_uri_or_expression
from pgworker.expressions.templates import Members, Template


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something is, and the authentication policy that it asks for, if any."""

    uri: Template
    authentication: Template | None = None

    def members(self) -> tuple[tuple[str, Template], ...]:
        """How an endpoint travels in an activity's arguments: ``endpoint`` and ``authentication``."""
        if self.authentication is None:
            return (("endpoint", self.uri),)
        return ("endpoint", self.uri), ("authentication", self.authentication)


def read_endpoint(piece: Piece, names: Names) -> Endpoint | None:
    """An endpoint: a URI, an expression that gives one, or an object with a URI."""
    if isinstance(piece.value, str):
        uri = read_uri_or_expression(piece, names.variables)
        return None if uri is None else Endpoint(uri)
    if piece.object() is None:
        return None
    piece.allow({"uri", "authentication"}, "an endpoint")
    policy = piece.member("authentication")
    authentication = read_authentication(policy, names) if piece.has("authentication") else None
    if not piece.require(["uri"], "the endpoint"):
        return None
    uri = read_uri_or_expression(piece.member("uri"), names.variables)
    if uri is None or (authentication is None and piece.has("authentication")):
        return None
    return Endpoint(uri, authentication)


def read_resource(piece: Piece, names: Names) -> Template | None:
    """An external resource: an object of its ``endpoint`` and, if it asks for one, ``authentication``."""
    if piece.object() is None:
        return None
    piece.allow({"name", "endpoint"}, "an external resource")
    if piece.has("name"):
        piece.member("name").text()
    if not piece.require(["endpoint"], "the external resource"):
        return None
    endpoint = read_endpoint(piece.member("endpoint"), names)
    return None if endpoint is None else Members(endpoint.members())
