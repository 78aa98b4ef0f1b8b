"""``call: grpc`` ("gRPC Call" in the DSL reference)."""

from __future__ import annotations

import re

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.authentication import read_authentication
from pgworker.dsl.v1_0.endpoints import read_resource
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.expressions.templates import Expression, Literal, Members, Template

_HOST = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?")


def read_grpc(piece: Piece, names: Names) -> Template | None:
    """The arguments of a gRPC call; the service's policy travels beside it, as ``authentication``."""
    if piece.object() is None:
        return None
    piece.allow({"proto", "service", "method", "arguments"}, "a gRPC call")
    complete = piece.require(["proto", "service", "method"], "the gRPC call")
    parts: dict[str, Template | None] = {}
    if piece.has("proto"):
        parts["proto"] = read_resource(piece.member("proto"), names)
    if piece.has("service"):
        service = piece.member("service")
        parts["service"] = _read_service(service, names)
        if service.has("authentication"):
            parts["authentication"] = read_authentication(service.member("authentication"), names)
    if piece.has("method"):
        method = piece.member("method")
        parts["method"] = None if method.text() is None else read_template(method, names.variables)
    if piece.has("arguments"):
        parts["arguments"] = _read_arguments(piece.member("arguments"), names)
    members = tuple((key, part) for key, part in parts.items() if part is not None)
    return Members(members) if complete and len(members) == len(parts) else None


def _read_service(piece: Piece, names: Names) -> Template | None:
    """The service without its policy: its name may be computed, host and port are written down."""
    if piece.object() is None:
        return None
    piece.allow({"name", "host", "port", "authentication"}, "a service")
    complete = piece.require(["name", "host"], "the service")
    parts: dict[str, Template | None] = {}
    if piece.has("name"):
        name = piece.member("name")
        parts["name"] = None if name.text() is None else read_template(name, names.variables)
    if piece.has("host"):
        parts["host"] = _read_host(piece.member("host"))
    if piece.has("port"):
        parts["port"] = _read_port(piece.member("port"))
    members = tuple((key, part) for key, part in parts.items() if part is not None)
    return Members(members) if complete and len(members) == len(parts) else None


def _read_host(piece: Piece) -> Template | None:
    host = piece.text()
    if host is None:
        return None
    if not _HOST.fullmatch(host):
        piece.report(f"found {kind_of(host)}", expected="the name of a host, without scheme and port")
        return None
    return Literal(host)


def _read_port(piece: Piece) -> Template | None:
    port = piece.integer()
    if port is None:
        return None
    if not 0 <= port <= 65535:
        piece.report(f"found {kind_of(port)}", expected="a port, 0 to 65535")
        return None
    return Literal(port)


def _read_arguments(piece: Piece, names: Names) -> Template | None:
    """One message as an object, the messages of a stream as an array, or an expression that gives one."""
    if isinstance(piece.value, dict | list):
        return read_template(piece, names.variables)
    template = read_template(piece, names.variables) if isinstance(piece.value, str) else None
    if not isinstance(template, Expression):
        piece.report(f"found {kind_of(piece.value)}", expected="an object, an array, or an expression")
        return None
    return template
