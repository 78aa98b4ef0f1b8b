"""Extensions: tasks before and after others, and around whatever those are made of."""

from __future__ import annotations

from textwrap import indent

import pytest

from pgworker.engine import events
from pgworker.engine.inputs import TimerDue
from pgworker.engine.state import Status
from pgworker.types import JsonValue
from tests.support.pure import Play, error_kind, play

CALL = "call: http, with: {method: get, endpoint: 'http://shop.test'}"


def extended(extensions: str, do: str, value: JsonValue = None, more: str = "") -> Play:
    """A workflow with extensions."""
    return play(f"use: {{extensions: [{extensions}]{more}}}\ndo: [{do}]", value)


def note(
    name: str, extend: str = "all", members: str = "", *, before: bool = True, after: bool = True
) -> str:
    """An extension that notes in the context what it ran around."""
    lists = [
        f"{when}: [{{{name}-{when}: {{set: {{x: 1}},"
        f" export: {{as: '$context + [\"{name} {when} \\($task.name)\"]'}}}}}}]"
        for when, wanted in (("before", before), ("after", after))
        if wanted
    ]
    return f"{{{name}: {{extend: {extend}, {', '.join(lists)}{members}}}}}"


def test_tasks_run_before_and_after_and_leave_the_data_alone() -> None:
    one = extended(note("log"), "{a: {set: {n: '${ .n + 1 }'}}}, {b: {set: {n: '${ .n * 2 }'}}}", {"n": 1})
    assert one.output == {"n": 4}
    assert one.state.context == ["log before a", "log after a", "log before b", "log after b"]
    assert one.ran == ["log-before", "a", "log-after", "log-before", "b", "log-after"]


def test_extensions_nest_in_the_order_in_which_they_are_written() -> None:
    one = extended(f"{note('outer')}, {note('inner')}", "{a: {set: {n: 1}}}")
    assert one.state.context == ["outer before a", "inner before a", "inner after a", "outer after a"]


def test_what_runs_before_gets_the_raw_input_and_what_runs_after_the_transformed_output() -> None:
    one = extended(
        "{x: {extend: set, before: [{b: {set: '${ . }', export: {as: '{before: .}'}}}],"
        " after: [{c: {set: '${ . }', export: {as: '$context + {after: .}'}}}]}}",
        "{a: {input: {from: .o}, set: {n: '${ .n }'}, output: {as: '{out: .n}'}}}",
        {"o": {"n": 1}},
    )
    assert one.output == {"out": 1}
    assert one.state.context == {"before": {"o": {"n": 1}}, "after": {"out": 1}}


def test_every_list_before_begins_with_the_raw_input() -> None:
    one = extended(
        "{x: {extend: set, before: [{b: {set: {lost: 1}}}, {c: {set: '${ . }', export: {as: .}}}]}},"
        " {y: {extend: set, before: [{d: {set: '${ . }', export: {as: '[$context, .]'}}}]}}",
        "{a: {set: '${ . }'}}",
        {"n": 1},
    )
    assert one.output == {"n": 1}
    assert one.state.context == [{"lost": 1}, {"n": 1}]


