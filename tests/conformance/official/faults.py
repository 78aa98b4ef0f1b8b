"""Examples of errors: how they are raised, tried again and caught."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import ANY

from pgworker.types import JsonObject
from tests.conformance.official.case import Case, Completes, Elapses, Fails, fails, get, refuses, says, sends

PET = "https://petstore.swagger.io/v2/pet"
SERVICE = "https://external-service.example.com/api"
COMMUNICATION = "https://serverlessworkflow.io/spec/1.0.0/errors/communication"

MILOU: JsonObject = {"id": 1, "name": "Milou"}

RAISES = [
    Case(
        example=example,
        what="the error is the one that is written, with what its expression gives",
        ends=Fails(
            {
                "type": "https://serverlessworkflow.io/errors/not-implemented",
                "status": 500,
                "title": "Not Implemented",
                "detail": "The workflow 'raise-not-implemented:0.1.0'"
                " is a work in progress and cannot be run yet",
                "instance": "/do/0/notImplemented",
            }
        ),
    )
    for example in ("raise-inline", "raise-reusable")
]

_ASKED = get(f"{PET}/1")
_DELAYS = [Elapses(timedelta(seconds=seconds)) for seconds in (3, 6, 12, 24, 48)]

RETRIES = [
    case
    for example in ("try-catch-retry-inline", "try-catch-retry-reusable")
    for case in (
        Case(
            example=example,
            what="it tries again after 3 and after 6 seconds",
            input={"petId": 1},
            answers={f"GET {PET}/1": (refuses(503), refuses(503), says(MILOU))},
            happens=_DELAYS[:2],
            asked=[_ASKED] * 3,
            ends=Completes(MILOU),
        ),
        Case(
            example=example,
            what="after five more attempts the error is raised again",
            input={"petId": 1},
            answers={f"GET {PET}/1": refuses(503)},
            happens=_DELAYS,
            asked=[_ASKED] * 6,
            ends=fails("communication", 503, "/do/0/tryGetPet/try/0/getPet"),
        ),
        Case(
            example=example,
            what="another status is not caught",
            input={"petId": 1},
            answers={f"GET {PET}/1": refuses(404)},
            asked=[_ASKED],
            ends=fails("communication", 404, "/do/0/tryGetPet/try/0/getPet"),
        ),
    )
]

_NOT_FOUND: JsonObject = {
    "source": "https://petstore.swagger.io",
    "type": "io.swagger.petstore.events.pets.not-found.v1",
    "data": {
        "type": COMMUNICATION,
        "status": 404,
        "title": ANY,
        "detail": ANY,
        "instance": "/do/0/tryGetPet/try/0/getPet",
    },
}

CATCHES = [
    Case(
        example="try-catch",
        what="without an error the output is that of what was tried",
        input={"petId": 1},
        answers={f"GET {PET}/1": says(MILOU)},
        asked=[_ASKED],
        ends=Completes(MILOU),
    ),
    Case(
        example="try-catch",
        what="an error that is caught and not dealt with leaves the input",
        input={"petId": 1},
        answers={f"GET {PET}/1": refuses(404)},
        asked=[_ASKED],
        ends=Completes({"petId": 1}),
    ),
    Case(
        example="try-catch",
        what="another status is not caught",
        input={"petId": 1},
        answers={f"GET {PET}/1": refuses(500)},
        asked=[_ASKED],
        ends=fails("communication", 500, "/do/0/tryGetPet/try/0/getPet"),
    ),
    Case(
        example="try-catch-then",
        what="without an error the pet is bought",
        input={"petId": 1},
        answers={f"GET {PET}/1": says(MILOU), f"PUT {PET}/": says({"sold": 1})},
        asked=[_ASKED, sends("PUT", f"{PET}/", MILOU | {"status": "sold"})],
        ends=Completes({"sold": 1}),
    ),
    Case(
        # `set: { error: $error }` is a text in strict mode, `export.as` an expression in either.
        example="try-catch-then",
        what="the error that is caught is told to the support, and the pet is not bought",
        input={"petId": 1},
        answers={f"GET {PET}/1": refuses(404)},
        asked=[_ASKED],
        emits=[_NOT_FOUND],
        ends=Completes({"error": "$error"}),
    ),
    Case(
        example="try-catch-then-directive",
        what="without an error the next task ends the workflow",
        answers={f"GET {SERVICE}": says({"fine": True})},
        asked=[get(SERVICE)],
        ends=Completes({"status": "ok"}),
    ),
    Case(
        example="try-catch-then-directive",
        what="what is caught leads to where the catch says",
        answers={f"GET {SERVICE}": refuses(503)},
        asked=[get(SERVICE)],
        ends=Completes({"status": "failed"}),
    ),
    Case(
        example="try-catch-then-directive",
        what="another status is not caught",
        answers={f"GET {SERVICE}": refuses(500)},
        asked=[get(SERVICE)],
        ends=fails("communication", 500, "/do/0/trySomething/try/0/callExternalService"),
    ),
]

CASES = [*RAISES, *RETRIES, *CATCHES]
