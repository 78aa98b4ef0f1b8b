"""What a document is compiled to: nodes, where each leads, and their references."""

from __future__ import annotations

import pytest

from pgworker.dsl.compile import compile_value
from pgworker.expressions.durations import Duration
from pgworker.expressions.templates import Expression, Literal, Members, UriTemplate
from pgworker.plan.nodes import (
    ActivityNode,
    DoNode,
    ForNode,
    Next,
    Node,
    RaiseNode,
    SetNode,
    SwitchNode,
    WaitNode,
)
from tests.support.pure import plan_of

TEXT = """
do:
  - a: {set: {x: 1}}
  - b:
      do:
        - c: {set: {x: 1}, then: exit}
        - d:
            for: {in: .x}
            do:
              - e: {set: {x: 1}, then: end}
              - f: {set: {x: 1}, then: e}
      then: continue
  - g:
      switch:
        - always: {then: a}
        - never: {when: .x, then: exit}
        - other: {when: .y, then: continue}
  - a/b~c: {wait: PT1S}
"""


def node(written: str) -> Node:
    return plan_of(f"do: [{{t: {written}}}]").nodes["/do/0/t"]


def test_every_task_is_found_by_its_pointer() -> None:
    plan = plan_of(TEXT)
    assert set(plan.nodes) == {
        "/do/0/a",
        "/do/1/b",
        "/do/1/b/do/0/c",
        "/do/1/b/do/1/d",
        "/do/1/b/do/1/d/do/0/e",
        "/do/1/b/do/1/d/do/1/f",
        "/do/2/g",
        "/do/3/a~1b~0c",
    }
    assert all(node.reference == pointer for pointer, node in plan.nodes.items())
    assert plan.nodes["/do/3/a~1b~0c"].name == "a/b~c"


def test_every_list_is_found_by_its_pointer() -> None:
    plan = plan_of(TEXT)
    assert set(plan.lists) == {"/do", "/do/1/b/do", "/do/1/b/do/1/d/do"}
    assert {pointer: tasks.first for pointer, tasks in plan.lists.items()} == {
        "/do": "a",
        "/do/1/b/do": "c",
        "/do/1/b/do/1/d/do": "e",
    }
    assert plan.lists["/do"] is plan.body


@pytest.mark.parametrize(
    ("pointer", "then"),
    [
        ("/do/0/a", Next("b")),
        ("/do/1/b", Next("g")),
        ("/do/1/b/do/0/c", Next(exits=True)),
        ("/do/1/b/do/1/d", Next()),
        ("/do/1/b/do/1/d/do/0/e", Next(ends_workflow=True)),
        ("/do/1/b/do/1/d/do/1/f", Next("e")),
        ("/do/2/g", Next("a/b~c")),
        ("/do/3/a~1b~0c", Next()),
    ],
)
def test_where_a_task_leads_is_settled(pointer: str, then: Next) -> None:
    assert plan_of(TEXT).nodes[pointer].then == then


def test_the_default_case_comes_last_wherever_it_was_written() -> None:
    switch = plan_of(TEXT).nodes["/do/2/g"]
    assert isinstance(switch, SwitchNode)
    assert [(case.name, case.then) for case in switch.cases] == [
        ("never", Next(exits=True)),
        ("other", Next("a/b~c")),
        ("always", Next("a")),
    ]


def test_what_a_task_does_is_in_its_node() -> None:
    assert isinstance(node("{set: {a: '${ .b }'}}"), SetNode)
    assert isinstance(node("{do: [{x: {set: {a: 1}}}]}"), DoNode)
    loop = node("{for: {in: .a, each: e, at: i}, while: .b, do: [{x: {set: {a: 1}}}]}")
    assert isinstance(loop, ForNode)
    assert (loop.each, loop.at, loop.body.first) == ("e", "i", "x")
    assert loop.while_ is not None
    usual = node("{for: {in: .a}, do: [{x: {set: {a: 1}}}]}")
    assert isinstance(usual, ForNode)
    assert (usual.each, usual.at, usual.while_) == ("item", "index", None)
    assert isinstance(node("{raise: {error: {type: x, status: 400}}}"), RaiseNode)


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("PT1M", Duration(minutes=1)),
        ("{minutes: 1, seconds: 0}", Duration(minutes=1)),
        ("P1M", Duration(months=1)),
        ("{milliseconds: 20}", Duration(milliseconds=20)),
    ],
)
def test_a_written_duration_is_read_when_the_document_is(written: str, duration: Duration) -> None:
    wait = node(f"{{wait: {written}}}")
    assert isinstance(wait, WaitNode)
    assert wait.duration == duration


@pytest.mark.parametrize("written", ["'${ .d }'", "{seconds: '${ .d }'}", "'PT${ .d }S'"])
def test_a_duration_may_be_evaluated_later(written: str) -> None:
    wait = node(f"{{wait: {written}}}")
    assert isinstance(wait, WaitNode)
    assert not isinstance(wait.duration, Duration | Literal)


def test_a_call_is_an_activity_with_a_template_for_its_arguments() -> None:
    call = node("{call: http, with: {method: get, endpoint: 'http://x/{id}', body: {a: '${ .b }'}}}")
    assert isinstance(call, ActivityNode)
    assert call.activity == "http"
    assert isinstance(call.arguments, Members)
    parts = dict(call.arguments.members)
    assert isinstance(parts["endpoint"], UriTemplate)
    assert parts["method"] == Literal("get")


def test_an_endpoint_in_long_form_is_the_same() -> None:
    short = node("{call: http, with: {method: get, endpoint: 'http://x/{id}'}}")
    long = node("{call: http, with: {method: get, endpoint: {uri: 'http://x/{id}'}}}")
    assert isinstance(short, ActivityNode)
    assert isinstance(long, ActivityNode)
    assert short.arguments == long.arguments


def test_an_expression_is_the_same_bare_or_in_braces() -> None:
    bare, braced = node("{set: {a: 1}, if: .b}"), node("{set: {a: 1}, if: '${ .b }'}")
    assert isinstance(bare.condition, Expression)
    assert bare.condition == braced.condition


def test_the_plan_knows_whose_it_is() -> None:
    plan = plan_of("document: {dsl: '1.0.3', namespace: shop, name: order, version: 1.2.3-rc.1}\n" + TEXT)
    assert (plan.namespace, plan.name, plan.version) == ("shop", "order", "1.2.3-rc.1")


def test_a_stored_definition_compiles_to_the_same_plan() -> None:
    plan = plan_of(TEXT)
    again = compile_value(plan.definition)
    assert again.definition is plan.definition
    assert dict(again.nodes) == dict(plan.nodes)


def test_the_definition_is_kept_in_the_order_of_the_database() -> None:
    assert list(plan_of(TEXT).definition) == ["do", "document"]


def test_the_method_of_a_call_may_be_an_expression() -> None:
    call = node("{call: http, with: {method: '${ .method }', endpoint: 'http://x'}}")
    assert isinstance(call, ActivityNode)
    arguments = call.arguments.evaluate({"method": "put"}, lambda names: {})
    assert isinstance(arguments, dict)
    assert arguments["method"] == "put"