def test_task_describes_the_extended_task() -> None:
    one = extended(
        "{x: {extend: set, before: [{b: {set: '${ $task }', export: {as: '{before: .}'}}}],"
        " after: [{c: {do: [{d: {set: '${ $task }', export: {as: '$context + {after: .}'}}}]}}]}}",
        "{a: {input: {from: .n}, set: {got: '${ $task.name }'}, metadata: {k: v}}}",
        {"n": 1},
    )
    assert one.output == {"got": "a"}
    context = one.state.context
    assert isinstance(context, dict)
    before, after = context["before"], context["after"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    for seen in (before, after):
        assert (seen["name"], seen["reference"], seen["input"]) == ("a", "/do/0/a", {"n": 1})
        assert seen["metadata"] == {"k": "v"}
        assert seen["definition"] == one.plan.nodes["/do/0/a"].definition
    assert before["output"] is None
    assert after["output"] == {"got": "a"}


def test_when_decides_by_the_task() -> None:
    one = extended(
        note("log", members=", when: '$task.name == \"b\" and .n == 2'"),
        "{a: {set: {n: 2}}}, {b: {set: {n: 3}}}, {c: {set: {n: 2}}}",
    )
    assert one.state.context == ["log before b", "log after b"]
    assert len(one.of(events.EXTENSION_STARTED)) == 1


def test_a_when_that_fails_fails_the_task() -> None:
    one = extended(note("log", members=", when: .a.b"), "{a: {set: {n: 2}}}", {"a": 1})
    assert error_kind(one.error) == "expression"
    assert one.error["instance"] == "/do/0/a"


def test_a_skipped_task_is_not_extended() -> None:
    one = extended(note("log"), "{a: {if: 'false', set: {n: 2}}}", {"n": 1})
    assert one.output == {"n": 1}
    assert one.state.context is None


@pytest.mark.parametrize(
    ("extend", "around"),
    [
        ("set", ["s"]),
        ("switch", ["w"]),
        ("for", ["f"]),
        ("try", ["t"]),
        ("composite", ["d", "k"]),
        ("emit", ["e", "g"]),
        ("raise", ["r"]),
        ("call", ["c"]),
        ("all", ["d", "s", "w", "f", "t", "r", "k", "e", "c", "g"]),
        ("wait", []),
        ("listen", []),
        ("run", []),
    ],
)
def test_which_tasks_are_extended(extend: str, around: list[str]) -> None:
    one = extended(
        note("x", extend, after=False),
        "{d: {do: [{s: {set: {n: 1}}}, {w: {switch: [{y: {then: continue}}]}}]}},"
        " {f: {for: {in: '[]'}, do: []}},"
        " {t: {try: [{r: {raise: {error: {type: t, status: 400}}}}], catch: {}}},"
        " {k: {fork: {branches: []}}}, {e: {emit: {event: {with: {type: t}}}}}, {c: {call: g}}",
        more=", functions: {g: {emit: {event: {with: {type: t}}}}}",
    )
    assert one.status is Status.COMPLETED
    assert (one.state.context or []) == [f"x before {name}" for name in around]


def test_the_tasks_of_extensions_are_not_extended() -> None:
    one = extended(note("log", "set"), "{d: {do: [{a: {set: {n: 1}}}]}}")
    assert one.state.context == ["log before a", "log after a"]


def test_composites_are_extended_around_all_of_them_and_each_task_in_them_too() -> None:
    one = extended(note("x"), "{d: {do: [{a: {set: {n: 1}}}]}}")
    assert one.state.context == ["x before d", "x before a", "x after a", "x after d"]


def test_each_iteration_s_tasks_are_extended() -> None:
    one = extended(note("x", "set"), "{l: {for: {in: '[1, 2]'}, do: [{a: {set: {n: '${ $item }'}}}]}}")
    assert one.output == {"n": 2}
    assert one.state.context == ["x before a", "x after a"] * 2


def test_a_loop_is_extended_as_a_whole() -> None:
    one = extended(
        note("x", "for"), "{l: {for: {in: '[1, 2]'}, while: $item < 9, do: [{a: {set: {n: '${ $item }'}}}]}}"
    )
    assert one.output == {"n": 2}
    assert one.state.context == ["x before l", "x after l"]


@pytest.mark.parametrize("compete", ["false", "true"])
def test_branches_of_a_fork_are_extended(compete: str) -> None:
    one = extended(
        note("x", "set"),
        "{k: {fork: {compete: COMPETE, branches: [{a: {set: {n: 1}}}, {b: {set: {n: 2}}}]}}}".replace(
            "COMPETE", compete
        ),
    )
    assert one.output == ({"n": 1} if compete == "true" else [{"n": 1}, {"n": 2}])
    assert one.types.count(events.EXTENSION_STARTED) == 2


def test_a_fork_is_extended_as_a_whole_and_its_branches_contexts_are_merged() -> None:
    one = extended(
        "{x: {extend: composite, after: [{c: {set: {y: 1}, export: {as: '[$context, $task.output]'}}}]}}",
        "{k: {fork: {branches: [{a: {set: {n: 1}, export: {as: '{a: 1}'}}}, {b: {set: {n: 2}}}]}}}",
    )
    assert one.output == [{"n": 1}, {"n": 2}]
    assert one.state.context == [{"a": 1}, [{"n": 1}, {"n": 2}]]


def test_a_loser_is_cancelled_with_what_extends_it() -> None:
    one = extended(
        f"{{x: {{extend: set, before: [{{b: {{{CALL}}}}}]}}}}",
        "{k: {fork: {compete: true, branches: [{a: {set: {n: 1}}}, {w: {wait: PT1S}}]}}}",
    )
    one.fires()
    assert one.status is Status.COMPLETED
    assert [e.type for e in one.history if e.type.endswith("cancelled")] == [
        events.TASK_CANCELLED,
        events.EXTENSION_CANCELLED,
        events.BRANCH_CANCELLED,
    ]


MOCK = """
- mock:
    extend: call
    when: $task.with.endpoint == "http://shop.test"
    before: [BEFORE]
    after: [AFTER]
"""


def mocked(before: str, after: str = "{z: {set: {x: 1}, export: {as: '\"after\"'}}}", rest: str = "") -> Play:
    extension = indent(MOCK.replace("BEFORE", before).replace("AFTER", after), "    ")
    tasks = (
        f"{{a: {{{CALL}{rest}}}}}, {{b: {{set: {{got: '${{ . }}'}}}}}}, {{c: {{set: {{c: '${{ .got }}'}}}}}}"
    )
    return play(f"use:\n  extensions:{extension}\ndo: [{tasks}]", {"n": 1})


def test_exit_before_a_task_stands_in_for_it() -> None:
    one = mocked("{m: {set: {mocked: true}, then: exit}}, {never: {set: {x: 1}}}")
    assert one.output == {"c": {"mocked": True}}
    assert one.commands == []
    assert one.state.context is None
    assert one.ran == ["m", "a", "b", "c"]
    (stands,) = [e for e in one.of(events.TASK_COMPLETED) if e.task == "/do/0/a"]
    assert stands.data["output_from"] == one.of(events.TASK_COMPLETED)[0].seq


def test_where_the_task_leads_is_kept_when_another_stands_in_for_it() -> None:
    assert mocked("{m: {set: {m: 1}, then: exit}}", rest=", then: c").output == {"c": None}
    assert mocked("{m: {set: {m: 1}, then: exit}}", rest=", then: end").output == {"m": 1}


def test_an_exit_within_a_list_of_the_extension_does_not_stand_in() -> None:
    one = mocked("{d: {do: [{m: {set: {m: 1}, then: exit}}]}}")
    assert one.status is Status.RUNNING
    assert one.returns("real").output == {"c": "real"}
    assert one.state.context == "after"


def test_a_case_that_exits_stands_in() -> None:
    one = mocked("{m: {switch: [{yes: {when: .n == 1, then: exit}}]}}")
    assert one.output == {"c": {"n": 1}}


def test_exit_stands_in_before_the_extensions_that_follow() -> None:
    one = extended(
        "{mock: {extend: set, before: [{m: {set: {m: 1}, then: exit}}]}}, " + note("log"),
        "{a: {set: {n: 1}}}",
    )
    assert one.output == {"m": 1}
    assert one.state.context is None


def test_exit_after_a_task_ends_the_list_and_nothing_else() -> None:
    one = extended(
        "{x: {extend: set, after: [{c: {set: {y: 1}, then: exit}}, {never: {set: {z: 1}}}]}}, "
        + note("log", before=False),
        "{a: {set: {n: 1}}}, {b: {wait: PT1S}}",
    )
    assert one.ran == ["a", "log-after", "c"]
    assert one.fires().output == {"n": 1}
    assert [e.task for e in one.of(events.TASK_COMPLETED)].count("/do/0/a") == 1


def test_exit_after_a_task_goes_on_with_the_next_extension() -> None:
    one = extended(
        note("log", before=False) + ", {x: {extend: all, after: [{c: {set: {y: 1}, then: exit}}]}}",
        "{a: {set: {n: 1}}}",
    )
    assert one.output == {"n": 1}
    assert one.state.context == ["log after a"]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("set: {n: 1}, then: c", {"c": {"n": 1}}),
        ("set: {n: 1}, then: end", {"n": 1}),
        ("set: {n: 1}, then: exit", {"n": 1}),
        ("switch: [{x: {when: .n == 0, then: c}}], then: end", {"c": {"n": 0}}),
        ("switch: [{x: {when: .n == 1, then: c}}], then: end", {"n": 0}),
        ("switch: [{x: {then: end}}]", {"n": 0}),
    ],
)
def test_where_an_extended_task_leads_is_kept_until_the_extension_has_ended(
    task: str, expected: JsonValue
) -> None:
    one = extended(
        note("x", members=", when: '$task.name == \"a\"'"),
        f"{{a: {{{task}}}}}, {{b: {{set: {{never: 1}}, then: end}}}}, {{c: {{set: {{c: '${{ . }}'}}}}}}",
        {"n": 0},
    )
    assert one.output == expected
    assert one.state.context == ["x before a", "x after a"]


