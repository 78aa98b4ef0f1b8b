"""Phrases: each means what the kit says, and what it does not say is refused."""

from __future__ import annotations

import pytest

from pgworker.conformance.features import DocString, WrittenStep
from pgworker.conformance.steps import (
    CompletesWith,
    Define,
    Ends,
    Execute,
    FaultsWith,
    GiveInput,
    OutputHas,
    OutputHasItems,
    OutputHasValue,
    RunsBefore,
    RunsFirst,
    RunsLast,
    understood,
)
from pgworker.errors import Unmet


def _step(text: str, doc: str | None = None, media_type: str | None = "yaml") -> WrittenStep:
    return WrittenStep(text, 1, None if doc is None else DocString(doc, media_type))


@pytest.mark.parametrize(
    ("text", "doc", "expected"),
    [
        ("a workflow with definition:", "do: []", Define({"do": []})),
        ("the workflow input is:", "a: 1.0", GiveInput({"a": 1})),
        ("given the workflow input is:", "[ red ]", GiveInput(["red"])),
        ("the workflow is executed", None, Execute()),
        ("the workflow should cancel", None, Ends(None, "CANCELLED")),
        ("the workflow should complete", None, Ends(None, "COMPLETED")),
        ("the workflow should fault", None, Ends(None, "FAILED")),
        ("the workflow should complete with output:", "1", CompletesWith(None, 1)),
        ("the workflow should fault with error:", "status: 400", FaultsWith(None, {"status": 400})),
        ("the workflow output should have properties 'a', 'b.c','d'", None, OutputHas(("a", "b.c", "d"))),
        ("the workflow output should have property 'a'", None, OutputHas(("a",))),
        (
            "the workflow output should have a 'e.instance' property with value:",
            "/do/0/a",
            OutputHasValue("e.instance", "/do/0/a"),
        ),
        (
            "the workflow output should have an 'a' property containing 12 items",
            None,
            OutputHasItems("a", 12),
        ),
        ("the workflow output should have a 'a' property containing 1 item", None, OutputHasItems("a", 1)),
        ("greet should run first", None, RunsFirst("greet")),
        ("greet should run last", None, RunsLast("greet")),
        ("greet should run before leave", None, RunsBefore("greet", "leave")),
        ("leave should run after greet", None, RunsBefore("greet", "leave")),
        ("greet should cancel", None, Ends("greet", "CANCELLED")),
        ("greet should complete", None, Ends("greet", "COMPLETED")),
        ("greet should fault", None, Ends("greet", "FAILED")),
        ("greet should complete with output:", "# nothing", CompletesWith("greet", None)),
        ("my task should fault with error:", "{type: a}", FaultsWith("my task", {"type": "a"})),
        ("then greet should complete", None, Ends("greet", "COMPLETED")),
    ],
)
def test_a_phrase_means_what_the_kit_says(text, doc, expected):
    assert understood(_step(text, doc)) == expected


@pytest.mark.parametrize(
    ("text", "doc", "said"),
    [
        ("the workflow should compleet", None, "`the workflow should compleet` is no step of the kit"),
        ("the workflow should complete quickly", None, "is no step of the kit"),
        ("the workflow output should have properties a, b", None, "is no step of the kit"),
        ("the workflow output should have a 'a' property containing few items", None, "is no step"),
        ("a workflow with definition:", None, "needs a doc string"),
        ("the workflow should complete with output:", None, "needs a doc string"),
        ("the workflow should complete", "a: 1", "takes none"),
        ("a workflow with definition:", "- a", "cannot be read: /: the document is not a mapping"),
        ("the workflow input is:", "a: [", "the doc string cannot be read: "),
        ("the workflow input is:", "a: {b: *c}", "/a/b: the alias *c has no anchor"),
        ("the workflow input is:", '"\\0"', "NUL"),
        ("greet should fault with error:", "400", "the expected error is no mapping"),
        ("greet should fault with error:", "{}", "the expected error is no mapping"),
    ],
)  # fmt: skip
def test_what_the_kit_does_not_say_is_refused(text, doc, said):
    with pytest.raises(Unmet) as caught:
        understood(_step(text, doc))
    assert said in caught.value.message


@pytest.mark.parametrize("media_type", [None, "yaml", "json"])
def test_doc_strings_are_yaml_or_json(media_type):
    assert understood(_step("the workflow input is:", '{"a": 1}', media_type)) == GiveInput({"a": 1})


def test_doc_strings_of_other_kinds_are_refused():
    with pytest.raises(Unmet, match="the doc string is `xml`"):
        understood(_step("the workflow input is:", "a: 1", "xml"))


def test_tables_are_refused():
    with pytest.raises(Unmet, match="has a table"):
        understood(WrittenStep("the workflow is executed", 1, has_table=True))
