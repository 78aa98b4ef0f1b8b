"""``for``: items, variables, ``while``, and what goes from one iteration to the next."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.types import JsonValue
from tests.support.pure import error_kind, play

COLLECT = """
do:
  - loop:
      for: {each: color, at: i, in: %s}
      do:
        - take: {set: {seen: '${ .seen + [[$color, $i]] }'}}
"""


@pytest.mark.parametrize(
    "collection",
    [
        ".colors",
        "'${ .colors }'",
        "'$input.colors'",
        '\'["red", "green"]\'',
        "[red, green]",
        "[red, '${ .colors[1] }']",
    ],
)
def test_the_body_runs_once_for_each_item_on_what_the_last_left(collection: str) -> None:
    one = play(COLLECT % collection, {"colors": ["red", "green"]})
    assert one.output == {"seen": [["red", 0], ["green", 1]]}


def test_the_variables_are_item_and_index_unless_named() -> None:
    one = play("do: [{l: {for: {in: '[7, 8]'}, do: [{t: {set: {s: '${ .s + [$item, $index] }'}}}]}}]")
    assert one.output == {"s": [7, 0, 8, 1]}


@pytest.mark.parametrize("collection", ["null", ".missing", "[]", "empty"])
def test_nothing_to_loop_over_gives_the_input(collection: str) -> None:
    one = play(COLLECT % f"'{collection}'", {"a": 1})
    assert one.output == {"a": 1}
    assert one.types == [events.WORKFLOW_STARTED, events.TASK_COMPLETED, events.WORKFLOW_COMPLETED]


def test_nothing_to_loop_over_still_transforms() -> None:
    one = play(
        "do: [{l: {for: {in: '[]'}, input: {from: .a}, output: {as: '[.]'}, export: {as: .}, "
        "do: [{t: {set: {x: 1}}}]}}]",
        {"a": 1},
    )
    assert one.output == [1]
    assert one.state.context == [1]


@pytest.mark.parametrize(
    ("collection", "kind"),
    [
        ("'\"abc\"'", "string"),
        ("'3'", "number"),
        ("'1.5'", "number"),
        ("'true'", "boolean"),
        ("'false'", "boolean"),
        ("'{a: 1}'", "object"),
    ],
)
def test_only_arrays_can_be_looped_over(collection: str, kind: str) -> None:
    one = play(COLLECT % collection)
    assert error_kind(one.error) == "expression"
    assert f"gave a {kind}" in str(one.error["detail"])
    assert one.error["instance"] == "/do/0/loop"


def test_items_may_be_null_or_anything() -> None:
    one = play(COLLECT % "'[null, false, {a: [1]}, \"${ .x }\"]'")
    assert one.output == {"seen": [[None, 0], [False, 1], [{"a": [1]}, 2], ["${ .x }", 3]]}


def test_the_collection_is_evaluated_once_on_the_transformed_input() -> None:
    one = play(
        "do: [{l: {input: {from: .deep}, for: {in: .n}, do: [{t: {set: {n: [], "
        "sum: '${ (.sum // 0) + $item }'}}}]}}]",
        {"deep": {"n": [1, 2, 3]}},
    )
    assert one.output == {"n": [], "sum": 6}
    (start,) = one.of(events.TASK_STARTED)
    assert start.data["items"] == [1, 2, 3]


def test_while_is_asked_before_each_iteration() -> None:
    one = play(
        "do: [{l: {for: {in: '[1, 2, 3, 4]'}, while: '(.sum // 0) < 3', "
        "do: [{t: {set: {sum: '${ (.sum // 0) + $item }'}}}]}}]"
    )
    assert one.output == {"sum": 3}
    assert [event.data["index"] for event in one.of(events.ITERATION_STARTED)] == [0, 1]


def test_while_reads_the_loop_variables_of_the_iteration_to_come() -> None:
    one = play(
        "do: [{l: {for: {each: e, at: i, in: '[5, 6, 7]'}, while: '$e < 7 and $i < 2', "
        "do: [{t: {set: {s: '${ .s + [$e] }'}}}]}}]"
    )
    assert one.output == {"s": [5, 6]}


def test_while_that_is_false_at_once_gives_the_input() -> None:
    one = play("do: [{l: {for: {in: '[1]'}, while: 'false', do: [{t: {set: {x: 1}}}]}}]", {"a": 1})
    assert one.output == {"a": 1}
    assert one.of(events.ITERATION_STARTED) == []


def test_a_failing_while_fails_the_loop() -> None:
    one = play(
        """do: [{l: {for: {in: '[1, 2]'}, while: '$index == 0 or error("no")', do: [{t: {set: {a: 1}}}]}}]"""
    )
    assert error_kind(one.error) == "expression"
    assert one.error["instance"] == "/do/0/l"
    assert one.ran == ["t", "l"]


def test_loops_inside_loops_see_both_variables_and_the_inner_hides_the_outer() -> None:
    one = play(
        """
