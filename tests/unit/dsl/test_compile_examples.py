"""The specification's own examples: each compiles, or is refused only for what cannot be run yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgworker.dsl.compile import compile_document, compile_value
from pgworker.dsl.load import load
from tests.support.pure import problems_of

EXAMPLES = Path(__file__).resolve().parents[4] / "shared" / "spec" / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))

RUN_TODAY = {
    "authentication-bearer-uri-format",
    "authentication-bearer",
    "authentication-reusable",
    "call-http-endpoint-interpolation-shorthand",
    "call-http-endpoint-interpolation",
    "call-http-query-headers-expressions",
    "call-http-query-parameters",
    "call-http-redirect",
    "call-openapi-redirect",
    "call-openapi",
    "conditional-task",
    "do-multiple",
    "do-single",
    "for-inline-array",
    "raise-inline",
    "raise-reusable",
    "star-wars-homeworld",
    "switch-then-string",
    "wait-duration-inline",
    "wait-duration-iso8601",
}

needs_examples = pytest.mark.skipif(
    not FILES, reason="the specification's examples are not beside the checkout"
)


@needs_examples
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_example_is_called_wrong(path: Path) -> None:
    problems = problems_of(load(path.read_bytes(), path.name))
    assert [p for p in problems if "cannot be run by pgworker" not in p.message] == []
    assert all(p.line is not None and p.pointer for p in problems)
    assert not problems or path.stem not in RUN_TODAY


@needs_examples
@pytest.mark.parametrize("name", sorted(RUN_TODAY))
def test_what_could_be_run_once_still_can(name: str) -> None:
    path = EXAMPLES / f"{name}.yaml"
    compiled = compile_document(load(path.read_bytes()))
    again = compile_value(compiled.plan.definition)
    assert again.definition == compiled.plan.definition
    assert again.nodes.keys() == compiled.plan.nodes.keys()
    assert compiled.warnings == ()
