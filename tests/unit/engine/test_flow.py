"""Where a workflow goes: sequences, directives, conditions, switches, nested lists."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.engine.state import Status
from pgworker.types import JsonObject, JsonValue
from tests.support.pure import error_kind, play

ADD = "set: {trace: '${ .trace + [$task.name] }'}"
"""What a task does that only leaves its trace."""


def traced(text: str) -> str:
    """A text in which ``ADD`` stands for a task that leaves its name in the data."""
    return text.replace("ADD", ADD)


def trace(value: JsonValue) -> JsonValue:
    assert isinstance(value, dict)
    return value["trace"]


def test_tasks_run_in_the_order_in_which_they_are_written() -> None:
    one = play(traced("do: [{a: {ADD}}, {b: {ADD}}, {c: {ADD}}]"))
    assert one.output == {"trace": ["a", "b", "c"]}
    assert one.ran == ["a", "b", "c"]


def test_a_directive_goes_to_the_named_task() -> None:
    one = play(traced("do: [{a: {ADD, then: c}}, {b: {ADD, then: end}}, {c: {ADD, then: b}}]"))
    assert trace(one.output) == ["a", "c", "b"]


@pytest.mark.parametrize("directive", ["end", "exit"])
def test_end_and_exit_on_the_top_level_end_the_workflow(directive: str) -> None:
    one = play(traced(f"do: [{{a: {{ADD, then: {directive}}}}}, {{b: {{ADD}}}}]"))
    assert trace(one.output) == ["a"]
    assert one.status is Status.COMPLETED


def test_continue_is_what_happens_anyway() -> None:
    one = play(traced("do: [{a: {ADD, then: continue}}, {b: {ADD}}]"))
    assert trace(one.output) == ["a", "b"]


def test_a_jump_backwards_runs_a_task_again() -> None:
    one = play(
        """
do:
  - count: {set: {n: '${ (.n // 0) + 1 }'}}
  - again: {switch: [{more: {when: .n < 5, then: count}}]}
  - last: {set: {done: '${ .n }'}}
"""
    )
    assert one.output == {"done": 5}
    assert one.ran == ["count", "again"] * 5 + ["last"]


def test_a_skipped_task_may_be_jumped_back_to() -> None:
    one = play(
        "do: [{a: {set: {n: '${ .n + 1 }'}, if: .n < 3, then: b}}, {b: {switch: [{c: {when: .n < 3, "
        "then: a}}]}}]"
    )
    assert one.output == {"n": 3}


def test_the_order_in_the_text_matters_and_not_the_names() -> None:
    one = play(traced("do: [{z: {ADD}}, {'10': {ADD}}, {a: {ADD}}, {'2': {ADD}}]"))
    assert trace(one.output) == ["z", "10", "a", "2"]


NESTED = traced(
    """
do:
  - a: {ADD}
  - outer:
      do:
        - b: {ADD}
        - inner:
            do:
              - c: {ADD, then: DIRECTIVE}
              - d: {ADD}
        - e: {ADD}
  - f: {ADD}
"""
)


@pytest.mark.parametrize(
    ("directive", "expected"),
    [("continue", "a b c d e f"), ("exit", "a b c e f"), ("end", "a b c"), ("d", "a b c d e f")],
)
def test_exit_leaves_the_innermost_list_and_end_the_workflow(directive: str, expected: str) -> None:
    one = play(NESTED.replace("DIRECTIVE", directive))
    assert trace(one.output) == expected.split()


def test_end_deep_inside_gives_that_task_s_transformed_output() -> None:
    one = play(
        """
do:
  - outer:
      output: {as: '"outer was here"'}
      export: {as: '"exported by outer"'}
      do:
        - inner:
            output: {as: '"inner was here"'}
            do:
              - last: {set: {a: 1, b: 2}, output: {as: .a}, then: end}
  - never: {set: {x: 1}}
output: {as: '{result: ., context: $context}'}
"""
    )
    assert one.output == {"result": 1, "context": None}
    assert one.ran == ["last", "inner", "outer"]


def test_the_tasks_around_an_end_are_closed_in_history() -> None:
    one = play("do: [{o: {do: [{i: {do: [{x: {set: {a: 1}, then: end}}]}}]}}]")
    opened = {event.seq for event in one.of(events.TASK_STARTED)}
    closed = {event.data["start"] for event in one.of(events.TASK_COMPLETED) if "start" in event.data}
    assert opened == closed
    assert not one.state.frames
    assert not one.state.ready


@pytest.mark.parametrize("where", ["first", "last"])
def test_end_out_of_a_loop_stops_all_its_iterations(where: str) -> None:
    one = play(
        traced(
            """
