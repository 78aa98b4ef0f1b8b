"""``call: grpc`` ("gRPC Call" in the DSL reference)."""

from __future__ import annotations

import re

from pgworker.dsl.reading import Piece, kind_of
from pgworker.dsl.v1_0.authentication import read_authentication
from pgworker.dsl.v1_0.endpoints import read_resource
from pgworker.dsl.v1_0.expressions import read_template
from pgworker.dsl.v1_0.names import Names
from pgworker.dsl.v1_0.shapes import check_texts

_HOST = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?")


def check_grpc(piece: Piece, names: Names) -> None:
    """The arguments of a gRPC call."""
    if piece.object() is None:
        return
    piece.allow({"proto", "service", "method", "arguments"}, "a gRPC call")
    piece.require(["proto", "service", "method"], "the gRPC call")
    if piece.has("proto"):
        read_resource(piece.member("proto"), names)
    if piece.has("service"):
        _check_service(piece.member("service"), names)
    if piece.has("method") and piece.member("method").text() is not None:
        read_template(piece.member("method"), names.variables)
    if piece.has("arguments") and piece.member("arguments").object() is not None:
        read_template(piece.member("arguments"), names.variables)


def _check_service(piece: Piece, names: Names) -> None:
    if piece.object() is None:
        return
    piece.allow({"name", "host", "port", "authentication"}, "a service")
    piece.require(["name", "host"], "the service")
    check_texts(piece, ["name"])
    if piece.has("host"):
        _check_host(piece.member("host"))
    if piece.has("port"):
        _check_port(piece.member("port"))
    if piece.has("authentication"):
        read_authentication(piece.member("authentication"), names)


def _check_host(piece: Piece) -> None:
    host = piece.text()
    if host is not None and not _HOST.fullmatch(host):
        piece.report(f"found {kind_of(host)}", expected="the name of a host, without scheme and port")


def _check_port(piece: Piece) -> None:
    port = piece.integer()
    if port is not None and not 0 <= port <= 65535:
        piece.report(f"found {kind_of(port)}", expected="a port, 0 to 65535")
