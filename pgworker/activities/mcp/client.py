"""One conversation with an MCP server: initialized, asked once, and over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from mcp import ClientSession, MCPError
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp_types import (
    CONNECTION_CLOSED,
    ClientCapabilities,
    Implementation,
    InitializedNotification,
    InitializeRequest,
    InitializeRequestParams,
    InitializeResult,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from pgworker.activities import json_rpc
from pgworker.activities.mcp.question import Question, wrong
from pgworker.activities.media import printable
from pgworker.activities.policy import HttpPolicy
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams
    from mcp.shared.transport_context import TransportContext

# The library logs what it cannot read, addresses and answers included; what matters of it is told as a fault.
for _name in ("mcp", "client", "httpx2"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


async def ask(
    transport: AbstractAsyncContextManager[TransportStreams],
    question: Question,
    who: str,
    policy: HttpPolicy,
) -> JsonValue:
    """The JSON-RPC result of a question that ``transport`` carries; raises ``Fault``."""
    if question.version not in HANDSHAKE_PROTOCOL_VERSIONS:
        known = ", ".join(HANDSHAKE_PROTOCOL_VERSIONS)
        raise wrong(f"the protocolVersion {question.version[:40]!r} is not known; it may be {known}")
    seconds = policy.total_timeout if question.seconds is None else question.seconds
    try:
        async with transport as streams:
            return await _in_time(streams, question, who, seconds)
    except Exception as error:
        raise _fault(error, who) from error


async def _in_time(streams: TransportStreams, question: Question, who: str, seconds: float) -> JsonValue:
    """The time is the conversation's: what has been answered is not lost to a farewell that takes long."""
    try:
        async with asyncio.timeout(seconds):
            return await _asked(streams, question, who)
    except TimeoutError as error:
        raise Fault(FaultKind.TIMEOUT, f"{who} did not answer within {seconds:g} s") from error


async def _asked(streams: TransportStreams, question: Question, who: str) -> JsonValue:
    dispatcher: JSONRPCDispatcher[TransportContext] = JSONRPCDispatcher(*streams)
    client = Implementation(name=question.client_name, version=question.client_version)
    async with ClientSession(dispatcher=dispatcher, client_info=client) as session:
        parameters = InitializeRequestParams(
            protocol_version=question.version, capabilities=ClientCapabilities(), client_info=client
        )
        told = await session.send_request(InitializeRequest(params=parameters), InitializeResult)
        if told.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS:
            spoken = printable(told.protocol_version, 40)
            raise Fault(
                FaultKind.RUNTIME, f"{who} speaks version {spoken!r} of the protocol, and no older one"
            )
        session.adopt(told)
        await session.send_notification(InitializedNotification())
        # past the session, which would refuse what its types do not know and drop what is null
        return await dispatcher.send_raw_request(question.method, question.parameters)


def _fault(error: Exception, who: str) -> Fault:
    """What went wrong, out of the groups that it may be wrapped in."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, Fault):
            return cause
    for cause in causes:
        if isinstance(cause, MCPError) and cause.code != CONNECTION_CLOSED:
            return json_rpc.refused({"code": cause.code, "message": cause.message}, who)
    if any(isinstance(cause, MCPError) for cause in causes):
        return Fault(FaultKind.COMMUNICATION, f"{who} closed the connection without an answer")
    kinds = ", ".join(sorted({type(cause).__name__ for cause in causes}))
    return Fault(FaultKind.COMMUNICATION, f"{who} cannot be talked to: {kinds}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner)
    else:
        yield error
