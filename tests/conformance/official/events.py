"""Examples that listen for CloudEvents, emit them, or are started by them, or by the time."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import ANY

from pgworker.types import JsonObject, JsonValue
from tests.conformance.official.case import (
    Cancel,
    Case,
    Completes,
    Elapses,
    HasAsked,
    HasConsumed,
    IsCancelled,
    MidnightComes,
    Publish,
    fails,
    says,
    sends,
)

TEMPERATURE = "com.fake-hospital.vitals.measurements.temperature"
BPM = "com.fake-hospital.vitals.measurements.bpm"
CHECKED_OUT = "com.fake-hospital.patient.checked-out"
ROOMS = "https://my.home.com/sensor"
CHECKUP = "com.fake.petclinic.pets.checkup.completed.v2"
STARTED = "com.virtual-wf-powered-race.events.race.started.v1"
CHAT = "https://fake-chat-api.com/room/blue"
TRIGGER = "io.serverlessworkflow.samples.events.trigger.v1"
BACKUP = "https://example.com/api/v1/backup/start"
NURSE = "https://hospital.example.com/api/v1/notify"

_FEVER = Publish(TEMPERATURE, {"temperature": 39})
_NO_FEVER = Publish(TEMPERATURE, {"temperature": 38})
_FAST = Publish(BPM, {"bpm": 101})
_SLOW = Publish(BPM, {"bpm": 59})
_CALM = Publish(BPM, {"bpm": 60})


def _envelope(id_: str, type_: str, **data: JsonValue) -> JsonValue:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/bed/1",
        "type": type_,
        "time": ANY,
        "data": data,
    }


ALL = [
    Case(
        example="listen-to-all",
        what="it needs one CloudEvent of each kind, in any order, and passes over what does not match",
        happens=[_CALM, _FAST, HasConsumed(1), _NO_FEVER, _SLOW, _FEVER],
        consumes=[{"bpm": 101}, {"temperature": 39}],
        ends=Completes([{"bpm": 101}, {"temperature": 39}]),
    ),
    Case(
        example="listen-to-all read-envelope",
        what="the output is the CloudEvents with their attributes",
        happens=[
            Publish(TEMPERATURE, {"temperature": 39}, source="/bed/1", id="t39"),
            Publish(BPM, {"bpm": 101}, source="/bed/1", id="b101"),
        ],
        consumes=[{"temperature": 39}, {"bpm": 101}],
        ends=Completes([_envelope("t39", TEMPERATURE, temperature=39), _envelope("b101", BPM, bpm=101)]),
    ),
    Case(
        example="accumulate-room-readings",
        what="readings of one room belong together; `output.as` then asks an array for a member",
        happens=[
            Publish("my.home.sensors.temperature", {"roomid": 1, "reading": 20}, source=ROOMS),
            Publish("my.home.sensors.humidity", {"roomid": 2, "reading": 50}, source=ROOMS),
            Publish("my.home.sensors.humidity", {"roomid": 1, "reading": 60}, source="https://other.com"),
            HasConsumed(1),
            Publish("my.home.sensors.humidity", {"roomid": 1, "reading": 40}, source=ROOMS),
        ],
        consumes=[{"roomid": 1, "reading": 20}, {"roomid": 1, "reading": 40}],
        ends=fails("expression", 400, "/do/0/consumeReading"),
    ),
    Case(
        example="accumulate-room-readings",
        what="after an hour without readings its time is over",
        happens=[Elapses(timedelta(hours=1), since_start=True)],
        ends=fails("timeout", 408),
    ),
]

ANY_OF = [
    Case(
        example="listen-to-any-filter",
        what="the first CloudEvent that matches either filter is enough",
        happens=[_NO_FEVER, _CALM, _SLOW, _FEVER],
        consumes=[{"bpm": 59}],
        ends=Completes([{"bpm": 59}]),
    ),
    Case(
        example="listen-to-any",
        what="any CloudEvent is enough",
        happens=[Publish("anything", {"a": 1})],
        consumes=[{"a": 1}],
        ends=Completes([{"a": 1}]),
    ),
    Case(
        example="listen-to-any-until-condition",
        what="it ends once there are more than three",
        happens=[
            *(Publish("anything", n) for n in range(3)),
            HasConsumed(3),
            Publish("else", 3),
        ],
        consumes=[0, 1, 2, 3],
        ends=Completes([0, 1, 2, 3]),
    ),
    Case(
        example="listen-to-any-until-consumed",
        what="it ends with the CloudEvent that it waits for, which is not among its output",
        happens=[_FEVER, _FAST, _CALM, HasConsumed(2), _SLOW, Publish(CHECKED_OUT, {"well": True})],
        consumes=[{"temperature": 39}, {"bpm": 101}, {"bpm": 59}, {"well": True}],
        ends=Completes([{"temperature": 39}, {"bpm": 101}, {"bpm": 59}]),
    ),
    Case(
        example="listen-to-any-until-consumed",
        what="it may end with nothing",
        happens=[_CALM, Publish(CHECKED_OUT)],
        consumes=[None],
        ends=Completes([]),
    ),
    Case(
        example="listen-to-any-forever-foreach",
        what="it deals with one CloudEvent after the other until it is cancelled",
        input={"roomId": "blue"},
        answers={f"POST {CHAT}": says({"posted": True})},
        happens=[Publish("heard", {"n": 1}), Publish("read", {"n": 2}), HasAsked(2), Cancel()],
        consumes=[{"n": 1}, {"n": 2}],
        asked=[sends("POST", CHAT, {"event": {"n": n}}) for n in (1, 2)],
        ends=IsCancelled(),
    ),
]

ONE = [
    Case(
        example="listen-to-one",
        what="the call comes after the CloudEvent, whose array has no property for the address",
        input={"carId": 7},
        answers={"POST https://virtual-wf-powered-race.com/api/v4/cars//start": says({"runs": True})},
        happens=[Publish("another", {"carId": 8}), Publish(STARTED, {"carId": 8})],
        consumes=[{"carId": 8}],
        asked=[sends("POST", "https://virtual-wf-powered-race.com/api/v4/cars//start")],
        ends=Completes({"runs": True}),
    ),
    Case(
        example="for",
        what="without a vet there is no iteration",
        input={"pets": [{"id": 1}], "vet": None},
        ends=Completes({"pets": [{"id": 1}], "vet": None}),
    ),
    Case(
        example="for",
        what="without pets there is no iteration",
        input={"pets": [], "vet": "Ada"},
        ends=Completes({"pets": [], "vet": "Ada"}),
    ),
    Case(
        example="for",
        what="it listens for each pet; `output.as` then asks an array for a member",
        input={"pets": [{"id": 1}, {"id": 2}], "vet": "Ada"},
        happens=[Publish(CHECKUP, {"pet": 1})],
        consumes=[{"pet": 1}],
        ends=fails("expression", 400, "/do/0/checkup/do/0/waitForCheckup"),
    ),
]

_ORDER: JsonObject = {
    "client": {"firstName": "Cruella", "lastName": "de Vil"},
    "items": [{"breed": "dalmatian", "quantity": 101}],
}
_PLACED: JsonObject = {
    "source": "https://petstore.com",
    "type": "com.petstore.order.placed.v1",
    "data": _ORDER,
}

EMITS = [
    Case(
        example="emit",
        what="the CloudEvent is published, and is the output",
        emits=[_PLACED],
        ends=Completes(_PLACED | {"specversion": "1.0", "id": ANY, "time": ANY}),
    ),
]

_HEARTBEAT: JsonObject = {
    "data": {
        "patient": {"id": 5, "name": "Ada", "room": {"number": 7}, "vitals": {"bpm": 40}},
        "timestamp": "2026-01-01T00:00:00Z",
    }
}

SCHEDULES = [
    Case(
        example="schedule-cron",
        what="it starts at midnight, with no input",
        is_scheduled=True,
        happens=[MidnightComes()],
        answers={f"POST {BACKUP}": says({"begun": True})},
        asked=[sends("POST", BACKUP)],
        ends=Completes({"begun": True}),
    ),
    Case(
        # What is read is the data, unless `schedule.read` says otherwise; so `.data` is a member of these.
        example="schedule-event-driven",
        what="a CloudEvent of the type starts it, with its data as the first item of the input",
        is_scheduled=True,
        input=[_HEARTBEAT],
        happens=[
            Publish("com.example.hospital.events.patients.heartbeat.high", {"data": {}}),
            Publish("com.example.hospital.events.patients.heartbeat.low", _HEARTBEAT),
        ],
        answers={f"POST {NURSE}": says({"comes": "nurse"})},
        asked=[
            sends(
                "POST",
                NURSE,
                {
                    "patientId": 5,
                    "patientName": "Ada",
                    "roomNumber": 7,
                    "vitals": {"heartRate": 40, "timestamp": "2026-01-01T00:00:00Z"},
                    "message": "Alert: Patient's heartbeat is critically low. Immediate attention required.",
                },
            )
        ],
        ends=Completes({"comes": "nurse"}),
    ),
    Case(
        example="set",
        what="the value is set within an object",
        is_scheduled=True,
        input=[{"a": [1]}],
        happens=[Publish(TRIGGER, {"a": [1]})],
        ends=Completes({"startEvent": {"a": [1]}}),
    ),
    Case(
        example="set-expression",
        what="the value is all that is set",
        is_scheduled=True,
        input=[{"a": [1]}],
        happens=[Publish(TRIGGER, {"a": [1]})],
        ends=Completes({"a": [1]}),
    ),
]

CASES = [*ALL, *ANY_OF, *ONE, *EMITS, *SCHEDULES]
