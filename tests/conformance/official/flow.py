"""Examples of the flow itself: sequences, forks, loops, choices, extensions, other workflows, waits."""

from __future__ import annotations

from datetime import timedelta

from pgworker.types import JsonObject, JsonValue
from tests.conformance.official.case import (
    Case,
    Completes,
    Elapses,
    Fails,
    HasAsked,
    HasRecorded,
    Release,
    definition,
    fails,
    get,
    refuses,
    says,
    sends,
)

PET = "https://petstore.swagger.io/v2/pet"
HOSPITAL = "https://fake-hospital.com/api/v3/alert"
BET = "https://superbet-casinos.com/api/bet/on/football"
CUSTOMERS = "https://fake.com/customers"

MILOU: JsonObject = {"id": 1, "name": "Milou", "status": "available"}
SOLD: JsonObject = MILOU | {"status": "sold"}

SEQUENCES = [
    Case(
        example="do-single",
        what="the output of the one task is that of the workflow",
        input={"petId": 1},
        answers={f"GET {PET}/1": says(MILOU)},
        asked=[get(f"{PET}/1")],
        ends=Completes(MILOU),
    ),
    Case(
        example="do-multiple",
        what="the second task sees the output of the first, and nothing of the input",
        input={"petId": 1},
        answers={f"GET {PET}/1": says(MILOU), f"PUT {PET}/": says({"sold": 1})},
        asked=[get(f"{PET}/1"), sends("PUT", f"{PET}/", SOLD)],
        ends=Completes({"sold": 1}),
    ),
    Case(
        example="do-multiple",
        what="what the first service calls petId leads to the second",
        input={"petId": 1},
        answers={f"GET {PET}/1": says({"petId": 2}), f"PUT {PET}/2": says({"sold": 2})},
        asked=[get(f"{PET}/1"), sends("PUT", f"{PET}/2", {"petId": 2, "status": "sold"})],
        ends=Completes({"sold": 2}),
    ),
    Case(
        example="conditional-task",
        what="who is under age is told so, and places no bet",
        input={"customer": {"age": 17}, "bet": 10},
        ends=Fails(
            {
                "type": "https://superbet-casinos.com/customer/access-forbidden",
                "status": 400,
                "title": "Access Forbidden",
                "instance": "/do/0/raiseErrorIfUnderage",
            }
        ),
    ),
    Case(
        example="conditional-task",
        what="a skipped task follows its own `then`, by which the workflow ends here",
        input={"customer": {"age": 18}, "bet": 10},
        answers={f"POST {BET}": says({"placed": True})},
        ends=Completes({"customer": {"age": 18}, "bet": 10}),
    ),
]

_PATIENT: JsonObject = {"patient": {"fullName": "Ada Lovelace"}, "room": {"number": 7}}
_ALARMS = [
    sends("PUT", f"{HOSPITAL}/{who}", {"patientId": "Ada Lovelace", "room": 7})
    for who in ("nurses", "doctor")
]

FORKS = [
    Case(
        example="fork",
        what="the first to answer wins, and the other is given up",
        input=_PATIENT,
        answers={
            f"PUT {HOSPITAL}/nurses": says({"come": "nurses"}, held="for ever"),
            f"PUT {HOSPITAL}/doctor": says({"comes": "doctor"}, held="doctor"),
        },
        happens=[HasAsked(2), Release("doctor")],
        asked=_ALARMS,
        asks_at_once=True,
        ends=Completes({"comes": "doctor"}),
    ),
    Case(
        example="fork",
        what="one that fails does not win",
        input=_PATIENT,
        answers={
            f"PUT {HOSPITAL}/nurses": says({"come": "nurses"}, held="nurses"),
            f"PUT {HOSPITAL}/doctor": refuses(503),
        },
        happens=[HasRecorded("task.failed"), Release("nurses")],
        asked=_ALARMS,
        asks_at_once=True,
        ends=Completes({"come": "nurses"}),
    ),
    Case(
        example="fork",
        what="when all fail it fails",
        input=_PATIENT,
        answers={f"PUT {HOSPITAL}/nurses": refuses(503), f"PUT {HOSPITAL}/doctor": refuses(503)},
        asked=_ALARMS,
        asks_at_once=True,
        ends=fails("communication", 503),
    ),
]

_ORDERS: list[tuple[str | None, JsonValue]] = [
    ("electronic", {"validate": True, "status": "fulfilled"}),
    ("physical", {"inventory": "clear", "items": 1, "address": "Elmer St"}),
    ("liquid", {"log": "warn", "message": "something's wrong"}),
    (None, {"log": "warn", "message": "something's wrong"}),
]

LOOPS_AND_CHOICES = [
    Case(
        example="for-inline-array",
        what="each iteration goes on from the output of the one before",
        ends=Completes(
            {
                "processed": [
                    {"name": "red", "hex": "#FF0000"},
                    {"name": "green", "hex": "#00FF00"},
                    {"name": "blue", "hex": "#0000FF"},
                ]
            }
        ),
    ),
    *(
        Case(
            example="switch-then-string",
            what=f"{order} leads to the case that is for it",
            input={} if order is None else {"orderType": order},
            ends=Completes(output),
        )
        for order, output in _ORDERS
    ),
]

EXTENSIONS = [
    Case(
        # `$task.with.endpoint` is an object here, and jq's `startswith` takes texts only.
        example="mock-service-extension",
        what="the condition of the extension fails, and with it the task",
        ends=fails("expression", 400, "/do/0/callHttp"),
    ),
]

_REGISTER = definition(
    "register-customer",
    [
        {
            "register": {
                "call": "http",
                "with": {"method": "post", "endpoint": CUSTOMERS, "body": "${ . }"},
            }
        }
    ],
    namespace="test",
)

CHILDREN = [
    Case(
        example="run-subflow",
        what="the other workflow gets its input as it is written, and its output is the output",
        input={"user": "Ada"},
        children=[_REGISTER],
        answers={f"POST {CUSTOMERS}": says({"registered": 1})},
        asked=[sends("POST", CUSTOMERS, {"customer": ".user"})],
        ends=Completes({"registered": 1}),
    ),
    Case(
        example="run-subflow",
        what="the other's error is its own",
        children=[_REGISTER],
        answers={f"POST {CUSTOMERS}": refuses(409)},
        asked=[sends("POST", CUSTOMERS, {"customer": ".user"})],
        ends=fails("communication", 409, "/do/0/registerCustomer"),
    ),
]

WAITS = [
    Case(
        example=example,
        what="it ends after thirty seconds, with its input",
        input={"a": 1},
        happens=[Elapses(timedelta(seconds=30))],
        ends=Completes({"a": 1}),
    )
    for example in ("wait-duration-inline", "wait-duration-iso8601")
]

CASES = [*SEQUENCES, *FORKS, *LOOPS_AND_CHOICES, *EXTENSIONS, *CHILDREN, *WAITS]
