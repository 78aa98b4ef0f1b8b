"""``pgworker diagram``."""

from __future__ import annotations

import pytest


def test_a_document_is_drawn_without_a_database(bare):
    answer = bare("diagram", "hello.yaml")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[0] == "flowchart TD"
    assert "set greet" in answer.out


def test_stdin_is_a_document_too(bare):
    text = (bare.folder / "waits.yaml").read_text()
    assert bare("diagram", "-", stdin=text).out == bare("diagram", "waits.yaml").out


def test_every_problem_of_a_document_is_told_as_validate_tells_it(bare):
    (bare.folder / "worse.yaml").write_text(
        (bare.folder / "bad.yaml").read_text() + "  - second: {wait: soon}\n"
    )
    drawn, validated = bare("diagram", "worse.yaml"), bare("validate", "worse.yaml")
    assert (drawn.code, drawn.out) == (1, "")
    assert drawn.err == validated.err
    assert "/do/0/first" in drawn.err
    assert "/do/1/second" in drawn.err


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["a.yaml", "b.yaml"], 2), (["nowhere.yaml"], 1)])
def test_one_readable_file_is_wanted(bare, arguments, code):
    answer = bare("diagram", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert answer.err
