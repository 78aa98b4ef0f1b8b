"""``foreach`` of a ``listen``: something is done with each CloudEvent, one after the other."""

from __future__ import annotations

from pgworker.engine import events
from pgworker.engine.commands import Consume, LookAgain, Unsubscribe
from pgworker.engine.state import Status
from tests.support.post import Post, of_kind
from tests.support.pure import Play, cloud_event, error_kind, play

A = "{with: {type: a}}"
B = "{with: {type: b}}"
C = "{with: {type: c}}"
CALL = "call: http, with: {method: get, endpoint: 'http://shop.test'}"


def foreach(each: str, to: str = f"{{any: [{A}], until: {{one: {B}}}}}", rest: str = "") -> Play:
    """A workflow that does something with each event until a ``b`` comes; its input is ``{n: 1}``."""
    return play(f"do: [{{l: {{listen: {{to: {to}}}, foreach: {each}{rest}}}}}]", {"n": 1})


def test_the_output_is_what_was_made_of_each() -> None:
    office = Post(foreach("{do: [{s: {set: {got: '${ $item }', at: '${ $index }', in: '${ .n }'}}}]}"))
    assert office.publish(cloud_event("a", "x"), cloud_event("a", "y")).status is Status.RUNNING
    assert office.publish(cloud_event("b")).output == [
        {"got": "x", "at": 0, "in": 1},
        {"got": "y", "at": 1, "in": 1},
    ]


def test_half_of_what_ends_it_is_no_item() -> None:
    office = Post(
        foreach("{do: [{s: {set: {got: '${ $item }'}}}]}", to=f"{{any: [{A}], until: {{all: [{B}, {C}]}}}}")
    )
    assert office.publish(cloud_event("b")).status is Status.RUNNING
    assert office.publish(cloud_event("a", "x"), cloud_event("c")).output == [{"got": "x"}]


def test_the_item_and_its_index_can_be_named() -> None:
    office = Post(foreach("{item: e, at: i, do: [{s: {set: '${ [$e, $i] }'}}]}"))
    assert office.publish(cloud_event("a", "x"), cloud_event("b")).output == [["x", 0]]


def test_without_tasks_the_item_is_what_comes_out() -> None:
    office = Post(foreach("{}"))
    assert office.publish(cloud_event("a", "x"), cloud_event("a", "y"), cloud_event("b")).output == ["x", "y"]


def test_each_iteration_begins_with_the_input_of_the_listen() -> None:
    office = Post(foreach("{do: [{s: {set: {n: '${ .n + 1 }'}}}]}", rest=", input: {from: '{n: 5}'}"))
    assert office.publish(cloud_event("a"), cloud_event("a", 2), cloud_event("b")).output == [
        {"n": 6},
        {"n": 6},
    ]


def test_what_each_makes_is_transformed_and_exported() -> None:
    office = Post(
        foreach(
            "{do: [{s: {set: {v: '${ $item * 2 }'}}}], output: {as: '{twice: .v, item: $item, at: $index}'},"
            " export: {as: '$context + [.twice]'}}"
        )
    )
    one = office.publish(cloud_event("a", 1), cloud_event("a", 2), cloud_event("b"))
    assert one.output == [{"twice": 2, "item": 1, "at": 0}, {"twice": 4, "item": 2, "at": 1}]
    assert one.state.context == [2, 4]


def test_what_is_exported_is_seen_by_the_next_iteration() -> None:
    office = Post(foreach("{do: [{s: {set: {before: '${ $context }'}}}], export: {as: $item}}"))
    one = office.publish(cloud_event("a", 1), cloud_event("a", 2), cloud_event("b"))
    assert one.output == [{"before": None}, {"before": 1}]


def test_what_does_not_conform_to_the_schema_of_an_iteration_fails_the_listen() -> None:
    one = foreach("{output: {schema: {document: {type: number}}}}").receives(cloud_event("a", "text"))
    assert error_kind(one.error) == "validation"
    assert "iteration's output" in str(one.error["detail"])


def test_a_context_that_does_not_conform_fails_the_listen() -> None:
    one = foreach("{export: {as: ., schema: {document: {type: number}}}}").receives(cloud_event("a", "text"))
    assert error_kind(one.error) == "validation"
    assert one.state.context is None


def test_an_iteration_ends_with_exit() -> None:
    office = Post(foreach("{do: [{s: {set: {v: 1}, then: exit}}, {never: {set: {v: 2}}}]}"))
    one = office.publish(cloud_event("a"), cloud_event("b"))
    assert one.output == [{"v": 1}]


