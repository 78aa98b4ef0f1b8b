"""Examples that publish and consume messages by an AsyncAPI document."""

from __future__ import annotations

import json

from pgworker.types import JsonObject, JsonValue
from tests.conformance.official.case import (
    Cancel,
    Case,
    Completes,
    Ending,
    HasAsked,
    IsCancelled,
    Release,
    fails,
    get,
    refuses,
    says,
)
from tests.conformance.official.services import Answer, Asked

DOCUMENT = "https://fake.com/docs/asyncapi.json"
NOTIFICATIONS = "https://fake.com/notifications"
PETS = "https://fake.com/staging/pets"

_DESCRIBED: JsonObject = {
    "asyncapi": "3.0.0",
    "info": {"title": "Pets and notifications", "version": "1.0.0"},
    "servers": {
        "production": {"host": "fake.com", "protocol": "https"},
        "staging": {"host": "fake.com", "pathname": "/staging", "protocol": "https"},
        "sockets": {"host": "fake.com", "protocol": "wss"},
    },
    "channels": {
        "pets": {"address": "/pets"},
        "/notifications": {
            "address": "/notifications",
            "servers": [{"$ref": "#/servers/production"}, {"$ref": "#/servers/sockets"}],
        },
    },
    "operations": {
        "findPetsByStatus": {"action": "receive", "channel": {"$ref": "#/channels/pets"}},
        "getNotifications": {"action": "send", "channel": {"$ref": "#/channels/~1notifications"}},
    },
}

_STRANGER: JsonObject = {"from": {"firstName": "Jane", "lastName": "Doe"}, "text": "for somebody else"}
_PAYLOADS: list[JsonValue] = [{"text": f"the message {number}"} for number in range(7)]
_SENT: list[JsonValue] = [_PAYLOADS[0], _STRANGER, *_PAYLOADS[1:]]
_LINES = Answer(
    "".join(f"{json.dumps(payload)}\n" for payload in _SENT), headers={"Content-Type": "application/x-ndjson"}
)


_PUBLISHED = Asked(
    "POST", PETS, {"petId": 7}, {"authorization": "Bearer of-mine", "content-type": "application/json"}
)


def _publishes(what: str, answer: Answer, ends: Ending) -> Case:
    return Case(
        example="call-asyncapi-publish",
        what=what,
        input={"pet": {"id": 7}, "token": "of-mine"},
        answers={f"GET {DOCUMENT}": says(_DESCRIBED), f"POST {PETS}": answer},
        resources=[DOCUMENT],
        asked=[_PUBLISHED],
        ends=ends,
    )


def _consumes(example: str, what: str, answer: Answer) -> Case:
    """Five messages are consumed of those that pass the filter, in their order."""
    return Case(
        example=f"call-asyncapi-subscribe-consume-{example}",
        what=what,
        answers={f"GET {DOCUMENT}": says(_DESCRIBED), f"GET {NOTIFICATIONS}": answer},
        resources=[DOCUMENT],
        asked=[get(NOTIFICATIONS)],
        ends=Completes([{"payload": payload, "headers": {}} for payload in _PAYLOADS[:5]]),
    )


_FOREVER = Case(
    example="call-asyncapi-subscribe-consume-forever-foreach",
    what="each line is published as a CloudEvent, and more are asked for until it is cancelled",
    answers={f"GET {DOCUMENT}": says(_DESCRIBED), f"GET {NOTIFICATIONS}": (_LINES, says(None, held="more"))},
    resources=[DOCUMENT],
    asked=[get(NOTIFICATIONS), get(NOTIFICATIONS)],
    happens=[HasAsked(2), Cancel(), Release("more")],
    emits=[
        {
            "source": "https://open-workflow-specification.org/samples",
            "type": "io.serverlessworkflow.samples.asyncapi.message.consumed.v1",
            "data": {"message": {"payload": payload, "headers": {}}},
        }
        for payload in _PAYLOADS
    ],
    ends=IsCancelled(),
)

CASES = [
    _publishes(
        "the message is posted to the staging server", says({"taken": True}), Completes({"taken": True})
    ),
    _publishes("a server that refuses fails it", refuses(503), fails("communication", 503, "/do/0/findPet")),
    _consumes("amount", "five frames of a WebSocket", Answer(frames=_SENT)),
    _consumes("until", "lines until five are consumed", _LINES),
    _consumes("while", "lines while there are fewer than five", _LINES),
    _FOREVER,
]