def test_a_task_that_jumps_back_is_extended_again() -> None:
    one = extended(
        note("x", "set", before=False),
        "{a: {set: {n: '${ .n + 1 }'}}}, {s: {switch: [{again: {when: .n < 3, then: a}}]}}",
        {"n": 0},
    )
    assert one.output == {"n": 3}
    assert one.state.context == ["x after a"] * 3


def test_an_error_before_a_task_is_the_task_s_and_it_does_not_run() -> None:
    one = extended(
        "{x: {extend: set, before: [{b: {raise: {error: {type: t, status: 400}}}}],"
        " after: [{c: {set: {x: 1}}}]}}",
        "{a: {set: {n: 1}}}",
    )
    assert one.error["type"] == "t"
    assert one.error["instance"] == "/use/extensions/0/x/before/0/b"
    assert one.ran == ["b"]
    assert one.types[-2:] == [events.EXTENSION_FAILED, events.WORKFLOW_FAILED]


def test_an_error_after_a_task_is_the_task_s() -> None:
    one = extended(
        "{x: {extend: set, after: [{c: {raise: {error: {type: t, status: 400}}}}]}}", "{a: {set: {n: 1}}}"
    )
    assert one.error["type"] == "t"


def test_an_error_of_the_task_itself_runs_nothing_after_it() -> None:
    one = extended(note("x"), "{a: {raise: {error: {type: t, status: 400}}}}")
    assert one.error["instance"] == "/do/0/a"
    assert one.state.context == ["x before a"]