def test_end_within_an_iteration_ends_the_workflow() -> None:
    one = play(
        f"do: [{{l: {{listen: {{to: {{any: [{A}], until: {{one: {B}}}}}}},"
        " foreach: {do: [{s: {set: {v: 1}, then: end}}]}}}, {never: {set: {v: 2}}}]"
    )
    one.receives(cloud_event("a"))
    assert one.output == {"v": 1}
    assert Unsubscribe(one.of(events.LISTEN_STARTED)[0].start) in one.commands


def test_one_and_all_have_iterations_too() -> None:
    office = Post(
        foreach("{do: [{s: {set: '${ [$item] }'}}]}", f"{{all: [{A}, {B}]}}"),
    )
    assert office.publish(cloud_event("b", 1)).status is Status.RUNNING
    assert office.publish(cloud_event("a", 2)).output == [[1], [2]]


def test_until_is_asked_after_each_iteration() -> None:
    to = f"{{any: [{A}], until: '($context | length) == 2'}}"
    office = Post(foreach("{export: {as: '$context + [.]'}}", to))
    assert office.publish(cloud_event("a", 1)).status is Status.RUNNING
    assert office.publish(cloud_event("a", 2), cloud_event("a", 3)).output == [1, 2]


def test_what_comes_while_an_iteration_runs_is_left_until_it_has_ended() -> None:
    office = Post(foreach(f"{{do: [{{c: {{{CALL}}}}}]}}"))
    one = office.publish(cloud_event("a", 1), cloud_event("a", 2))
    listen = one.listening()
    assert one.examined == {listen: 1}
    office.publish(cloud_event("a", 3), cloud_event("b"))
    assert len(one.of(events.EVENT_RECEIVED)) == 1
    one.returns("first")
    assert of_kind(one.commands, LookAgain) == [LookAgain(listen)]
    for result in ("second", "third"):
        office.deliver()
        one.returns(result)
    assert office.deliver().output == ["first", "second", "third"]
    assert len(of_kind(one.commands, Consume)) == 4


def test_what_would_end_the_listening_waits_for_its_turn() -> None:
    office = Post(foreach(f"{{do: [{{c: {{{CALL}}}}}]}}"))
    one = office.publish(cloud_event("a", 1), cloud_event("b"), cloud_event("a", 2))
    one.returns("only")
    assert office.deliver().output == ["only"]


def test_an_error_in_an_iteration_fails_the_listen_and_ends_it() -> None:
    one = foreach(f"{{do: [{{c: {{{CALL}}}}}]}}").receives(cloud_event("a", 1))
    one.fails()
    assert error_kind(one.error) == "communication"
    assert one.error["instance"] == "/do/0/l/foreach/do/0/c"
    assert Unsubscribe(2) in one.commands


def test_a_timeout_interrupts_the_iteration_that_runs() -> None:
    one = foreach(f"{{do: [{{c: {{{CALL}}}}}]}}", rest=", timeout: {after: PT1M}").receives(
        cloud_event("a", 1)
    )
    one.fires("timeout")
    assert error_kind(one.error) == "timeout"
    assert events.TASK_CANCELLED in one.types


def test_a_timeout_between_two_iterations_ends_the_listen() -> None:
    one = foreach("{}", rest=", timeout: {after: PT1M}").receives(cloud_event("a", 1))
    one.fires("timeout")
    assert error_kind(one.error) == "timeout"
    assert Unsubscribe(2) in one.commands


def test_tasks_of_an_iteration_tell_its_index() -> None:
    one = foreach("{do: [{s: {set: {v: 1}}}]}").receives(cloud_event("a", 1))
    one.receives(cloud_event("a", 2))
    assert [event.data.get("iteration") for event in one.of(events.TASK_COMPLETED)] == [0, 1]


def test_a_listen_may_listen_within_an_iteration() -> None:
    office = Post(
        foreach(
            "{item: order, do: [{paid: {listen: {to: {one: {with: {type: paid},"
            " correlate: {id: {from: .data.id, expect: '${ $order }'}}}}}}}]}"
        )
    )
    one = office.publish(cloud_event("a", 7), cloud_event("paid", {"id": 8}), cloud_event("paid", {"id": 7}))
    assert one.ran == ["paid"]
    office.publish(cloud_event("a", 8))
    assert office.publish(cloud_event("b")).output == [[{"id": 7}], [{"id": 8}]]
