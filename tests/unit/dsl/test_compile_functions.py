"""Calls of Python functions: only what is declared can be called, and only by its very name."""

from __future__ import annotations

import pytest

from pgworker.dsl.compile import compile_document
from pgworker.dsl.document import Document
from pgworker.dsl.v1_0.registered import registered_functions
from pgworker.errors import DocumentError, Rule
from pgworker.expressions.sealing import Seal
from pgworker.plan.nodes import ActivityNode, FunctionNode
from pgworker.types import JsonObject
from tests.support.calls import document

KNOWN = registered_functions(["score", "rank"])


def node(task: JsonObject, **more: object) -> object:
    value = document(task) | more
    return compile_document(Document.from_value(value), KNOWN).plan.nodes["/do/0/t"]


def test_a_declared_function_is_called_with_evaluated_arguments() -> None:
    found = node({"call": "score", "with": {"who": "${ .name }", "n": 1}})
    assert isinstance(found, ActivityNode)
    assert found.activity == "function"
    evaluated = found.arguments.evaluate({"name": "Ada"}, lambda _: {})
    assert evaluated == {"function": "score", "with": {"who": "Ada", "n": 1}}


def test_arguments_may_be_left_out() -> None:
    found = node({"call": "rank"})
    assert isinstance(found, ActivityNode)
    assert found.arguments.evaluate({}, lambda _: {}) == {"function": "rank", "with": {}}


def test_secrets_among_the_arguments_are_sealed() -> None:
    found = node({"call": "score", "with": {"key": "${ $secrets.key }"}}, use={"secrets": ["key"]})
    assert isinstance(found, ActivityNode)
    assert [seal.path for seal in found.sealed if isinstance(seal, Seal)] == [("with", "key")]
    assert found.arguments.evaluate({}, lambda _: {}) == {"function": "score", "with": {"key": None}}


def test_the_document_s_own_function_of_the_name_comes_first() -> None:
    found = node({"call": "score"}, use={"functions": {"score": {"set": {"a": 1}}}})
    assert isinstance(found, FunctionNode)


@pytest.mark.parametrize(
    ("task", "message", "hint"),
    [
        ({"call": "scroe"}, "`scroe` is no protocol and no function", 'did you mean "score"?'),
        ({"call": "function:score"}, "`function:score` is no protocol", "define it under"),
        ({"call": "other"}, "`other` is no protocol and no function", "have a worker register it"),
    ],
)
def test_any_other_name_is_refused_as_before(task: JsonObject, message: str, hint: str) -> None:
    with pytest.raises(DocumentError) as caught:
        node(task)
    [problem] = caught.value.problems
    assert message in problem.message
    assert hint in str(problem.hint)
    assert problem.rule == Rule.NAME
    assert "`score`" in str(problem.expected)


def test_a_function_s_arguments_are_an_object() -> None:
    with pytest.raises(DocumentError, match="found an array"):
        node({"call": "score", "with": [1]})
