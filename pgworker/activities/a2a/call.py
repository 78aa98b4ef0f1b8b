"""``call: a2a``: a message to an agent, and what comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

from pgworker.activities import json_rpc
from pgworker.activities.a2a.card import address_in, same_origin
from pgworker.activities.a2a.stream import StreamEnd
from pgworker.activities.answer import Answer
from pgworker.activities.http import HttpCaller
from pgworker.activities.media import JSON, Unreadable, content, essence, printable, text_of
from pgworker.activities.request import Request, prepare
from pgworker.activities.resources import ResourceLoader
from pgworker.activities.sse import EVENT_STREAM, Events
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue

_KNOWN = frozenset({"agentCard", "endpoint", "authentication", "method", "parameters"})
_MESSAGES = frozenset({"message/send", "message/stream"})
_STREAMS = frozenset({"message/stream", "tasks/resubscribe"})
_BACKGROUND_BYTES = 256 * 1024


class A2aCaller:
    """Calls agents by JSON-RPC; cards come from the loader, requests go out by way of the HTTP caller."""

    def __init__(self, http: HttpCaller, loader: ResourceLoader) -> None:
        self._http = http
        self._loader = loader

    async def call(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Makes the call that the evaluated arguments describe; streams give the array of their results.

        Raises ``Fault``: runtime for an error that the agent tells, configuration for wrong arguments, and
        what an HTTP call raises for what goes wrong on the way.
        """
        unknown = sorted(set(arguments) - _KNOWN)
        if unknown:
            raise _wrong(f"the A2A call has no argument {unknown[0]!r}; it knows {', '.join(sorted(_KNOWN))}")
        method = str(arguments.get("method"))
        parameters = _parameters(method, arguments.get("parameters"), idempotency_key)
        endpoint, authentication = await self._agent(arguments)
        asked = json_rpc.asking(method, parameters, idempotency_key)
        request = _request(endpoint, asked, idempotency_key, streams=method in _STREAMS)
        answer = await self._http.answer(request, authentication)
        if len(answer.body) > _BACKGROUND_BYTES:
            return await asyncio.to_thread(_result, answer, method)
        return _result(answer, method)

    async def _agent(self, arguments: JsonObject) -> tuple[str, JsonValue]:
        """Where the agent is, and the policy to show it: a card's own only where the card itself is."""
        card = arguments.get("agentCard")
        if card is None:
            endpoint = arguments.get("endpoint")
            if not isinstance(endpoint, str):
                raise _wrong("the A2A call needs an agent card, or the address of a server")
            return endpoint, arguments.get("authentication")
        uri = card.get("endpoint") if isinstance(card, dict) else None
        if not isinstance(card, dict) or not isinstance(uri, str):
            raise _wrong("the endpoint of the agent card must be a URI")
        authentication = card.get("authentication")
        address = address_in(await self._loader.load(uri, authentication), uri)
        return address, authentication if same_origin(uri, address) else None


def _parameters(method: str, given: JsonValue, idempotency_key: str) -> JsonObject | None:
    """The parameters with the defaults that messages have: an id, the same for every attempt, and a role."""
    if given is not None and not isinstance(given, dict):
        raise _wrong("the parameters of the A2A call must be an object")
    if method not in _MESSAGES:
        return given
    message = (given or {}).get("message", {})
    if not isinstance(message, dict):
        raise _wrong("the message of the A2A call must be an object")
    defaults: JsonObject = {
        "messageId": str(uuid5(NAMESPACE_URL, f"pgworker:{idempotency_key}")),
        "role": "user",
    }
    return {**(given or {}), "message": {**defaults, **message}}


def _request(endpoint: str, asked: JsonObject, idempotency_key: str, *, streams: bool) -> Request:
    headers: JsonObject = {"Accept": JSON}
    if streams:
        headers = {"Accept": f"{JSON}, {EVENT_STREAM}", "Accept-Encoding": "identity"}
    call: JsonObject = {"method": "POST", "endpoint": endpoint, "headers": headers, "body": asked}
    return replace(prepare(call, idempotency_key), until=StreamEnd() if streams else None)


def _result(answer: Answer, method: str) -> JsonValue:
    who = str(answer.request)
    try:
        if essence(answer.content_type) == EVENT_STREAM:
            told = Events().feed(text_of(answer.body, answer.content_type), last=True)
            results = [json_rpc.result_of(content(one.encode(), JSON), who) for one in told]
            return results if method in _STREAMS else _only(results, answer.request)
        result = json_rpc.result_of(content(answer.body, answer.content_type or JSON), who)
    except Unreadable as error:
        raise Fault(FaultKind.COMMUNICATION, f"{who} was answered, but {printable(str(error))}") from error
    return [result] if method in _STREAMS else result


def _only(results: list[JsonValue], request: Request) -> JsonValue:
    if len(results) != 1:
        raise Fault(
            FaultKind.COMMUNICATION, f"{request} was answered with {len(results)} results in place of one"
        )
    return results[0]


def _wrong(detail: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, detail)
