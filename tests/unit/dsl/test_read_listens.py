"""Listens and schedules in documents: what they compile to, and what is refused where."""

from __future__ import annotations

import pytest

from pgworker.errors import Problem
from pgworker.expressions.templates import Expression, Interpolation, Literal
from pgworker.plan.listening import Mode, Pattern, Read, Strategy
from pgworker.plan.nodes import ListenNode
from pgworker.plan.schedule import Schedule
from tests.support.pure import plan_of, problems_of

SET = "[{s: {set: {x: 1}}}]"


def listen(task: str) -> ListenNode:
    """The node of a listen."""
    node = plan_of(f"do: [{{t: {task}}}]").nodes["/do/0/t"]
    assert isinstance(node, ListenNode)
    return node


def only(text: str) -> Problem:
    """The one problem of a text."""
    (problem,) = problems_of(text)
    return problem


def schedule(written: str) -> Schedule:
    """The schedule of a document."""
    found = plan_of(f"schedule: {written}\ndo: {SET}").schedule
    assert found is not None
    return found


def test_a_listen_of_one_event() -> None:
    node = listen("{listen: {to: {one: {with: {type: a}}}}}")
    assert (node.kind, node.read, node.foreach) == ("listen", Read.DATA, None)
    assert node.strategy.mode is Mode.ONE
    assert node.strategy.until is None
    (filter_,) = node.strategy.filters
    assert filter_.attributes == (("type", Literal("a")),)
    assert filter_.type == "a"


@pytest.mark.parametrize("read", ["data", "envelope", "raw"])
def test_what_is_read(read: str) -> None:
    assert listen(f"{{listen: {{to: {{any: []}}, read: {read}}}}}").read is Read(read)


def test_any_of_nothing_is_a_filter_that_lets_everything_pass() -> None:
    (filter_,) = listen("{listen: {to: {any: []}}}").strategy.filters
    assert (filter_.attributes, filter_.keys, filter_.type) == ((), (), None)


def test_until_is_an_expression_or_a_strategy() -> None:
    until = listen("{listen: {to: {any: [], until: '${ . | length > 2 }'}}}").strategy.until
    assert isinstance(until, Expression)
    until = listen("{listen: {to: {any: [], until: . == 1}}}").strategy.until
    assert isinstance(until, Expression)
    strategy = listen(
        "{listen: {to: {any: [], until: {all: [{with: {type: b}}, {with: {type: c}}]}}}}"
    ).strategy
    assert isinstance(strategy.until, Strategy)
    assert strategy.until.mode is Mode.ALL
    assert [filter_.type for filter_ in strategy.all_filters] == [None, "b", "c"]


def test_attributes_are_texts_patterns_or_expressions_the_cheap_ones_first() -> None:
    node = listen(
        "{listen: {to: {one: {with:"
        " {subject: '${ .x }', source: 'a${ $workflow.id }', type: a.b, id: 'x|y'}}}}}"
    )
    kinds = [(name, type(test)) for name, test in node.strategy.filters[0].attributes]
    assert kinds == [
        ("type", Literal),
        ("id", Pattern),
        ("source", Interpolation),
        ("subject", Expression),
    ]


def test_what_is_no_regular_expression_is_meant_as_it_is_written() -> None:
    node = listen("{listen: {to: {one: {with: {subject: '(a', data: 'a|b'}}}}}")
    assert [test for _, test in node.strategy.filters[0].attributes] == [Literal("a|b"), Literal("(a")]


def test_correlations() -> None:
    node = listen(
        "{listen: {to: {one: {with: {type: a}, correlate:"
        " {k: {from: .k}, l: {from: '${ .l }', expect: '${ $input.l }'}, m: {from: .m, expect: five}}}}}}"
    )
    first, second, third = node.strategy.filters[0].keys
    assert (first.name, first.source.program.text, first.expect) == ("k", ".k", None)
    assert (second.name, second.source.program.text, type(second.expect)) == ("l", ".l", Expression)
    assert third.expect == Literal("five")