do:
  - loop:
      for: {in: '[1, 2, 3]'}
      do:
        - x: {ADD}
        - y: {switch: [{stop: {when: $item == 2, then: end}}]}
        - z: {ADD}
  - after: {ADD}
"""
        )
    )
    assert trace(one.output) == ["x", "z", "x"]


def test_exit_in_a_loop_ends_the_iteration_only() -> None:
    one = play(
        traced(
            """
do:
  - loop:
      for: {in: '[1, 2, 3]'}
      do:
        - x: {ADD}
        - y: {switch: [{skip: {when: $item == 2, then: exit}}]}
        - z: {ADD}
  - after: {ADD}
"""
        )
    )
    assert trace(one.output) == ["x", "z", "x", "x", "z", "after"]


def test_exit_of_a_composite_task_leaves_the_list_that_it_stands_in() -> None:
    one = play(traced("do: [{o: {do: [{i: {do: [{x: {ADD}}], then: exit}}, {y: {ADD}}]}}, {z: {ADD}}]"))
    assert trace(one.output) == ["x", "z"]


def test_a_list_without_tasks_gives_its_input() -> None:
    one = play("do: [{a: {do: []}}]", {"x": 1})
    assert one.output == {"x": 1}


# conditions


@pytest.mark.parametrize("condition", ["false", "null", ".missing", "empty", ".n > 5", "${ .n == 2 }"])
def test_a_task_that_is_not_wanted_is_skipped(condition: str) -> None:
    one = play(f"do: [{{a: {{set: {{x: 1}}, if: '{condition}'}}}}]", {"n": 1})
    assert one.output == {"n": 1}
    (event,) = one.of(events.TASK_SKIPPED)
    assert (event.task, event.data) == ("/do/0/a", {"from": 1, "kind": "set"})


@pytest.mark.parametrize("condition", ["true", "0", '""', "[]", "{}", ".n", "'${ .n == 1 }'", ".n, false"])
def test_everything_but_false_and_null_is_true(condition: str) -> None:
    written = condition if condition.startswith("'") else f"'{condition}'"
    assert play(f"do: [{{a: {{set: {{x: 1}}, if: {written}}}}}]", {"n": 1}).output == {"x": 1}


def test_a_skipped_task_transforms_checks_and_exports_nothing() -> None:
    one = play(
        """
do:
  - a:
      if: .wanted
      input: {from: '{b: 1}', schema: {document: {type: string}}}
      set: {x: 1}
      output: {as: error("never"), schema: {document: {type: string}}}
      export: {as: error("never"), schema: {document: {type: string}}}
""",
        {"c": 3},
    )
    assert one.output == {"c": 3}
    assert one.state.context is None


@pytest.mark.parametrize(
    ("then", "expected"), [("c", ["c"]), ("end", []), ("exit", []), ("continue", ["b", "c"])]
)
def test_a_skipped_task_still_follows_its_directive(then: str, expected: list[str]) -> None:
    one = play(
        traced(f"do: [{{a: {{if: .no, ADD, then: {then}}}}}, {{b: {{ADD}}}}, {{c: {{ADD}}}}]"), {"trace": []}
    )
    assert trace(one.output) == expected


def test_a_skipped_composite_does_not_open() -> None:
    one = play(
        traced("do: [{a: {if: .no, do: [{b: {ADD}}]}}, {c: {if: .no, for: {in: '[1]'}, do: [{d: {ADD}}]}}]")
    )
    assert one.ran == ["a", "c"]
    assert one.of(events.TASK_STARTED) == []


def test_the_condition_reads_the_raw_input() -> None:
    one = play("do: [{a: {if: .x == 1, input: {from: '{x: 2}'}, set: {seen: '${ .x }'}}}]", {"x": 1})
    assert one.output == {"seen": 2}


def test_a_failing_condition_fails_the_task() -> None:
    one = play("do: [{a: {if: .x.y, set: {x: 1}}}]", {"x": 1})
    assert error_kind(one.error) == "expression"
    assert one.error["instance"] == "/do/0/a"


# switch

COLORS = traced(
    """
