"""Kinds of work with CloudEvents and schedules: what is emitted, listened for, and started by itself."""

from __future__ import annotations

from tests.support.failpoints.kinds import (
    AT_ONCE,
    LISTENING,
    RECEIVED,
    SCHEDULED,
    Kind,
    Tell,
    alone,
    completed,
    define,
    publish,
)

_A, _B = "{with: {type: a}}", "{with: {type: b}}"

_RUN_OFTEN = """
    select (select count(*) >= 3 from workflows where status = 'COMPLETED')
       and (select runs from schedules) = (select count(*) from workflows)"""
"""A schedule that has started other workflows than it knows of is never content."""

_ONE_BY_ONE = """
    not exists (select from (select created_at, lag(ended_at) over (order by created_at, id) as before
                             from workflows) w
                where w.before is null and w.created_at > (select min(created_at) from workflows)
                   or w.created_at < w.before)"""


def event_kinds() -> list[Kind]:
    """All of them."""
    return [*_listens(), *_emits(), *_schedules()]


def _listens() -> list[Kind]:
    key = "{with: {type: a}, correlate: {k: {from: .k, expect: '${ \"me\" }'}}}"
    until = f"{{any: [{_A}], until: {{one: {_B}}}}}"
    each = "{item: e, do: [nap: {<nap>}, s: {set: {got: '${ $e }'}}]}"
    return [
        _listen("listen one", f"{{one: {_A}}}", [1], [publish(AT_ONCE, "a", 1)]),
        _listen("listen one later", f"{{one: {_A}}}", [1], [publish(LISTENING, "a", 1)]),
        _listen("listen correlated", f"{{one: {key}}}", [{"k": "me"}],
                [publish(AT_ONCE, "a", {"k": "you"}), publish(LISTENING, "a", {"k": "me"})]),
        _listen("listen any", f"{{any: [{_A}, {_B}]}}", [2],
                [publish(AT_ONCE, "c", 1), publish(LISTENING, "b", 2)]),
        _listen("listen all", f"{{all: [{_A}, {_B}]}}", [2, 1],
                [publish(AT_ONCE, "b", 2), publish(RECEIVED, "a", 1)]),
        _listen("listen until", until, [1, 2],
                [publish(AT_ONCE, "a", 1), publish(LISTENING, "a", 2), publish(RECEIVED, "b", 3)]),
        _listen("listen foreach", until, [{"got": 1}, {"got": 2}],
                [publish(AT_ONCE, "a", 1), publish(AT_ONCE, "a", 2), publish(LISTENING, "b", 3)],
                f"foreach: {each}"),
        alone("listen twice", f"do: [x: {_hear(_A)}, y: {_hear(_A)}]", completed([2]),
              tells=[publish(AT_ONCE, "a", 1), publish(AT_ONCE, "a", 2)]),
        alone("listen for another", f"do: [x: {_hear(_A)}, y: {_hear(_B)}]", completed([2]),
              tells=[publish(AT_ONCE, "b", 2), publish(LISTENING, "b", 3), publish(LISTENING, "a", 1)]),
        alone("listen with timeout", f"""
            do:
            - t:
                try: [l: {{listen: {{to: {{one: {_A}}}}}, timeout: {{after: {{milliseconds: 60}}}}}}]
                catch: {{do: [s: {{set: {{late: '${{ $error.status }}'}}}}]}}
            """, completed({"late": 408})),
    ]  # fmt: skip


def _listen(name: str, to: str, output: object, tells: list[Tell], more: str = "output: {as: .}") -> Kind:
    return alone(name, f"do: [l: {{listen: {{to: {to}}}, {more}}}]", completed(output), tells=tells)


def _hear(filter_: str) -> str:
    return f"{{listen: {{to: {{one: {filter_}}}}}}}"


def _emits() -> list[Kind]:
    emit = "{emit: {event: {with: {type: a, source: /here, data: {n: %s}}}}}"
    says = f"do: [e: {emit % 1}, nap: {{<nap>}}, f: {{do: [g: {emit % 2}]}}, s: {{set: {{n: 2}}}}]"
    hears = f"do: [x: {_hear(_A)}, y: {_hear(_A)}]"
    return [
        alone("emit", says, completed({"n": 2})),
        alone("hear", hears, completed([{"n": 2}]), starts=["hear", "hear-others"]).beside(
            says, completed({"n": 2}), "others"
        ),
    ]


def _schedules() -> list[Kind]:
    work = "do: [nap: {<nap>}, s: {set: {n: 1}}]"
    triggered = "do: [nap: {<nap>}]"
    both = f"schedule: {{on: {{all: [{_A}, {_B}]}}}}"
    return [
        *(
            Kind(
                f"schedule {when}",
                {},
                {SCHEDULED: completed({"n": 1}, None)},
                tells=[
                    define(AT_ONCE, f"schedule: {{{when}: {{milliseconds: 60}}}}\n{work}"),
                    define(enough, work, "2.0.0"),
                ],
            )
            for when, enough in (("every", _RUN_OFTEN), ("after", f"{_RUN_OFTEN} and {_ONE_BY_ONE}"))
        ),
        Kind(
            "schedule on",
            {},
            {SCHEDULED: completed([1], 2)},
            tells=[
                define(AT_ONCE, f"schedule: {{on: {{one: {_A}}}}}\n{triggered}"),
                publish(AT_ONCE, "a", 1),
                publish("select exists (select from workflows)", "a", 1),
            ],
        ),
        Kind(
            "schedule on all",
            {},
            {SCHEDULED: completed([1, 2])},
            tells=[
                define(AT_ONCE, f"{both}\n{triggered}"),
                publish(AT_ONCE, "a", 1),
                publish(RECEIVED, "b", 2),
            ],
        ),
    ]
