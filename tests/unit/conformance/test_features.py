"""Feature files: what is written in them, and where; broken ones are refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgworker.conformance.features import DocString, WrittenStep, read_features
from pgworker.errors import FeatureError

GREETING = '''\
Feature: Greeting
  As a guest

  # A comment
  Scenario: Hello
    Given a workflow with definition:
    """yaml
    do:
      - greet: {}
    """
    And given the workflow input is:
      """
      \\"\\"\\"
      """
    When the workflow is executed
'''


def _read(folder: Path, text: str, name: str = "a.feature"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return read_features(folder)


def test_steps_come_with_their_lines_and_doc_strings(tmp_path):
    (scenario,) = _read(tmp_path, GREETING)
    assert (scenario.feature, scenario.name, scenario.line) == ("Greeting", "Hello", 5)
    assert scenario.file == tmp_path / "a.feature"
    assert scenario.steps == (
        WrittenStep("a workflow with definition:", 6, DocString("do:\n  - greet: {}", "yaml")),
        WrittenStep("given the workflow input is:", 11, DocString('"""', None)),
        WrittenStep("the workflow is executed", 15),
    )


def test_the_files_below_a_folder_come_in_order_and_others_are_left_alone(tmp_path):
    _read(tmp_path, "not a feature", "README.md")
    names = ["d/a", "c", "a", "b/a", "e"]
    for name in names:
        _read(tmp_path, GREETING.replace("Hello", name), f"{name}.feature")
    assert [scenario.name for scenario in read_features(tmp_path)] == sorted(names)


def test_a_folder_without_features_has_no_scenarios(tmp_path):
    assert read_features(tmp_path) == []


def test_a_byte_order_mark_is_no_text(tmp_path):
    assert len(_read(tmp_path, "\ufeff" + GREETING)) == 1


def test_outlines_come_with_each_example_and_backgrounds_and_rules_with_their_steps(tmp_path):
    found = _read(
        tmp_path,
        """\
Feature: F
  Background:
    Given a background
  Scenario Outline: of <n>
    Then it has <n> items
    Examples:
      | n |
      | 1 |
      | 2 |
  Rule: R
    Background:
      Given a rule
    Scenario: S
      Then it has a table
        | a |
""",
    )
    texts = [[(step.text, step.line, step.has_table) for step in scenario.steps] for scenario in found]
    assert [scenario.name for scenario in found] == ["of 1", "of 2", "S"]
    assert texts == [
        [("a background", 3, False), ("it has 1 items", 5, False)],
        [("a background", 3, False), ("it has 2 items", 5, False)],
        [("a background", 3, False), ("a rule", 12, False), ("it has a table", 14, True)],
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "no feature"),
        ("# only a comment\n", 1, "no feature"),
        ("\nFeature: F\n", 2, "no scenarios"),
        ("Feature: F\n  Scenario: S\n    Given a\n    Gibberish\n", 4, "got 'Gibberish'"),
        ('Feature: F\n  Scenario: S\n    Given a\n    """\n    open\n', 6, "unexpected end of file"),
        ("# language: xx\nFeature: F\n", 1, "Language not supported: xx"),
        ("Feature: F\n  Scenario: S\n    Given a\n      | 1 |\n      | 1 | 2 |\n", 5, "inconsistent"),
    ],
)
def test_a_broken_file_is_refused_with_file_and_line(tmp_path, text, line, said):
    with pytest.raises(FeatureError) as caught:
        _read(tmp_path, text)
    assert caught.value.message.startswith(f"{tmp_path / 'a.feature'}:{line}: ")
    assert said in caught.value.message
    assert f"({line}:" not in caught.value.message


def test_a_file_that_is_no_text_is_refused_with_file_and_line(tmp_path):
    (tmp_path / "a.feature").write_bytes(b"Feature: F\n  Scenario: \xff\n")
    with pytest.raises(FeatureError, match=r"a\.feature:2: the text is not valid UTF-8"):
        read_features(tmp_path)
