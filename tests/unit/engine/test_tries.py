"""``try``: what is caught, retried, handled; and what time limits do to it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pgworker.engine import events
from pgworker.engine.inputs import ActivityFailed, TimerDue
from pgworker.engine.state import Status
from pgworker.errors import Fault, FaultKind
from tests.support.pure import NOW, error_kind, play

CALL = "{call: {call: http, with: {method: get, endpoint: 'http://x'}}}"
RAISE = "{fail: {raise: {error: {type: t, status: 400, title: Tea, detail: cold}}}}"


def attempt(catch: str, body: str = RAISE) -> str:
    return f"do: [{{t: {{try: [{body}], catch: {catch}}}}}, {{after: {{set: {{got: '${{ . }}'}}}}}}]"


def test_nothing_is_caught_where_nothing_fails() -> None:
    one = play(attempt("{do: [{h: {set: {handled: true}}}]}", "{ok: {set: {x: 1}}}"))
    assert one.output == {"got": {"x": 1}}


@pytest.mark.parametrize("catch", ["{}", "{errors: {with: {status: 400}}}"])
def test_what_is_caught_and_not_handled_gives_the_try_s_input(catch: str) -> None:
    assert play(attempt(catch), {"a": 1}).output == {"got": {"a": 1}}


def test_the_handler_reads_the_error_under_its_name() -> None:
    one = play(attempt("{do: [{h: {set: {e: '${ $error }'}}}]}"))
    assert one.output == {
        "got": {
            "e": {
                "type": "t",
                "status": 400,
                "title": "Tea",
                "detail": "cold",
                "instance": "/do/0/t/try/0/fail",
            }
        }
    }
    one = play(attempt("{as: oops, do: [{h: {set: {e: '${ $oops.detail }'}}}]}"))
    assert one.output == {"got": {"e": "cold"}}


def test_the_handler_runs_on_the_try_s_input() -> None:
    one = play(
        "do: [{t: {input: {from: .n}, try: [{a: {set: 5}}], "
        "catch: {do: [{h: {set: '${ . + 1 }'}}]}}}]".replace("{set: 5}", "{set: '${ error(1) }'}"),
        {"n": 1},
    )
    assert one.output == 2


@pytest.mark.parametrize(
    ("filter_", "caught"),
    [
        ("{status: 400}", True),
        ("{status: 401}", False),
        ("{type: t}", True),
        ("{type: u}", False),
        ("{type: t, status: 400, title: Tea, detail: cold}", True),
        ("{type: t, detail: hot}", False),
        ("{instance: /do/0/t/try/0/fail}", True),
        ("{instance: /do/0/t}", False),
    ],
)
def test_the_filter_has_to_match_in_every_member(filter_: str, caught: bool) -> None:
    one = play(attempt(f"{{errors: {{with: {filter_}}}}}"))
    assert (one.status is Status.COMPLETED) is caught


@pytest.mark.parametrize(
    "written",
    [
        "https://serverlessworkflow.io/spec/1.0.0/errors/communication",
        "https://open-workflow-specification.org/spec/1.0.0/errors/communication",
        "https://serverlessworkflow.io/dsl/errors/types/communication",
        "https://open-workflow-specification.org/dsl/errors/types/communication",
    ],
)
def test_standard_errors_are_caught_under_each_of_their_names(written: str) -> None:
    one = play(attempt(f"{{errors: {{with: {{type: '{written}'}}}}}}", CALL)).fails()
    assert one.status is Status.COMPLETED
    other = written.replace("communication", "timeout")
    assert play(attempt(f"{{errors: {{with: {{type: '{other}'}}}}}}", CALL)).fails().status is Status.FAILED


@pytest.mark.parametrize(
    ("catch", "caught"),
    [
        ("{when: $error.status == 400}", True),
        ("{when: $error.status == 401}", False),
        ("{exceptWhen: $error.status == 400}", False),
        ("{exceptWhen: $error.status == 401}", True),
        ("{when: .n == 1}", True),
        ("{when: .n == 2}", False),
        ('{as: e, when: $e.title == "Tea", exceptWhen: .n == 2}', True),
    ],
)
def test_conditions_decide_on_the_error_and_the_try_s_input(catch: str, caught: bool) -> None:
    assert (play(attempt(catch), {"n": 1}).status is Status.COMPLETED) is caught


def test_what_is_not_caught_fails_the_try_as_it_was() -> None:
    one = play(attempt("{errors: {with: {status: 1}}}"))
    assert one.error["instance"] == "/do/0/t/try/0/fail"
    assert one.ran == ["fail", "t"]


def test_the_catch_s_directive_counts_when_something_was_caught() -> None:
    assert play(attempt("{then: end}"), {"a": 1}).output == {"a": 1}
    assert play(attempt("{do: [{h: {set: {x: 1}}}], then: exit}"), {"a": 1}).output == {"x": 1}
    assert play(attempt("{then: end}", "{ok: {set: {x: 1}}}")).output == {"got": {"x": 1}}


def test_an_error_in_the_handler_is_not_caught_again() -> None:
    one = play(attempt("{do: [{h: {raise: {error: {type: second, status: 1}}}}]}"))
    assert one.error["type"] == "second"
    assert one.error["instance"] == "/do/0/t/catch/do/0/h"


def test_an_outer_try_catches_what_an_inner_one_does_not() -> None:
    inner = f"{{inner: {{try: [{RAISE}], catch: {{errors: {{with: {{status: 1}}}}}}}}}}"
    assert play(attempt("{do: [{h: {set: {who: outer}}}]}", inner)).output == {"got": {"who": "outer"}}


def retried(policy: str, failures: int, rest: str = "") -> list[float]:
    """The seconds between the attempts, when so many calls fail one after the other."""
    one = play(attempt(f"{{retry: {policy}{rest}}}", CALL))
    delays: list[float] = []
    for _ in range(failures):
        one.fails()
        if one.status is not Status.RUNNING:
            return delays
        event = one.of(events.TASK_RETRIED)[-1]
        if "due_at" not in event.data:
            delays.append(0)
            continue
        from datetime import datetime

        delays.append((datetime.fromisoformat(str(event.data["due_at"])) - one.now).total_seconds())
        one.tell(TimerDue(event.seq))
    return delays


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        ("{}", [0, 0, 0]),
        ("{delay: PT2S}", [2, 2, 2]),
        ("{delay: {seconds: 2}, backoff: {constant: {}}}", [2, 2, 2]),
        ("{delay: PT2S, backoff: {linear: {}}}", [2, 4, 6]),
        ("{delay: PT2S, backoff: {exponential: {}}}", [2, 4, 8]),
        ("{delay: PT2S, limit: {attempt: {count: 2}}}", [2, 2]),
        ("{delay: PT2S, limit: {attempt: {count: 0}}}", []),
        ("{delay: PT2S, limit: {duration: PT5S}}", [2, 2]),
        ("{delay: PT2S, when: $error.status == 500}", [2, 2, 2]),
        ("{delay: PT2S, when: $error.status == 501}", []),
        ("{delay: PT2S, exceptWhen: $error.status == 500}", []),
    ],
)
def test_how_often_and_when_it_is_tried_again(policy: str, delays: list[float]) -> None:
    assert retried(policy, 3) == delays


def test_jitter_is_drawn_between_its_bounds_and_the_same_each_time() -> None:
    policy = "{delay: PT1S, jitter: {from: PT1S, to: PT3S}}"
    drawn = retried(policy, 10)
    assert all(2 <= delay <= 4 for delay in drawn)
    assert len(set(drawn)) > 5
    assert retried(policy, 10) == drawn


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("", Status.FAILED),
        (", do: [{h: {set: {x: 1}}}]", Status.COMPLETED),
        (", then: end", Status.COMPLETED),
    ],
)
def test_what_follows_when_retries_are_used_up(rest: str, status: Status) -> None:
    one = play(attempt(f"{{retry: {{limit: {{attempt: {{count: 1}}}}}}{rest}}}", CALL), {"a": 1})
    one.fails().fails("the last")
    assert one.status is status
    assert len(one.of(events.TASK_RETRIED)) == 1
    if status is Status.FAILED:
        assert one.error["detail"] == "the last"


def test_a_new_attempt_starts_from_the_first_task_on_the_try_s_input() -> None:
    one = play(
        "do: [{t: {input: {from: .n}, try: [{a: {set: '${ . + 1 }'}}, " + CALL + "], catch: {retry: {}}}}]",
        {"n": 1},
    )
    one.fails().returns("done")
    assert one.ran == ["a", "call", "a", "call", "t"]
    assert one.output == "done"
    assert [
        event.data["output"]
        for event in one.of(events.TASK_COMPLETED)
        if event.task and event.task.endswith("/a")
    ] == [2, 2]


def test_an_attempt_may_be_limited_in_time() -> None:
    one = play(
        attempt(
            "{retry: {limit: {attempt: {count: 1, duration: PT5S}}}, "
            "do: [{h: {set: {e: '${ $error.status }'}}}]}",
            CALL,
        )
    )
    one.fires("attempt")
    assert len(one.of(events.TASK_RETRIED)) == 1
    one.fires("attempt")
    assert one.output == {"got": {"e": 408}}


def test_a_reusable_policy_is_the_same() -> None:
    text = "use: {retries: {quick: {delay: PT2S, backoff: {linear: {}}, limit: {attempt: {count: 2}}}}}\n"
    one = play(text + attempt("{retry: quick}", CALL)).fails()
    (event,) = one.of(events.TASK_RETRIED)
    assert event.data["due_at"] == (NOW + timedelta(seconds=3)).isoformat()


@pytest.mark.parametrize(
    "timeout", ["{after: PT5S}", "{after: {seconds: 5}}", "{after: {seconds: '${ .n }'}}"]
)
def test_a_task_that_takes_too_long_is_ended_with_timeout(timeout: str) -> None:
    one = play(
        f"do: [{{c: {{call: http, with: {{method: get, endpoint: 'http://x'}}, timeout: {timeout}}}}}]",
        {"n": 5},
    )
    one.fires("timeout")
    assert (error_kind(one.error), one.error["status"], one.error["instance"]) == ("timeout", 408, "/do/0/c")


def test_a_timeout_can_be_caught_around_it() -> None:
    one = play(
        attempt("{errors: {with: {status: 408}}}", "{w: {wait: PT1H, timeout: {after: PT1S}}}"), {"a": 1}
    )
    assert one.fires("timeout").output == {"got": {"a": 1}}


def test_a_workflow_that_takes_too_long_fails() -> None:
    one = play("do: [{d: {do: [{w: {wait: PT1H}}]}}]\ntimeout: {after: PT1M}").fires("timeout")
    assert (error_kind(one.error), one.error["status"]) == ("timeout", 408)
    assert one.state.timers == {}


def test_a_limit_that_cannot_be_read_for_the_next_attempt_fails_the_try() -> None:
    one = play(
        """
do:
  - t:
      try:
        - a: {set: {x: 1}, export: {as: '{seconds: "bad"}'}}
        - b: {raise: {error: {type: t, status: 1}}}
      catch:
        retry: {delay: PT1S, limit: {attempt: {duration: '${ $context // {seconds: 5} }'}}}
"""
    )
    one.fires("retry")
    assert one.error["instance"] == "/do/0/t"


def test_a_delay_past_all_calendars_fails_the_try() -> None:
    one = play(attempt("{retry: {delay: P100Y, jitter: {from: P7970Y, to: P7970Y}}}"))
    assert one.status is Status.FAILED


def test_a_timeout_that_has_come_counts_even_if_the_task_inside_fails_in_the_same_turn() -> None:
    one = play(
        "do: [{d: {timeout: {after: PT5S}, do: [{c: {call: http, with: {method: get, endpoint: 'http://x'}}}]}}]"
    )
    late = Fault(FaultKind.COMMUNICATION, "no answer")
    one.tell(TimerDue(one.timers("timeout")[0]), ActivityFailed(one.calling(), late, 1, "token"))
    assert error_kind(one.error) == "timeout"
