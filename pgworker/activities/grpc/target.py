"""What a gRPC call is about: the method of a service, and where that is."""

from __future__ import annotations

from dataclasses import dataclass

from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

_KNOWN = frozenset({"proto", "service", "method", "arguments", "authentication"})
_TLS_PORTS = frozenset({443, 8443})
_DEFAULT_PORT = 443


@dataclass(frozen=True, slots=True)
class Target:
    """A method by the names that the author gave, on a host, over TLS or not."""

    proto: str
    proto_authentication: JsonValue
    host: str
    port: int
    service: str
    method: str

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken: a document cannot say so, and the ports for it do."""
        return self.port in _TLS_PORTS

    def __str__(self) -> str:
        """For messages."""
        return f"{self.service}/{self.method} of {self.host}:{self.port}"


def target_of(arguments: JsonObject) -> Target:
    """What the evaluated arguments name; raises ``Fault`` (configuration) for what is wrong."""
    unknown = sorted(set(arguments) - _KNOWN)
    if unknown:
        raise _wrong(f"the gRPC call has no argument {unknown[0]!r}; it knows {', '.join(sorted(_KNOWN))}")
    proto, service = arguments.get("proto"), arguments.get("service")
    if not isinstance(proto, dict) or not isinstance(service, dict):
        raise _wrong("the gRPC call needs a proto resource and a service")
    port = service.get("port", _DEFAULT_PORT)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise _wrong("the port of the service is not one")
    return Target(
        proto=_text(proto, "endpoint", "the endpoint of the proto resource").partition("#")[0],
        proto_authentication=proto.get("authentication"),
        host=_host(_text(service, "host", "the host of the service")),
        port=port,
        service=_text(service, "name", "the name of the service"),
        method=_text(arguments, "method", "the method"),
    )


def _host(text: str) -> str:
    """A name or an address; one of IPv6 may have brackets around it, as in URIs."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _text(given: JsonObject, key: str, what: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong(f"{what} must be a text")
    return value


def _wrong(detail: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, detail)