def test_an_error_in_an_extension_can_be_caught_and_tried_again() -> None:
    one = extended(
        f"{{x: {{extend: set, before: [{{b: {{{CALL}}}}}]}}}}",
        "{t: {try: [{a: {set: {n: 1}}}], catch: {retry: {limit: {attempt: {count: 1}}}}}}",
    )
    one.fails()
    assert one.returns("ok").output == {"n": 1}
    assert len(one.of(events.EXTENSION_FAILED)) == 1


def test_an_extended_try_catches_and_what_follows_sees_its_output() -> None:
    one = extended(
        "{x: {extend: try, after: [{c: {set: {y: 1}, export: {as: $task.output}}}]}}",
        "{t: {try: [{r: {raise: {error: {type: t, status: 418}}}}],"
        " catch: {as: e, do: [{s: {set: '${ $e.status }'}}]}}}",
    )
    assert one.output == 418
    assert one.state.context == 418


def test_waiting_tasks_are_extended() -> None:
    one = extended(note("x", "call"), f"{{a: {{{CALL}, output: {{as: .v}}}}}}")
    assert one.state.context == ["x before a"]
    assert one.returns({"v": 5}).output == 5
    assert one.state.context == ["x before a", "x after a"]


def test_the_timeout_of_a_task_does_not_limit_its_extensions() -> None:
    one = extended(
        "{x: {extend: set, before: [{b: {wait: P1D}}]}}", "{a: {set: {n: 1}, timeout: {after: PT1S}}}"
    )
    assert one.timers("timeout") == []
    assert one.fires().output == {"n": 1}


def test_a_timeout_of_a_composite_around_interrupts_the_extension() -> None:
    one = extended(
        "{x: {extend: set, after: [{b: {wait: P1D}}]}}",
        "{d: {timeout: {after: PT1S}, do: [{a: {set: {n: 1}}}]}}",
    )
    one.tell(TimerDue(one.timers("timeout")[0]))
    assert error_kind(one.error) == "timeout"
    assert events.EXTENSION_CANCELLED in one.types


def test_end_before_a_task_ends_the_workflow_with_the_output_of_what_ended_it() -> None:
    one = extended(
        "{x: {extend: set, before: [{b: {set: {over: 1}, then: end}}], after: [{c: {set: {x: 1}}}]}}",
        "{a: {set: {n: 1}}}, {never: {set: {n: 2}}}",
    )
    assert one.output == {"over": 1}
    assert one.ran == ["b"]


def test_end_after_a_task_ends_the_workflow_with_the_output_of_what_ended_it() -> None:
    one = extended(
        "{x: {extend: set, after: [{b: {set: {over: 1}, then: end}}]}}",
        "{d: {do: [{a: {set: {n: 1}}}]}}, {never: {set: {n: 2}}}",
    )
    assert one.output == {"over": 1}


def test_end_within_an_extended_composite_ends_the_workflow_at_once() -> None:
    one = extended(
        note("x", "composite"), "{d: {do: [{a: {set: {n: 1}, then: end}}]}}, {never: {set: {n: 2}}}"
    )
    assert one.output == {"n": 1}
    assert one.state.context == ["x before d"]


def test_end_within_an_extended_composite_is_not_overtaken_by_another_branch() -> None:
    beside = "{do: [{y: {set: {b: 1}}}]}"
    one = extended(
        note("x", "composite"),
        f"{{f: {{fork: {{branches: [{{p: {beside}}}, {{d: {{do: [{{a: {{set: {{n: 1}}, then: end}}}}]}}}},"
        f" {{q: {beside}}}]}}}}}}",
    )
    assert one.output == {"n": 1}


def test_lists_may_be_empty() -> None:
    one = extended("{x: {extend: all, before: [], after: []}}, {y: {extend: all}}", "{a: {set: {n: 1}}}")
    assert one.output == {"n": 1}


def test_an_extension_may_call_a_function() -> None:
    one = extended(
        "{x: {extend: set, before: [{b: {call: f, with: {n: '${ .n }'}}}]}}",
        "{a: {set: '${ . }'}}",
        {"n": 1},
        ", functions: {f: {set: {got: '${ .n }', by: '${ $task.name }'}, export: {as: .}}}",
    )
    assert one.output == {"n": 1}
    assert one.state.context == {"got": 1, "by": "a"}
