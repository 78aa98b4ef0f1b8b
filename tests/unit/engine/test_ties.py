"""What happens when several things come in the same turn: what came first counts."""

from __future__ import annotations

from pgworker.engine.inputs import TimerDue
from pgworker.engine.state import Status
from tests.support.pure import Play, error_kind, play

BOOM = "{raise: {error: {type: 'https://x.test/e', status: 500}}}"


def _due(one: Play, purpose: str) -> list[TimerDue]:
    return [TimerDue(timer) for timer in one.timers(purpose)]


def test_a_task_that_ends_the_workflow_does_not_hide_the_error_of_a_branch_before_it() -> None:
    one = play(
        f"do: [{{t: {{try: [{{f: {{fork: {{branches: [{{a: {BOOM}}},"
        " {b: {set: {x: 1}, then: end}}]}}}],"
        " catch: {do: [{h: {set: {caught: 1}}}]}}}]",
        {"q": 1},
    )
    assert (one.status, one.state.output) == (Status.COMPLETED, {"caught": 1})


def test_a_branch_that_lost_does_not_end_the_workflow() -> None:
    one = play(
        "do: [{f: {fork: {compete: true, branches: [{b: {set: {x: 1}}}, {a: {set: {x: 2}, then: end}}]}}},"
        " {z: {set: {z: '${ . }'}}}]"
    )
    assert one.state.output == {"z": {"x": 1}}


def test_the_siblings_of_a_branch_that_failed_do_not_go_on() -> None:
    one = play(
        f"do: [{{f: {{fork: {{branches: [{{a: {BOOM}}}, {{b: {{do: [{{x: {{set: {{x: 1}}}}}},"
        " {e: {emit: {event: {with: {type: late}}}}}]}}]}}}]"
    )
    assert one.status is Status.FAILED
    assert one.commands == []


def test_a_timeout_is_not_lost_to_an_attempt_s_limit_that_is_due_with_it() -> None:
    one = play(
        "do: [{t: {timeout: {after: {seconds: 1}}, try: [{w: {wait: PT60S}}],"
        " catch: {retry: {limit: {attempt: {duration: {seconds: 1}}}}}}}]"
    )
    one.tell(*_due(one, "timeout"), *_due(one, "attempt"))
    assert error_kind(one.error) == "timeout"


def test_a_timeout_is_not_lost_to_a_retry_that_is_due_with_it() -> None:
    one = play(
        f"do: [{{t: {{timeout: {{after: {{seconds: 1}}}}, try: [{{b: {BOOM}}}],"
        " catch: {retry: {delay: {seconds: 1}}}}}]"
    )
    one.tell(*_due(one, "timeout"), *_due(one, "retry"))
    assert error_kind(one.error) == "timeout"


def test_a_timeout_that_comes_with_the_end_of_the_workflow_is_void() -> None:
    one = play(
        "do: [{d: {timeout: {after: {seconds: 1}}, do: [{w: {wait: PT1S, then: end}}]}}, {z: {set: {z: 1}}}]",
        {"q": 1},
    )
    one.tell(*_due(one, "wait"), *_due(one, "timeout"))
    assert (one.status, one.state.output) == (Status.COMPLETED, {"q": 1})


def test_a_context_of_null_is_one_that_a_fork_sees() -> None:
    one = play(
        "output: {as: $context}\n"
        "do: [{i: {set: {a: 1}, export: {as: .}}},"
        " {f: {fork: {branches: [{b: {set: {x: 1}, export: {as: 'null'}}}]},"
        " export: {as: '{seen: $context}'}}}]"
    )
    assert one.state.output == {"seen": None}


def test_a_named_policy_knows_the_error_by_its_own_name_whatever_a_catch_calls_it() -> None:
    one = play(
        "use: {retries: {p: {when: '$error.status == 503', limit: {attempt: {count: 1}}}}}\n"
        "do: [{t: {try: [{r: {raise: {error: {type: 'https://x.test/e', status: 503}}}}],"
        " catch: {as: err, retry: p}}}]"
    )
    assert one.error["status"] == 503
    assert len(one.of("task.retried")) == 1


def test_an_error_of_the_workflow_names_the_part_that_it_is_in() -> None:
    assert play("output: {as: error}\ndo: []").error["instance"] == "/output"
    assert play("timeout: {after: '${ .nope }'}\ndo: []", {}).error["instance"] == "/timeout"
    assert play("input: {from: error}\ndo: []").error["instance"] == "/input"