do:
  - color:
      switch:
        - red: {when: .color == "red", then: isRed}
        - green: {when: '${ .color == "green" }', then: isGreen}
        - dark: {when: .dark, then: exit}
        DEFAULT
      THEN
  - isRed: {ADD, then: end}
  - isGreen: {ADD, then: end}
  - isOther: {ADD, then: end}
"""
)


def choose(value: JsonObject, default: str = "", then: str = "") -> list[str]:
    return play(COLORS.replace("DEFAULT", default).replace("THEN", then), value).ran


@pytest.mark.parametrize(("color", "task"), [("red", "isRed"), ("green", "isGreen")])
def test_a_switch_goes_where_the_case_says(color: str, task: str) -> None:
    assert choose({"color": color}) == ["color", task]


def test_the_first_case_that_matches_counts() -> None:
    assert choose({"color": "red", "dark": True}) == ["color", "isRed"]
    assert choose({"color": "blue", "dark": True}) == ["color"]


def test_without_a_match_the_switch_follows_its_own_directive() -> None:
    assert choose({"color": "blue"}) == ["color", "isRed"]
    assert choose({"color": "blue"}, then="then: isOther") == ["color", "isOther"]
    assert choose({"color": "blue"}, then="then: end") == ["color"]


def test_the_default_case_counts_when_no_other_matches() -> None:
    assert choose({"color": "blue"}, "- other: {then: isOther}", "then: end") == ["color", "isOther"]
    assert choose({"color": "red"}, "- other: {then: isOther}", "then: end") == ["color", "isRed"]


def test_continue_in_a_case_goes_to_the_task_after_the_switch() -> None:
    assert choose({"color": "blue"}, "- other: {then: continue}", "then: isOther") == ["color", "isRed"]


def test_the_output_of_a_switch_is_its_input() -> None:
    one = play("do: [{s: {switch: [{a: {when: .x, then: continue}}]}}]", {"x": [1]})
    assert one.output == {"x": [1]}
    (event,) = one.of(events.TASK_COMPLETED)
    assert event.data["case"] == "a"
    assert "output" not in event.data


def test_the_chosen_case_is_in_history_and_none_if_none_matched() -> None:
    (event,) = play("do: [{s: {switch: [{a: {when: .x, then: end}}]}}]").of(events.TASK_COMPLETED)
    assert "case" not in event.data


def test_cases_read_the_transformed_input() -> None:
    one = play(
        "do: [{s: {input: {from: .y}, switch: [{a: {when: .z == $input.z, then: end}}]}}, "
        "{t: {set: {n: 1}}}]",
        {"y": {"z": 3}},
    )
    assert one.output == {"z": 3}


def test_a_failing_case_fails_the_switch_even_if_a_later_one_would_match() -> None:
    one = play(
        "do: [{s: {switch: [{a: {when: .x.y.z, then: end}}, {b: {when: 'true', then: end}}]}}]", {"x": 1}
    )
    assert error_kind(one.error) == "expression"


# composites


def test_a_composite_takes_and_gives_data_like_any_task() -> None:
    one = play(
        """
do:
  - c:
      input: {from: .a}
      do:
        - x: {set: '${ . + 1 }'}
        - y: {set: '${ . * 10 }'}
      output: {as: '{result: .}'}
      export: {as: '{kept: .result}'}
  - d: {set: {r: '${ .result }', c: '${ $context.kept }'}}
""",
        {"a": 1},
    )
    assert one.output == {"r": 20, "c": 20}


def test_lists_may_be_nested_deeply() -> None:
    text = "set: '${ . + 1 }'"
    for _ in range(15):
        text = f"do: [{{x: {{{text}}}}}]"
    one = play(text, 1)
    assert one.output == 2
    assert len(one.of(events.TASK_STARTED)) == 14


def test_an_error_inside_fails_everything_around_it() -> None:
    one = play(
        traced("do: [{o: {do: [{i: {do: [{x: {set: '${ error(\"no\") }'}}, {y: {ADD}}]}}]}}, {z: {ADD}}]")
    )
    assert one.ran == ["x", "i", "o"]
    assert one.error["instance"] == "/do/0/o/do/0/i/do/0/x"
    assert {event.data["error"]["instance"] for event in one.of(events.TASK_FAILED)} == {  # type: ignore[index, call-overload]
        "/do/0/o/do/0/i/do/0/x"
    }
    assert one.types[-1] == events.WORKFLOW_FAILED


def test_nothing_follows_the_last_event() -> None:
    one = play("do: [{a: {set: {x: 1}}}]")
    before = list(one.history)
    one.tell()
    assert one.history == before
