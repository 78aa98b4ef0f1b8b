"""Listens among other tasks: in forks, loops and tries, with timeouts, and cancelled."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.commands import Drop, Subscribe, Unsubscribe
from pgworker.engine.inputs import CloudEventArrived, TimerDue
from pgworker.engine.state import Status
from tests.support.post import Post, of_kind
from tests.support.pure import cloud_event, error_kind, play

A = "{listen: {to: {one: {with: {type: a}}}}}"
B = "{listen: {to: {one: {with: {type: b}}}}}"


def timed(after: str, listen: str = A) -> str:
    """The listen with a timeout."""
    return listen[:-1] + f", timeout: {{after: {after}}}}}"


def beside(then: str) -> str:
    """Two branches that listen, in one of which something follows."""
    return f"""
do:
  - f:
      fork:
        branches:
          - x: {A}
          - y: {{do: [{{l: {B}}}, {then}]}}
"""


def test_a_timeout_of_a_listen_can_be_caught() -> None:
    one = play(
        f"do: [{{t: {{try: [{{l: {timed('PT5S')}}}], catch: {{errors: {{with: {{status: 408}}}},"
        " do: [{s: {set: {late: '${ $error.instance }'}}}]}}}]"
    )
    one.fires("timeout")
    assert one.output == {"late": "/do/0/t/try/0/l"}
    assert Unsubscribe(one.of(events.LISTEN_STARTED)[0].start) in one.commands


def test_an_event_in_time_ends_the_timeout() -> None:
    one = play(f"do: [{{l: {timed('PT5S')}}}, {{w: {{wait: P1D}}}}]")
    (timer,) = one.timers("timeout")
    one.receives(cloud_event("a", 1))
    assert one.timers("timeout") == []
    assert Drop(timer) in one.commands


def test_the_first_of_an_event_and_a_timeout_in_one_turn_counts() -> None:
    one = play(f"do: [{{l: {timed('PT5S')}}}]")
    (timer,) = one.timers("timeout")
    late = [TimerDue(timer), *one.letters(cloud_event("a", 1))]
    assert error_kind(one.tell(*late).error) == "timeout"
    assert of_kind(one.commands, Unsubscribe) == [Unsubscribe(2)]


def test_each_attempt_listens_anew_and_for_what_is_left() -> None:
    office = Post(
        play(
            f"""
do:
  - t:
      try:
        - l: {A}
        - r: {{if: '.[0] < 3', raise: {{error: {{type: t, status: 400}}}}}}
      catch: {{retry: {{limit: {{attempt: {{count: 5}}}}}}}}
"""
        )
    )
    one = office.publish(*(cloud_event("a", n) for n in (1, 2, 3, 4)))
    assert one.output == [3]
    assert len(of_kind(one.commands, Subscribe)) == 3
    assert len(of_kind(one.commands, Unsubscribe)) == 3


def test_a_listen_in_a_loop_listens_in_each_iteration() -> None:
    office = Post(
        play(
            f"do: [{{f: {{for: {{in: '[1, 2]'}}, do: [{{l: {A}}}, {{s: {{set: '${{ .[0] + $item }}'}}}}]}}}}]"
        )
    )
    one = office.publish(cloud_event("a", 10), cloud_event("a", 20))
    assert one.output == 22


def test_competing_listens_the_loser_is_cancelled() -> None:
    one = play(
        f"do: [{{f: {{fork: {{compete: true, branches: [{{x: {A}}}, {{y: {B}}}]}}}}}}, {{w: {{wait: P1D}}}}]"
    )
    loser = one.listening("x")
    one.receives(cloud_event("b", 1), task="y")
    (cancelled,) = one.of(events.TASK_CANCELLED)
    assert cancelled.data == {"start": loser, "kind": "listen", "ends_listen": True}
    assert {c.start for c in of_kind(one.commands, Unsubscribe) if isinstance(c, Unsubscribe)} == {
        loser,
        one.of(events.LISTEN_STARTED)[1].start,
    }


def test_a_listen_that_is_cancelled_in_the_turn_it_began_in_was_never_heard_of() -> None:
    one = play(f"do: [{{f: {{fork: {{compete: true, branches: [{{x: {A}}}, {{y: {{set: {{v: 1}}}}}}]}}}}}}]")
    assert one.output == {"v": 1}
    assert one.commands == []


def test_a_workflow_that_ends_listens_no_more() -> None:
    one = play(beside("{s: {set: {v: 1}, then: end}}"))
    one.receives(cloud_event("b"), task="l")
    assert one.output == {"v": 1}
    assert len(of_kind(one.commands, Unsubscribe)) == 2


def test_a_workflow_s_timeout_ends_its_listens() -> None:
    one = play(f"timeout: {{after: PT1H}}\ndo: [{{d: {{do: [{{l: {A}}}]}}}}]")
    start = one.listening()
    one.fires("timeout")
    assert error_kind(one.error) == "timeout"
    assert Unsubscribe(start) in one.commands


def test_a_cancelled_workflow_listens_no_more() -> None:
    one = play(f"do: [{{d: {{do: [{{l: {A}}}]}}}}]")
    start = one.listening()
    one.is_cancelled()
    assert one.status is Status.CANCELLED
    assert Unsubscribe(start) in one.commands


def test_an_event_and_a_cancellation_in_one_turn() -> None:
    one = play(f"do: [{{l: {A}}}]")
    letters = one.letters(cloud_event("a", 1))
    one.is_cancelled()
    before = list(one.history)
    one.tell(*letters)
    assert one.history == before


def test_a_failing_branch_cancels_the_listen_beside_it() -> None:
    one = play(beside("{r: {raise: {error: {type: t, status: 400}}}}"))
    loser = one.listening("x")
    one.receives(cloud_event("b"), task="l")
    assert one.error["type"] == "t"
    assert Unsubscribe(loser) in one.commands


def test_an_event_that_comes_when_a_decision_was_broken_off() -> None:
    one = play(
        f"do: [{{f: {{fork: {{branches: [{{x: {A}}}, {{y: {{wait: PT1S}}}}]}}}}}}, {{s: {{set: {{v: 1}}}}}}]",
        limit=1,
    )
    start = one.listening()
    one.tell(TimerDue(one.timers("wait")[0]), CloudEventArrived(start, 1, "e", cloud_event("a", 1)))
    assert one.output == {"v": 1}