def test_foreach() -> None:
    node = listen("{listen: {to: {any: []}}, foreach: {}}")
    assert node.foreach is not None
    assert (node.foreach.each, node.foreach.at, node.foreach.body) == ("item", "index", None)
    plan = plan_of(
        "do: [{t: {listen: {to: {any: []}}, foreach: {item: e, at: i, do: [{s: {set: {x: '${ [$e, $i] }'}}}],"
        " output: {as: $e, schema: {document: {}}}, export: {as: '[$i]'}}}}]"
    )
    other = plan.nodes["/do/0/t"]
    assert isinstance(other, ListenNode)
    assert other.foreach is not None
    assert other.foreach.body is plan.lists["/do/0/t/foreach/do"]
    assert other.foreach.flow.output_as is not None
    assert other.foreach.flow.output_schema is not None
    assert other.foreach.flow.export_as is not None
    assert "/do/0/t/foreach/do/0/s" in plan.nodes


REFUSED = [
    ("{listen: 5}", "/listen", "found the number 5"),
    ("{listen: {}}", "/listen", "`listen` lacks `to`"),
    ("{listen: {to: {any: []}, reed: data}}", "/listen/reed", "`listen` has no `reed`"),
    ("{listen: {to: {any: []}, read: all}}", "/listen/read", "found `all`"),
    ("{listen: {to: []}}", "/listen/to", "found an array"),
    ("{listen: {to: {}}}", "/listen/to", "found none of `one`, `any` and `all`"),
    ("{listen: {to: {any: [], all: []}}}", "/listen/to", "found 2 of"),
    ("{listen: {to: {any: [], some: 1}}}", "/listen/to/some", "this strategy has no `some`"),
    ("{listen: {to: {all: [], until: .x}}}", "/listen/to/until", "this strategy has no `until`"),
    ("{listen: {to: {one: {with: {type: a}}, until: .x}}}", "/listen/to/until", "has no `until`"),
    ("{listen: {to: {any: {with: {type: a}}}}}", "/listen/to/any", "found an object"),
    ("{listen: {to: {one: []}}}", "/listen/to/one", "found an array"),
    ("{listen: {to: {one: {}}}}", "/listen/to/one", "the filter lacks `with`"),
    ("{listen: {to: {one: {with: {}}}}}", "/listen/to/one/with", "the filter says nothing"),
    ("{listen: {to: {one: {with: a}}}}", "/listen/to/one/with", "found the text `a`"),
    ("{listen: {to: {one: {with: {type: 5}}}}}", "/listen/to/one/with/type", "found the number 5"),
    ("{listen: {to: {one: {with: {data: '${ .[ }'}}}}}", "/listen/to/one/with/data", ""),
    ("{listen: {to: {one: {with: {data: '${ $item }'}}}}}", "/listen/to/one/with/data", "$item"),
    ("{listen: {to: {one: {with: {type: a}, when: .x}}}}", "/listen/to/one/when", "has no `when`"),
    ("{listen: {to: {one: {with: {type: a}, correlate: []}}}}", "/listen/to/one/correlate", "an array"),
    ("{listen: {to: {one: {with: {type: a}, correlate: {k: .x}}}}}", "/listen/to/one/correlate/k", ".x"),
    ("{listen: {to: {one: {with: {type: a}, correlate: {k: {}}}}}}", "/listen/to/one/correlate/k", "`from`"),
    (
        "{listen: {to: {one: {with: {type: a}, correlate: {k: {from: '.['}}}}}}",
        "/listen/to/one/correlate/k/from",
        "",
    ),
    (
        "{listen: {to: {one: {with: {type: a}, correlate: {k: {from: .x, expect: 5}}}}}}",
        "/listen/to/one/correlate/k/expect",
        "found the number 5",
    ),
    (
        "{listen: {to: {one: {with: {type: a}, correlate: {k: {from: .x, is: 5}}}}}}",
        "/listen/to/one/correlate/k/is",
        "a correlation has no `is`",
    ),
    ("{listen: {to: {any: [], until: 5}}}", "/listen/to/until", "found the number 5"),
    ("{listen: {to: {any: [], until: '.['}}}", "/listen/to/until", ""),
    ("{listen: {to: {any: [], until: {}}}}", "/listen/to/until", "found none of"),
    ("{listen: {to: {any: [], until: {any: [], until: .x}}}}", "/listen/to/until/until", "has no `until`"),
    ("{listen: {to: {any: []}}, foreach: 5}", "/foreach", "found the number 5"),
    ("{listen: {to: {any: []}}, foreach: {each: x}}", "/foreach/each", "`foreach` has no `each`"),
    ("{listen: {to: {any: []}}, foreach: {item: $x}}", "/foreach/item", "cannot be the name"),
    ("{listen: {to: {any: []}}, foreach: {item: input}}", "/foreach/item", "bound everywhere already"),
    ("{listen: {to: {any: []}}, foreach: {at: '1'}}", "/foreach/at", "cannot be the name"),
    ("{listen: {to: {any: []}}, foreach: {item: x, at: x}}", "/foreach/item", "both named `x`"),
    ("{listen: {to: {any: []}}, foreach: {at: item}}", "/foreach/at", "both named `item`"),
    ("{listen: {to: {any: []}}, foreach: {do: {}}}", "/foreach/do", "found an object"),
    ("{listen: {to: {any: []}}, foreach: {do: [{s: {st: 1}}]}}", "/foreach/do/0/s", "`st` is not a kind"),
    ("{listen: {to: {any: []}}, foreach: {output: {from: .}}}", "/foreach/output/from", "has no `from`"),
    ("{listen: {to: {any: []}}, foreach: {export: {as: $x}}}", "/foreach/export/as", "$x"),
    ("{listen: {to: {any: []}}, output: {as: $item}}", "/output/as", "$item"),
    ("{listen: {to: {any: []}}, for: {in: .}}", "", "a task is of one kind"),
]


