"""``fork``: branches side by side, and what decides about the whole."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.engine.commands import Drop
from pgworker.engine.state import Status
from pgworker.types import JsonValue
from tests.support.pure import error_kind, play

SET = "{set: {x: %s}}"
FAIL = "{raise: {error: {type: %s, status: 400}}}"
CALL = "{call: http, with: {method: get, endpoint: 'http://x'}}"


def fork(*branches: str, compete: bool = False, rest: str = "") -> str:
    written = ", ".join(f"{{{chr(97 + index)}: {branch}}}" for index, branch in enumerate(branches))
    return (
        f"do: [{{f: {{fork: {{compete: {str(compete).lower()}, branches: [{written}]}}{rest}}}}}, "
        f"{{after: {{set: '${{ . }}'}}}}]"
    )


def test_the_output_is_the_array_of_the_branches_outputs_in_their_order() -> None:
    assert play(fork(SET % 1, SET % 2, SET % 3)).output == [{"x": 1}, {"x": 2}, {"x": 3}]


def test_the_order_is_that_of_the_text_and_not_of_completion() -> None:
    one = play(fork(CALL, SET % 2, CALL))
    one.returns("third", "c").returns("first", "a")
    assert one.output == ["first", {"x": 2}, "third"]


def test_every_branch_starts_from_the_fork_s_input() -> None:
    one = play(
        fork("{set: '${ .n + 1 }'}", "{set: '${ .n + 2 }'}", rest=", input: {from: .deep}"),
        {"deep": {"n": 1}},
    )
    assert one.output == [2, 3]


def test_a_fork_without_branches_gives_an_empty_array() -> None:
    assert play(fork(), {"a": 1}).output == []


def test_the_branches_start_from_the_same_context_and_their_exports_are_merged_in_order() -> None:
    export = "{set: {x: %d}, export: {as: '($context // {}) + {%s: .x, last: .x, before: $context}'}}"
    text = (
        "do: [{s: {set: {y: 0}, export: {as: '{s: 1}'}}}, " + fork(export % (1, "p"), export % (2, "q"))[5:]
    )
    one = play(text)
    assert one.state.context == {"s": 1, "p": 1, "q": 2, "last": 2, "before": {"s": 1}}


def test_a_branch_may_be_left_by_exit() -> None:
    one = play(
        fork("{do: [{x: {set: {x: 1}, then: exit}}, {y: {set: {x: 2}}}]}", "{set: {x: 3}, then: exit}")
    )
    assert one.output == [{"x": 1}, {"x": 3}]


def test_a_branch_that_fails_cancels_its_siblings_and_fails_the_fork() -> None:
    one = play(fork(CALL, CALL))
    start = one.calling("b")
    one.fails("no", task="a")
    assert error_kind(one.error) == "communication"
    assert one.error["instance"] == "/do/0/f/fork/branches/0/a"
    assert [event.task for event in one.of(events.TASK_CANCELLED)] == ["/do/0/f/fork/branches/1/b"]
    assert Drop(start) in one.commands
    assert one.state.activations == {}


@pytest.mark.parametrize("quick", [SET % 1, "{do: [{i: {set: {x: 1}}}]}", "{set: {x: 1}, then: exit}"])
def test_a_failure_is_not_forgotten_when_a_sibling_completes_after_it(quick: str) -> None:
    one = play(fork(FAIL % "t", quick))
    assert one.status is Status.FAILED
    assert one.error["type"] == "t"


def test_the_first_failure_counts() -> None:
    assert play(fork(FAIL % "first", FAIL % "second")).error["type"] == "first"


def test_a_winner_is_not_undone_by_a_sibling_that_fails_after_it() -> None:
    one = play(fork(SET % 1, FAIL % "t", compete=True))
    assert one.output == {"x": 1}


def test_end_in_a_branch_gives_that_task_s_output_whatever_the_siblings_do() -> None:
    one = play(fork("{set: {x: 1}, then: end}", SET % 2), {"input": True})
    assert one.output == {"x": 1}


def test_a_fork_is_settled_once() -> None:
    for text in (
        fork(FAIL % "t", SET % 1),
        fork(SET % 1, FAIL % "t", compete=True),
        fork("{set: {x: 1}, then: end}", SET % 2),
    ):
        settled = [event for event in play(text).history if event.data.get("settles")]
        assert len(settled) == 1


def test_the_first_branch_to_complete_wins_a_competition_and_cancels_the_others() -> None:
    one = play(fork(CALL, CALL, CALL, compete=True))
    others = {one.calling("a"), one.calling("c")}
    one.returns("quick", "b")
    assert one.output == "quick"
    assert {command.seq for command in one.commands if isinstance(command, Drop)} == others


def test_only_the_winner_s_context_is_kept() -> None:
    call = CALL[:-1] + ", export: {as: '{%s: .}'}}"
    one = play(fork(call % "a", call % "b", compete=True)).returns(1, "b")
    assert one.state.context == {"b": 1}


def test_a_competition_fails_only_when_all_fail_with_the_last_error() -> None:
    one = play(fork(CALL, CALL, compete=True)).fails("first", task="b")
    assert one.status is Status.RUNNING
    one.fails("last", task="a")
    assert one.error["detail"] == "last"


def test_a_competition_goes_on_after_one_failed() -> None:
    one = play(fork(CALL, CALL, compete=True)).fails("first", task="b").returns("slow", "a")
    assert one.output == "slow"


def test_end_in_a_branch_ends_the_workflow_and_cancels_the_others() -> None:
    one = play(fork("{do: [{w: {wait: PT1S}}, {x: {set: {x: 1}, then: end}}]}", CALL)).fires()
    assert one.output == {"x": 1}
    assert one.state.activations == {}
    assert "after" not in one.ran


def test_forks_may_be_nested_in_loops_and_forks() -> None:
    inner = "{fork: {branches: [{p: {set: '${ [$item, .] }'}}, {q: {set: '${ $item }'}}]}}"
    one = play(f"do: [{{l: {{for: {{in: '[1, 2]'}}, do: [{{f: {inner}}}]}}}}]", 0)
    assert one.output == [[2, [[1, 0], 1]], 2]


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_the_outcome_does_not_depend_on_the_order_of_completion(order: str) -> None:
    one = play(fork(CALL, CALL, CALL))
    for name in order:
        one.returns(name, name)
    assert one.output == ["a", "b", "c"]


def test_an_answer_for_a_cancelled_branch_is_ignored() -> None:
    from pgworker.engine.inputs import ActivityCompleted

    one = play(fork(CALL, CALL, compete=True))
    late = one.calling("a")
    one.returns("quick", "b")
    before: list[JsonValue] = [event.seq for event in one.history]
    one.tell(ActivityCompleted(late, "late", 1, "t"))
    assert [event.seq for event in one.history] == before


def test_two_answers_in_one_turn_settle_a_competition_once() -> None:
    from pgworker.engine.inputs import ActivityCompleted

    one = play(fork(CALL, CALL, compete=True))
    one.tell(
        ActivityCompleted(one.calling("b"), "first", 1, "t"),
        ActivityCompleted(one.calling("a"), "second", 1, "t"),
    )
    assert one.output == "first"


@pytest.mark.parametrize("compete", ["false", "true"])
def test_a_fork_s_own_export_goes_before_what_its_branches_exported(compete: str) -> None:
    branch = "{a: {set: {x: 1}, export: {as: '{n: 1}'}}}"
    fork = f"{{compete: {compete}, branches: [{branch}]}}"
    one = play(f"do: [{{f: {{fork: {fork}, export: {{as: '{{n: ($context.n + 10)}}'}}}}}}]")
    assert one.state.context == {"n": 11}


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("around", [0, 2])
def test_what_ends_the_workflow_gives_its_output_however_deep_it_is_beside_other_branches(
    depth: int, around: int
) -> None:
    ends = "{set: {ended: 1}, then: end}"
    for _ in range(depth):
        ends = f"{{do: [{{x: {ends}}}]}}"
    beside = "{do: [{y: {set: {b: 1}}}, {z: {set: {b: 2}}}]}"
    for _ in range(around + 1):
        ends = f"{{fork: {{branches: [{{p: {beside}}}, {{a: {ends}}}, {{q: {beside}}}]}}}}"
    assert play(f"do: [{{f: {ends}}}]").output == {"ended": 1}
