"""The status codes of gRPC, and the errors of a workflow that they become."""

from __future__ import annotations

from types import MappingProxyType

from grpc import StatusCode

from pgworker.errors import Fault, FaultKind

_FAULTS = MappingProxyType(
    {
        StatusCode.UNAUTHENTICATED: (FaultKind.AUTHENTICATION, 401),
        StatusCode.PERMISSION_DENIED: (FaultKind.AUTHORIZATION, 403),
        StatusCode.DEADLINE_EXCEEDED: (FaultKind.TIMEOUT, 408),
        StatusCode.INVALID_ARGUMENT: (FaultKind.VALIDATION, 400),
        StatusCode.OUT_OF_RANGE: (FaultKind.VALIDATION, 400),
        StatusCode.FAILED_PRECONDITION: (FaultKind.COMMUNICATION, 400),
        StatusCode.NOT_FOUND: (FaultKind.COMMUNICATION, 404),
        StatusCode.ALREADY_EXISTS: (FaultKind.COMMUNICATION, 409),
        StatusCode.ABORTED: (FaultKind.COMMUNICATION, 409),
        StatusCode.RESOURCE_EXHAUSTED: (FaultKind.COMMUNICATION, 429),
        StatusCode.CANCELLED: (FaultKind.COMMUNICATION, 499),
        StatusCode.UNIMPLEMENTED: (FaultKind.COMMUNICATION, 501),
        StatusCode.UNAVAILABLE: (FaultKind.COMMUNICATION, 503),
    }
)
"""As gateways map them to HTTP; all others are a communication error with 500."""


def fault_of(code: StatusCode, detail: str) -> Fault:
    """The fault of a call that ended with a status."""
    kind, status = _FAULTS.get(code, (FaultKind.COMMUNICATION, 500))
    return Fault(kind, detail, status=status)
