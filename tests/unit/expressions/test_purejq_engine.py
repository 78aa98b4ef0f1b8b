"""The engine behind expressions: what programs call, what they may not do, and what was put right."""

from __future__ import annotations

import purejq
import pytest

from pgworker.expressions.jq import check_program, compile_program
from pgworker.expressions.purejq_engine import FORBIDDEN, called
from pgworker.types import JsonValue


@pytest.mark.parametrize(
    ("program", "names"),
    [
        (".env", set()),
        (".a.env.now", set()),
        ('."env"', set()),
        ('.["env"]', set()),
        ("{input: 1}", set()),
        ("{ input : 1 , now: 2}", set()),
        ("{a: 1, input: 2}", set()),
        ("{env}", set()),
        ("{a: [1], halt}", set()),
        ("$input", set()),
        ('"now \\"env\\""', set()),
        ("1 # env\n", set()),
        ("env", {"env"}),
        ("{a: env}", {"env"}),
        ("{a: env | b}", {"env", "b"}),
        ("{a: (1, env)}", {"env"}),
        ("{a: [1, env, 2]}", {"env"}),
        ("{(env): 1}", {"env"}),
        ('{"a": env}', {"env"}),
        ("[env]", {"env"}),
        (".[env]", {"env"}),
        ("env.a", {"env"}),
        ('"\\(env)"', {"env"}),
        ('"a \\("b \\(env)")"', {"env"}),
        ("f(env; now)", {"f", "env", "now"}),
        ("@json", set()),
        ('{a: "\\(empty, env, empty)"}', {"empty", "env"}),
        ("{a: if true then empty, env, empty else 1 end}", {"empty", "env"}),
        ("{a: (.b as [$x] | now), c}", {"now"}),
        ("1|env", {"env"}),
    ],
)
def test_the_functions_that_a_program_may_call(program: str, names: set[str]) -> None:
    assert called(program) == names


def test_the_name_that_is_defined_is_not_a_call() -> None:
    assert "now" not in called("def now: 1; .")
    assert "now" in called("def now: 1; now")


@pytest.mark.parametrize(
    "program",
    [
        "env",
        "$ENV",
        '{a: "\\(empty, env, empty)"}',
        "{a: if true then empty, halt, empty else 1 end}",
        '{a: "\\(1, input, 2)"}',
        "[.[] | debug]",
    ],
)
def test_what_reads_or_acts_on_the_machine_is_refused_wherever_it_stands(program: str) -> None:
    complaint = check_program(program, frozenset())
    assert complaint is not None
    assert "reads or acts on the machine" in complaint


@pytest.mark.parametrize(
    "name", sorted(name for name in FORBIDDEN if name.isidentifier() and name != "import")
)
def test_behind_a_refused_name_there_is_nothing(name: str) -> None:
    if name == "include":
        pytest.skip("a keyword, which the engine does not know")
    with pytest.raises(purejq.JqError, match=r"not available|not defined"):
        purejq.compile(name).first({})


def test_the_environment_is_empty() -> None:
    assert purejq.compile("$ENV").first() == {}


def test_now_is_the_recorded_time_wherever_it_stands() -> None:
    program = compile_program('{a: "\\(empty, now, empty)"} | .a')
    assert program.first(None, lambda names: dict.fromkeys(names, 5)) == "5"


@pytest.mark.parametrize(
    ("program", "result"),
    [
        ("0 | until(. >= 5000; . + 1)", 5000),
        ("[0 | while(. < 3000; . + 1)] | length", 3000),
        ("[0 | until(. > 2; (. + 1, . + 2))]", [3, 4, 3, 3, 4]),
        ("[1 | while(. < 4; (. + 1, . + 2))]", [1, 2, 3, 3]),
        ("[null, 1] | min", None),
        ("[null, false] | min", None),
        ("[[null, 1], [0, 2]] | min_by(.[0])", [None, 1]),
        ("[1, null] | max", 1),
        ("[] | min", None),
    ],
)
def test_long_loops_and_least_items_are_as_in_jq(program: str, result: JsonValue) -> None:
    assert compile_program(program).first(None, lambda names: {}) == result