@pytest.mark.parametrize(("written", "pointer", "message"), REFUSED)
def test_a_listen_is_refused_at_the_place_of_its_mistake(written: str, pointer: str, message: str) -> None:
    problem = only(f"do: [{{t: {written}}}]")
    assert problem.pointer == f"/do/0/t{pointer}"
    assert message in problem.message


@pytest.mark.parametrize(
    ("written", "way"),
    [
        ("{every: PT5M}", "every"),
        ("{every: {minutes: 5}}", "every"),
        ("{every: P1M}", "every"),
        ("{after: PT0S}", "after"),
        ("{cron: '0 6 * * 1-5'}", "cron"),
        ("{cron: 'CRON_TZ=Europe/Berlin 0 6 * * *'}", "cron"),
        ("{on: {one: {with: {type: a}}}}", "on"),
        ("{on: {any: []}, read: envelope}", "on"),
    ],
)
def test_ways_to_be_scheduled(written: str, way: str) -> None:
    found = schedule(written)
    assert [name for name in ("every", "cron", "after", "on") if getattr(found, name) is not None] == [way]
    assert found.read is (Read.ENVELOPE if "envelope" in written else Read.DATA)


@pytest.mark.parametrize(
    ("written", "pointer", "message"),
    [
        ("5", "", "found the number 5"),
        ("{evry: PT1S}", "/evry", "a schedule has no `evry`"),
        ("{every: PT1S, after: PT1S}", "", "found `after`, `every`"),
        ("{every: PT0S}", "/every", "the interval has no length"),
        ("{every: {}}", "/every", ""),
        ("{every: '${ .x }'}", "/every", "fixed when the workflow is defined"),
        ("{every: sometimes}", "/every", ""),
        ("{every: P9000Y}", "/every", "outlasts the calendar"),
        ("{after: P9000Y}", "/after", "outlasts the calendar"),
        ("{after: '${ .x }'}", "/after", "fixed when the workflow is defined"),
        ("{cron: 5}", "/cron", "found the number 5"),
        ("{cron: '* * * *'}", "/cron", "5 fields, and this has 4"),
        ("{cron: 'CRON_TZ=Mars 0 0 * * *'}", "/cron", "no time zone `Mars`"),
        ("{on: {}}", "/on", "found none of"),
        ("{on: {one: {with: {data: '${ .[ }'}}}}", "/on/one/with/data", ""),
        ("{on: {any: []}, read: none}", "/read", "found `none`"),
        ("{every: PT1S, read: data}", "/read", "`read` goes with `on` only"),
        ("{read: data}", "/read", "`read` goes with `on` only"),
    ],
)
def test_a_schedule_is_refused_at_the_place_of_its_mistake(written: str, pointer: str, message: str) -> None:
    problem = only(f"schedule: {written}\ndo: {SET}")
    assert problem.pointer == f"/schedule{pointer}"
    assert message in problem.message