do:
  - outer:
      for: {each: a, at: i, in: '[1, 2]'}
      do:
        - inner:
            for: {each: b, in: '[$a * 10, $a * 10 + 1]'}
            do:
              - hide:
                  for: {each: a, in: '["x"]'}
                  do: [{t: {set: {s: '${ .s + ["\\($a)\\($b)\\($i)\\($index)"] }'}}}]
        - after: {set: {s: '${ .s + [$a] }'}}
"""
    )
    assert one.output == {"s": ["x1000", "x1100", 1, "x2010", "x2110", 2]}


def test_the_loop_s_own_output_is_transformed_once() -> None:
    one = play(
        "do: [{l: {for: {in: '[1, 2]'}, do: [{t: {set: {n: '${ (.n // 0) + 1 }'}}}], output: {as: .n}, "
        "export: {as: '[.]'}}}]"
    )
    assert one.output == 2
    assert one.state.context == [2]


def test_an_outer_loop_s_variables_are_there_in_the_inner_loop_s_own_data_flow() -> None:
    one = play(
        """
do:
  - outer:
      for: {each: a, in: '[1, 2]'}
      do:
        - inner:
            if: $a == 2
            input: {from: '{a: $a}'}
            for: {in: '[$a]'}
            while: $a == 2
            do: [{t: {set: {t: '${ $a }'}}}]
            output: {as: '{t, a: $a}'}
"""
    )
    assert one.output == {"t": 2, "a": 2}


def test_an_error_in_one_iteration_ends_the_loop() -> None:
    one = play(
        "do: [{l: {for: {in: '[1, 0, 2]'}, do: [{t: {set: '${ 10 / $item }'}}]}}, {after: {set: {x: 1}}}]"
    )
    assert one.ran == ["t", "t", "l"]
    assert one.error["instance"] == "/do/0/l/do/0/t"


def test_history_tells_the_iteration_of_each_task_inside() -> None:
    one = play("do: [{l: {for: {in: '[1, 2]'}, do: [{d: {do: [{t: {set: {x: 1}}}]}}]}}, {u: {set: {x: 2}}}]")
    found = [(e.task, e.data.get("iteration")) for e in one.of(events.TASK_COMPLETED)]
    assert found == [
        ("/do/0/l/do/0/d/do/0/t", 0),
        ("/do/0/l/do/0/d", 0),
        ("/do/0/l/do/0/d/do/0/t", 1),
        ("/do/0/l/do/0/d", 1),
        ("/do/0/l", None),
        ("/do/1/u", None),
    ]


def test_a_body_may_jump_within_itself() -> None:
    one = play(
        """
do:
  - l:
      for: {in: '[3, 2]'}
      do:
        - zero: {set: {n: 0, all: '${ .all }'}}
        - count: {set: {n: '${ .n + 1 }', all: '${ .all + [$item] }'}}
        - again: {switch: [{more: {when: .n < $item, then: count}}]}
"""
    )
    assert one.output == {"n": 2, "all": [3, 3, 3, 2, 2]}


@pytest.mark.parametrize("count", [1, 999, 3000])
def test_loops_may_be_long(count: int) -> None:
    one = play("do: [{l: {for: {in: '[range(.n)]'}, do: [{t: {set: {n: '${ $index }'}}}]}}]", {"n": count})
    assert one.output == {"n": count - 1}


def test_what_a_loop_sums_up_is_the_same_as_in_one_expression() -> None:
    value: JsonValue = {"n": [3, 1, 4, 1, 5, 9, 2, 6]}
    loop = play("do: [{l: {for: {in: .n}, do: [{t: {set: {s: '${ (.s // 0) + $item }'}}}]}}]", value)
    assert loop.output == play("do: [{t: {set: {s: '${ .n | add }'}}}]", value).output
