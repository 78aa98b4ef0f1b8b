"""Texts with ``${ }`` in them: what is an expression, what is only text, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pgworker.errors import ExpressionError, ValueRefused
from pgworker.expressions.templates import (
    Expression,
    Interpolation,
    Literal,
    UriTemplate,
    as_text,
    bare,
    embedded,
    expression,
    is_true,
    split,
    template_of,
)
from pgworker.types import JsonValue

DATA: JsonValue = {
    "name": "Ada",
    "n": 3,
    "f": 1.5,
    "t": True,
    "none": None,
    "list": [1, "a"],
    "o": {"k": "ü"},
    "evil": "${ .name }",
}


def bind(names: frozenset[str]) -> Mapping[str, JsonValue]:
    return dict.fromkeys(names, "bound")


def value_of(template: JsonValue, data: JsonValue = DATA) -> JsonValue:
    return template_of(template).evaluate(data, bind)


def uri(text: str, data: JsonValue = DATA) -> JsonValue:
    return UriTemplate(tuple(split(text))).evaluate(data, bind)


@pytest.mark.parametrize(
    "text", ["${.n}", "${ .n }", "  ${ .n }\n", '${ {a: "}"} | 3 }', "${ 3 # }\n }", '${ "\\("}")" | 3 }']
)
def test_a_text_that_is_wholly_one_expression_gives_its_value(text: str) -> None:
    assert isinstance(template_of(text), Expression)
    assert value_of(text) == 3


@pytest.mark.parametrize(
    "text",
    ["", "plain", "$", "{}", "{ .n }", "$ { .n }", "$name", "$.n", "#{ .n }", "{{ .n }}", "}${", "a } b"],
)
def test_a_text_without_an_expression_is_itself(text: str) -> None:
    assert template_of(text) == Literal(text)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Hello ${ .name }!", "Hello Ada!"),
        ("${ .name }${ .n }", "Ada3"),
        ("${ .name } ${ .name }", "Ada Ada"),
        ("a ${ .n } b", "a 3 b"),
        ("a ${ .f } b", "a 1.5 b"),
        ("a ${ .t } b", "a true b"),
        ("a ${ .none } b", "a null b"),
        ("a ${ empty } b", "a null b"),
        ("a ${ .list } b", 'a [1,"a"] b'),
        ("a ${ .o } b", 'a {"k":"ü"} b'),
        ("a ${ .evil } b", "a ${ .name } b"),
        ("${ .n } } ${ .n", "3 } ${ .n"),
        ('x ${ "}" } y', "x } y"),
        ("x ${ $v } y", "x bound y"),
        ("$${ .n }", "$3"),
        ("${ .n, 4 } x", "3 x"),
    ],
)
def test_expressions_among_text_are_put_in(text: str, result: str) -> None:
    assert isinstance(template_of(text), Interpolation)
    assert value_of(text) == result


def test_what_comes_from_data_is_never_evaluated() -> None:
    assert value_of("${ .evil }") == "${ .name }"
    assert value_of({"a": "${ .evil }"}) == {"a": "${ .name }"}


def test_expressions_are_found_at_every_depth_and_keys_are_left_alone() -> None:
    template: JsonValue = {"a": [{"b": "${ .n }", "${ .n }": "x"}, "${ .name }", 1, None]}
    assert value_of(template) == {"a": [{"b": 3, "${ .n }": "x"}, "Ada", 1, None]}


@pytest.mark.parametrize("value", [{"a": [1, {"b": None}]}, [], {}, 1, None, True, [["x"]]])
def test_a_value_without_expressions_is_not_taken_apart(value: JsonValue) -> None:
    assert template_of(value) == Literal(value)
    assert value_of(value) is value


@pytest.mark.parametrize("value", ["${ .a + }", {"x": ["${ ) }"]}, "a ${ if } b", "${ }", "x ${} y"])
def test_a_broken_expression_is_refused_when_the_template_is_made(value: JsonValue) -> None:
    with pytest.raises(ExpressionError):
        template_of(value).evaluate(DATA, bind)


def test_a_failing_expression_fails_the_whole_template() -> None:
    with pytest.raises(ExpressionError, match="Cannot"):
        value_of({"a": "${ .n.x }"})


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (".a", ".a"),
        ("${ .a }", ".a"),
        ("  ${.a}  ", ".a"),
        (" .a ", ".a"),
        ("${ .a } + ${ .b }", "${ .a } + ${ .b }"),
        ("{a: 1}", "{a: 1}"),
        ("${ {a: 1} }", "{a: 1}"),
    ],
)
def test_an_expression_is_written_bare_or_in_braces(text: str, inside: str) -> None:
    assert bare(text) == inside


def test_both_ways_of_writing_an_expression_mean_the_same() -> None:
    assert expression(".n + 1").evaluate(DATA, bind) == expression("${ .n + 1 }").evaluate(DATA, bind) == 4


def test_the_programs_inside_a_text_are_found_in_order() -> None:
    assert list(embedded('a ${ .x } b ${ "}" } c')) == [".x", '"}"']
    assert list(embedded("nothing")) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ("", ""), (1, "1"), (1.5, "1.5"), (None, "null"), (False, "false"), ([1, "é"], '[1,"é"]')],
)
def test_how_a_value_reads_inside_a_text(value: JsonValue, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "truth"),
    [(None, False), (False, False), (True, True), (0, True), ("", True), ([], True), ({}, True), (0.0, True)],
)
def test_truth_is_that_of_jq(value: JsonValue, truth: bool) -> None:
    assert is_true(value) is truth


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("https://x.test/{name}/{n}", "https://x.test/Ada/3"),
        ("https://x.test/{missing}/{none}", "https://x.test//"),
        ("https://x.test/{t}", "https://x.test/true"),
        ("https://x.test/${ .o.k }", "https://x.test/ü"),
        ("https://x.test/${ .n }/{name}", "https://x.test/3/Ada"),
        ("${ .name }", "Ada"),
        ("${ .name }/{evil}", "Ada/%24%7B%20.name%20%7D"),
        ("https://x.test/${ {n: 1} | .n }", "https://x.test/1"),
    ],
)
def test_a_uri_takes_names_and_expressions(text: str, result: str) -> None:
    assert uri(text) == result


def test_a_slash_in_data_does_not_lengthen_the_path() -> None:
    assert uri("https://x.test/{p}", {"p": "../a?b#c"}) == "https://x.test/..%2Fa%3Fb%23c"


@pytest.mark.parametrize("data", ["text", 1, None, [1]])
def test_data_that_is_no_object_has_no_names(data: JsonValue) -> None:
    assert uri("https://x.test/{name}", data) == "https://x.test/"


@pytest.mark.parametrize("name", ["list", "o"])
def test_lists_and_objects_do_not_fit_into_a_uri(name: str) -> None:
    with pytest.raises(ExpressionError, match="only single values"):
        uri(f"https://x.test/{{{name}}}")


def test_half_a_surrogate_pair_does_not_fit_into_a_uri() -> None:
    with pytest.raises(ExpressionError):
        uri("https://x.test/{x}", {"x": "\ud800"})


@pytest.mark.parametrize(
    "program",
    ["pow(10; 400)", "reduce range(300) as $i (1; [.])", "[.half]", "nan", "infinite"],
    ids=["too large", "too deep", "half a surrogate pair", "not a number", "infinite"],
)
def test_a_value_that_cannot_be_written_as_json_fails_the_interpolation(program: str) -> None:
    with pytest.raises((ExpressionError, ValueRefused)):
        value_of(f"a ${{ {program} }}", {"half": "\ud800"})
    with pytest.raises((ExpressionError, ValueRefused)):
        uri(f"https://x.test/${{ {program} }}", {"half": "\ud800"})


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("9223372036854775807 * 4", "3.6893488147419103e+19"),
        ("1e2", "100"),
        ("1.5 * 2", "3"),
        ("5 / 0.5", "10"),
    ],
)
def test_whole_numbers_are_put_in_without_a_fraction(program: str, text: str) -> None:
    assert value_of(f"v${{ {program} }}") == f"v{text}"
