"""Kinds of work with CloudEvents and schedules: what is emitted, listened for, and started by itself."""

from __future__ import annotations

from tests.support.failpoints.kinds import (
    AT_ONCE,
    LISTENING,
    SCHEDULED,
    Kind,
    Tell,
    alone,
    completed,
    define,
    publish,
)

_NAP = "{nap: {wait: {milliseconds: 15}}}"
_A, _B = "{with: {type: a}}", "{with: {type: b}}"
_RECEIVED = "select exists (select from consumptions)"


def event_kinds() -> list[Kind]:
    """All of them."""
    return [*_listens(), *_emits(), *_schedules()]


def _listen(name: str, to: str, output: object, tells: list[Tell], more: str = "") -> Kind:
    text = f"do: [{{l: {{listen: {{to: {to}}}{more}}}}}]"
    return alone(name, text, completed(output), tells=tells)


def _listens() -> list[Kind]:
    both = "do: [{x: {listen: {to: {one: %s}}}}, {y: {listen: {to: {one: %s}}}}]" % (_A, _B)
    return [
        _listen("listen-one", f"{{one: {_A}}}", [1], [publish(AT_ONCE, "a", 1)]),
        _listen("listen-one-later", f"{{one: {_A}}}", [1], [publish(LISTENING, "a", 1)]),
        _listen(
            "listen-correlated",
            "{one: {with: {type: a}, correlate: {k: {from: .k, expect: '${ \"me\" }'}}}}",
            [{"k": "me"}],
            [publish(AT_ONCE, "a", {"k": "you"}), publish(LISTENING, "a", {"k": "me"})],
        ),
        _listen(
            "listen-any",
            f"{{any: [{_A}, {_B}]}}",
            [2],
            [publish(AT_ONCE, "c", 1), publish(LISTENING, "b", 2)],
        ),
        _listen(
            "listen-all",
            f"{{all: [{_A}, {_B}]}}",
            [2, 1],
            [publish(AT_ONCE, "b", 2), publish(_RECEIVED, "a", 1)],
        ),
        _listen(
            "listen-until",
            f"{{any: [{_A}], until: {{one: {_B}}}}}",
            [1, 2],
            [publish(AT_ONCE, "a", 1), publish(LISTENING, "a", 2), publish(_RECEIVED, "b", 3)],
        ),
        _listen(
            "listen-foreach",
            f"{{any: [{_A}], until: {{one: {_B}}}}}",
            [{"got": 1}, {"got": 2}],
            [publish(AT_ONCE, "a", 1), publish(AT_ONCE, "a", 2), publish(LISTENING, "b", 3)],
            f", foreach: {{item: e, do: [{_NAP}, {{s: {{set: {{got: '${{ $e }}'}}}}}}]}}",
        ),
        alone(
            "listen-twice",
            both,
            completed([2]),
            tells=[publish(AT_ONCE, "b", 2), publish(LISTENING, "b", 3), publish(LISTENING, "a", 1)],
        ),
        alone(
            "listen-with-timeout",
            f"do: [{{t: {{try: [{{l: {{listen: {{to: {{one: {_A}}}}}, timeout: {{after: {{milliseconds: 60}}}}}}}}],"
            " catch: {do: [{s: {set: {late: '${ $error.status }'}}}]}}}]",
            completed({"late": 408}),
        ),
    ]


def _emits() -> list[Kind]:
    emit = "{emit: {event: {with: {type: a, source: /here, data: {n: %s}}}}}"
    says = f"do: [{{e: {emit % 1}}}, {_NAP}, {{f: {{do: [{{g: {emit % 2}}}]}}}}, {{s: {{set: {{n: 2}}}}}}]"
    hears = f"do: [{{x: {{listen: {{to: {{one: {_A}}}}}}}}}, {{y: {{listen: {{to: {{one: {_A}}}}}}}}}]"
    return [
        alone("emit", says, completed({"n": 2})),
        alone("hear", hears, completed([{"n": 2}]), starts=[("hear", {}), ("say", {})]).beside(
            "say", says, completed({"n": 2})
        ),
    ]


def _schedules() -> list[Kind]:
    work = f"do: [{_NAP}, {{s: {{set: {{n: 1}}}}}}]"
    some = "select count(*) >= 3 from workflows where status = 'COMPLETED'"
    over = define(some, work, "2.0.0")
    return [
        Kind(
            f"schedule {when}",
            {},
            {SCHEDULED: completed({"n": 1}, None)},
            tells=[define(AT_ONCE, f"schedule: {{{when}: {{milliseconds: 60}}}}\n{work}"), over],
        )
        for when in ("every", "after")
    ] + [
        Kind(
            "schedule on",
            {},
            {SCHEDULED: completed([1], 2)},
            tells=[
                define(AT_ONCE, f"schedule: {{on: {{one: {_A}}}}}\ndo: [{_NAP}]"),
                publish(AT_ONCE, "a", 1),
                publish("select exists (select from workflows)", "a", 1),
            ],
        ),
        Kind(
            "schedule on all",
            {},
            {SCHEDULED: completed([1, 2])},
            tells=[
                define(AT_ONCE, f"schedule: {{on: {{all: [{_A}, {_B}]}}}}\ndo: [{_NAP}]"),
                publish(AT_ONCE, "a", 1),
                publish(_RECEIVED, "b", 2),
            ],
        ),
    ]
