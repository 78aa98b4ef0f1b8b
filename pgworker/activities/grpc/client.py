"""One gRPC call: messages out, messages in, within limits of time and size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence

import grpc.aio
from google.protobuf.message import DecodeError, Message

from pgworker.activities.grpc.channel import open_channel
from pgworker.activities.grpc.compiler import Compiler
from pgworker.activities.grpc.descriptors import Method
from pgworker.activities.grpc.sources import Sources
from pgworker.activities.grpc.statuses import fault_of
from pgworker.activities.grpc.target import Target
from pgworker.activities.media import printable
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.progress import count
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue

_GRACE_SECONDS = 1.0
"""How much longer than the deadline is waited for the library to notice it."""

_BACKGROUND_BYTES = 256 * 1024


class Client:
    """Makes calls by what proto files say, which it compiles and keeps."""

    def __init__(self, policy: HttpPolicy) -> None:
        self._policy = policy
        self._compiler = Compiler()

    async def call(
        self, target: Target, sources: Sources, arguments: JsonValue, metadata: Sequence[tuple[str, str]]
    ) -> JsonValue:
        """The message that the service answers, or the array of them; raises ``Fault``."""
        method = (await self._compiler.compile(sources)).method(target.service, target.method)
        sent = _messages(method, arguments)
        try:
            async with asyncio.timeout(self._policy.total_timeout + _GRACE_SECONDS):
                received = await self._exchange(target, method, sent, metadata)
        except TimeoutError as error:
            raise Fault(
                FaultKind.TIMEOUT, f"{target} did not answer within {self._policy.total_timeout:g} s"
            ) from error
        if sum(map(len, received)) > _BACKGROUND_BYTES:
            return await asyncio.to_thread(_value, target, method, received)
        return _value(target, method, received)

    async def _exchange(
        self, target: Target, method: Method, sent: list[Message], metadata: Sequence[tuple[str, str]]
    ) -> list[bytes]:
        channel = await open_channel(target, self._policy)
        try:
            # every kind of method is a stream both ways on the wire; a message alone is a stream of one
            begin: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method.path)
            call = begin(_each(sent), timeout=self._policy.total_timeout, metadata=tuple(metadata))
            return await self._received(target, call)
        except grpc.aio.AioRpcError as error:
            told = printable(error.details() or "")
            detail = f"{target} ended with {error.code().name}"
            raise fault_of(error.code(), f"{detail}: {told}" if told else detail) from error
        finally:
            await channel.close()

    async def _received(self, target: Target, call: AsyncIterable[bytes]) -> list[bytes]:
        received: list[bytes] = []
        limit, size = self._policy.max_response_bytes, 0
        async for content in call:
            received.append(content)
            size += len(content)
            count(len(content), messages=1)
            if size > limit:
                raise Fault(
                    FaultKind.COMMUNICATION, f"{target} answered more than the limit of {limit} bytes"
                )
        return received


async def _each(messages: list[Message]) -> AsyncIterator[bytes]:
    for message in messages:
        yield message.SerializeToString()


def _messages(method: Method, arguments: JsonValue) -> list[Message]:
    """What is sent: one message, or those of an array where the method takes a stream."""
    if method.takes_stream and isinstance(arguments, list):
        return [method.message(one) for one in arguments]
    return [method.message({} if arguments is None else arguments)]


def _value(target: Target, method: Method, received: list[bytes]) -> JsonValue:
    try:
        values: list[JsonValue] = [method.value(method.decoded(content)) for content in received]
    except DecodeError as error:
        raise Fault(
            FaultKind.COMMUNICATION, f"{target} answered what is no {method.gives.DESCRIPTOR.full_name}"
        ) from error
    if method.gives_stream:
        return values
    if len(values) != 1:
        raise Fault(FaultKind.COMMUNICATION, f"{target} answered {len(values)} messages in place of one")
    return values[0]
