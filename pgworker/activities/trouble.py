"""What goes wrong between sending a request and having its answer, told as a fault."""

from __future__ import annotations

import aiohttp

from pgworker.activities.media import printable
from pgworker.activities.request import Request
from pgworker.errors import Fault, FaultKind


def trouble(request: Request, error: aiohttp.ClientError | OSError, connect_timeout: float) -> Fault:
    """The fault (communication, 500) for an exception of aiohttp or of the network."""
    return Fault(FaultKind.COMMUNICATION, f"{request} failed: {_what(request, error, connect_timeout)}")


def _what(request: Request, error: aiohttp.ClientError | OSError, connect_timeout: float) -> str:
    where = f"{request.url.host}:{request.url.port}"
    match error:
        case aiohttp.ConnectionTimeoutError():
            return f"no connection to {where} within {connect_timeout:g} s (the connect timeout)"
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {where} was not accepted: {printable(str(error.certificate_error))}"
        case aiohttp.ClientConnectorSSLError():
            return f"no TLS connection to {where}: {printable(str(error.os_error))}"
        case aiohttp.ClientConnectorDNSError():
            return f"the host {request.url.host} cannot be resolved: {printable(str(error.os_error))}"
        case aiohttp.ClientConnectorError():
            return f"no connection to {where}: {printable(str(error.os_error))}"
        case aiohttp.ServerDisconnectedError():
            return f"{where} closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return f"the answer of {where} broke off: {printable(str(error))}"
        case aiohttp.ClientResponseError():
            return f"the answer of {where} is not HTTP: {printable(error.message)}"
        case _:
            return f"the connection to {where} broke: {printable(str(error) or type(error).__name__)}"
