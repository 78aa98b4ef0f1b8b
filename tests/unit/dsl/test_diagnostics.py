"""Problems are told with their place, what was expected and what to do."""

from __future__ import annotations

import pytest

from pgworker.dsl.diagnostics import place, quoted, render, suggest
from pgworker.dsl.document import Document
from pgworker.dsl.load import load
from pgworker.errors import DocumentError, Problem


def test_a_problem_is_a_paragraph_with_everything_that_is_known() -> None:
    problem = Problem("/do/0/greet", "unknown task", "one of set, call", "quote it", 3, 5)
    assert render(DocumentError([problem], source="greet.yaml")) == (
        "greet.yaml:3:5: unknown task\n  at /do/0/greet\n  expected: one of set, call\n  hint: quote it"
    )


def test_what_is_not_known_is_left_out() -> None:
    assert render(DocumentError([Problem("", "nothing to do")])) == (
        "<document>: nothing to do\n  at the root of the document"
    )


def test_several_problems_are_paragraphs_apart() -> None:
    rendered = render(DocumentError([Problem("/a", "one"), Problem("/b", "two")]))
    assert [paragraph.splitlines()[1] for paragraph in rendered.split("\n\n")] == ["  at /a", "  at /b"]


def test_control_characters_do_not_reach_the_terminal() -> None:
    rendered = render(DocumentError([Problem("/\x1b[31m", "bad\u202e\nword")], source="a\tb"))
    assert rendered == "a\\tb: bad\\u202e\\nword\n  at /\\x1b[31m"


def test_a_refused_text_renders_without_a_trace_of_the_parser() -> None:
    with pytest.raises(DocumentError) as caught:
        load("do: [", "broken.yaml")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert render(caught.value).startswith("broken.yaml:1:6: this is not YAML: ")


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("swich", 'did you mean "switch"?'),
        ("DO", 'did you mean "do"?'),
        ("banana", None),
        ("", None),
        ("s" * 10**6, None),
    ],
)
def test_the_nearest_candidate_is_suggested_if_one_is_near(word: str, answer: str | None) -> None:
    assert suggest(word, iter(["do", "set", "switch"])) == answer


def test_problems_get_their_place_from_the_document() -> None:
    document = load("do:\n  - a:\n      set: {}\n")
    placed = place([Problem("/do/0/a/set", "bad"), Problem("/do/0/a/nothing", "bad")], document)
    assert [(problem.line, problem.column) for problem in placed] == [(3, 7), (2, 5)]


def test_a_place_that_is_known_already_stays() -> None:
    problem = Problem("/do", "bad", line=9, column=9)
    assert place([problem], load("do: []")) == [problem]


def test_a_document_without_text_has_no_places() -> None:
    document = Document.from_value({"do": []}, "greet:1.0.0")
    problem = Problem("/do", "bad")
    assert document.source == "greet:1.0.0"
    assert place([problem], document) == [problem]


def test_long_words_are_shortened_in_messages() -> None:
    assert quoted("x" * 1000) == '"' + "x" * 60 + '…"'
