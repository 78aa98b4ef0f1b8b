"""The words of jq programs: where an expression ends, and which names it uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgworker.expressions.lexer import closing_brace, tokens, variables


@pytest.mark.parametrize(
    "inside",
    [
        " .a ",
        "",
        " {a: 1} ",
        " {a: {b: {c: {}}}} ",
        ' "}" ',
        ' "{" ',
        ' "\\"}" ',
        ' "\\\\" ',
        ' "a \\(.b) }" ',
        ' "a \\({b: "}"} | .b) }" ',
        ' "x \\("y \\("z }")}")}" ',
        ' "\\((1))" ',
        ' "\\(")")" ',
        " .a # no } here\n ",
        " {a: 1 # }}}\n} ",
        ' @text "}\\(1)" ',
        ' .["}"] ',
        ' "#}" ',
        ' .a["#"] ',
    ],
)
def test_the_brace_that_closes_an_expression_is_found(inside: str) -> None:
    text = f"before ${{{inside}}} after }}"
    assert closing_brace(text, len("before ${")) == len("before ${") + len(inside)


@pytest.mark.parametrize(
    "text", ["${ .a", "${ {a: 1} ", '${ "a }', "${ # }", '${ "\\(1" }', "${ {{ }", '${ "\\']
)
def test_an_expression_that_never_ends_has_no_closing_brace(text: str) -> None:
    assert closing_brace(text, 2) == -1


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ("$a + $b", {"a", "b"}),
        ('"$no \\($yes)"', {"yes"}),
        (". as $x | $x", {"x"}),
        ("# $no\n$yes", {"yes"}),
        ("$ENV.PATH", {"ENV"}),
        ("$__loc__", {"__loc__"}),
        ("{$a, b: $c}", {"a", "c"}),
        (".a", set()),
        ('"$"', set()),
        ("$a::b", {"a::b"}),
    ],
)
def test_the_variables_of_a_program(program: str, names: set[str]) -> None:
    assert variables(program) == names


@given(st.text(alphabet='"\\(){}$.#\n ab1@|,:[];?/é', max_size=40))
def test_the_words_put_together_are_the_program(program: str) -> None:
    try:
        words = list(tokens(program))
    except ValueError:
        return
    assert "".join(word.text for word in words) == program
    assert all(program.startswith(word.text, word.start) for word in words)


@given(st.text(alphabet='"\\(){}$.#\n ab1@|,:[];?/é', max_size=40))
def test_no_text_confuses_the_search_for_the_end(program: str) -> None:
    end = closing_brace(program, 0)
    assert end == -1 or program[end] == "}"
