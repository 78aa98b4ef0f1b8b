"""Documents become plain JSON values with positions, or are refused with a problem that helps."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgworker.dsl.load import load, load_value
from pgworker.errors import DocumentError, Problem
from pgworker.types import JsonValue

EXAMPLES = Path(__file__).parents[4] / "shared" / "spec" / "examples"

WORKFLOW = """\
# A greeting
document:
  dsl: 1.0.3
  name: greet
do:
  - greet:
      set:
        a/b: 'Hello'
  - wait: {for: 12:30}
"""


def refusal(text: str | bytes) -> Problem:
    """The one problem of a text that is refused."""
    problems = refusals(text)
    assert len(problems) == 1, problems
    return problems[0]


def refusals(text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        load(text, "some.yaml")
    assert caught.value.source == "some.yaml"
    return caught.value.problems


# What is read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
        ("1_000", "1_000"),
        ("014", 14),
        ("0o14", 12),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("+1", 1),
        ("-0", 0),
        ("000000000000000000000000000007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.0.3", "1.0.3"),
        ("--", "--"),
        (".", "."),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("'12'", "12"),
        ('"\\ud83d\\ude00"', "😀"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int '12'", 12),
        ("!!float 12", 12.0),
        ("!!null ''", None),
        ("!!bool true", True),
        ("!!seq [1]", [1]),
        ("!!map {a: 1}", {"a": 1}),
    ],
)
def test_values_follow_the_core_schema_of_yaml_1_2(text: str, value: JsonValue) -> None:
    read = load(f"a: {text}\n").value["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_such_as_on_and_yes_stay_text() -> None:
    assert load("on: 1\nyes: 2\nno: 3\noff: 4\ny: 5\n").value == {
        "on": 1,
        "yes": 2,
        "no": 3,
        "off": 4,
        "y": 5,
    }


def test_an_alias_stands_for_the_whole_value() -> None:
    assert load("a: &x {b: [1]}\nc: *x\n&k d: *k\n").value == {"a": {"b": [1]}, "c": {"b": [1]}, "d": "d"}


def test_an_alias_of_a_key_is_that_key_as_it_was_read() -> None:
    assert load('? &k "\\ud83d\\ude00"\n: 1\na: *k').value == {"😀": 1, "a": "😀"}


def test_an_anchor_may_be_used_again_and_means_its_latest_value() -> None:
    assert load("a: &x 1\nb: *x\nc: &x 2\nd: *x").value == {"a": 1, "b": 1, "c": 2, "d": 2}


@pytest.mark.parametrize(
    "text", ["\ufeffa: 1", b"\xef\xbb\xbfa: 1", '\ufeff{"a": 1}', b"a: 1\r\n", "%YAML 1.2\n---\na: 1\n...\n"]
)
def test_byte_order_marks_line_ends_and_the_yaml_directive_make_no_difference(text: str | bytes) -> None:
    assert load(text).value == {"a": 1}


@pytest.mark.parametrize(
    "text", ['{"a": [1, 2,],}', '{"a": [1, 2]} # all', '{\t"a":\t[1,\t2]}', "{a: [1, 2]}"]
)
def test_json_may_carry_what_yaml_allows(text: str) -> None:
    assert load(text).value == {"a": [1, 2]}


def test_json_keeps_characters_that_yaml_does_not_know() -> None:
    assert load('{"a": "\x7f\x85\u2028/\\/"}').value == {"a": "\x7f\x85\u2028//"}


# Positions


@pytest.mark.parametrize(
    ("pointer", "position"),
    [
        ("", (2, 1)),
        ("/document", (2, 1)),
        ("/document/name", (4, 3)),
        ("/do", (5, 1)),
        ("/do/0", (6, 5)),
        ("/do/0/greet/set/a~1b", (8, 9)),
        ("/do/1/wait/for", (9, 12)),
        ("/do/0/greet/then", (6, 5)),
        ("/do/7/x", (5, 1)),
        ("/do/-", (5, 1)),
        ("/do/999999999999999999999", (5, 1)),
        ("/nothing/here", (2, 1)),
        ("not a pointer", (2, 1)),
    ],
)
def test_a_pointer_leads_to_its_key_or_item_or_the_nearest_ancestor(
    pointer: str, position: tuple[int, int]
) -> None:
    assert load(WORKFLOW).locate(pointer) == position


def test_json_has_the_same_positions() -> None:
    document = load('{\n  "a": [1,\r\n    {"b~/": "x\\ny"}],\r  "c": 2\n}')
    places = {p: document.locate(p) for p in ("", "/a", "/a/0", "/a/1", "/a/1/b~0~1", "/c")}
    assert places == {
        "": (1, 1),
        "/a": (2, 3),
        "/a/0": (2, 9),
        "/a/1": (3, 5),
        "/a/1/b~0~1": (3, 6),
        "/c": (4, 3),
    }


def test_what_is_below_an_alias_is_where_the_alias_is() -> None:
    assert load("a: &x {b: 1}\nc: *x").locate("/c/b") == (2, 1)


# What is refused


@pytest.mark.parametrize(
    ("text", "pointer", "position", "words"),
    [
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "/a/b", (4, 3), "first in line 2, column 3"),
        ('{"a": 1, "a": 2}', "/a", (1, 10), "first in line 1, column 2"),
        ("a: {<<: {b: 1}}", "/a/<<", (1, 5), "merge keys"),
        ("a:\n  1: x", "/a/1", (2, 3), "not text"),
        ("true: x", "/true", (1, 1), "not text"),
        ("? [a]\n: b", "", (1, 3), "cannot be a key"),
        ("a: &x [1]\n*x : 2", "", (2, 1), "cannot be a key"),
        ("a: !thing 1", "/a", (1, 4), "!thing"),
        ("a: !!binary aGk=", "/a", (1, 4), "!!binary"),
        ("a: !!seq {}", "/a", (1, 4), "!!seq"),
        ("a: !!int one", "/a", (1, 4), "!!int"),
        ("a: [1, .nan]", "/a/1", (1, 8), ".nan"),
        ("a: -.inf", "/a", (1, 4), "-.inf"),
        ('{"a": NaN}', "/a", (1, 7), "NaN"),
        ('{"a": -Infinity}', "/a", (1, 7), "-Infinity"),
        ("a: 9223372036854775808", "/a", (1, 4), "64 bits"),
        ("a: 0xFFFFFFFFFFFFFFFF", "/a", (1, 4), "64 bits"),
        ('{"a": -9223372036854775809}', "/a", (1, 7), "64 bits"),
        ("a: " + "1" * 100_000, "/a", (1, 4), "64 bits"),
        ("a: 1e400", "/a", (1, 4), "too large"),
        ('{"a": -1e400}', "/a", (1, 7), "too large"),
        ("a: *b", "/a", (1, 4), "no anchor"),
        ("a: &x {b: [*x]}", "/a/b/0", (1, 12), "inside what it names"),
        ('a: "\\0"', "/a", (1, 4), "NUL"),
        ('{"a": "\\u0000"}', "/a", (1, 7), "NUL"),
        ('"\\0": 1', "/\0", (1, 1), "NUL"),
        ('a: "\\ud800"', "/a", (1, 4), "surrogate"),
        ('{"a": "\\ude00\\ud83d"}', "/a", (1, 7), "surrogate"),
        ("a: 1\nb: \ud800", "", (2, 4), "surrogate"),
        ("a: 1\nb: \0", "", (2, 4), "U+0000"),
        ("a: x\u2028y", "", (1, 5), "U+2028"),
        (b"a: 1\nb: \xff", "", (2, 4), "not valid UTF-8"),
        ("a: 1".encode("utf-16"), "", (1, 1), "UTF-16"),
        ("", "", (1, 1), "empty"),
        ("  \n# nothing\n---\n", "", (1, 1), "empty"),
        ("- a\n- b", "", (1, 1), "not a mapping"),
        ("[1]", "", (1, 1), "not a mapping"),
        ("just text", "", (1, 1), "not a mapping"),
        ("''", "", (1, 1), "not a mapping"),
        ("a: 1\n---\nb: 2", "", (2, 1), "second document"),
        ("%YAML 1.1\n---\na: 1", "", (2, 1), "version"),
        ("a: [1, 2\nb: 3", "/a/2", (2, 2), "not YAML"),
        ("do:\n\t- a: b", "/do", (2, 1), "not YAML"),
        ('a: "\\UFFFFFFFF"', "/a", (1, 7), "not YAML"),
        ('{"a": 1\n "b": 2}', "", (2, 2), "not JSON"),
        ('{"a": "x', "", (1, 7), "not JSON"),
    ],
)
def test_a_refusal_says_what_and_where(
    text: str | bytes, pointer: str, position: tuple[int, int], words: str
) -> None:
    problem = refusal(text)
    assert (problem.pointer, problem.line, problem.column) == (pointer, *position)
    assert words in problem.message


def test_an_unquoted_key_is_to_be_quoted() -> None:
    assert refusal("404: x").hint == 'quote it: "404"'


def test_all_spoilt_values_are_told_at_once() -> None:
    found = [
        (problem.pointer, problem.line) for problem in refusals("a: .nan\nb: {1: !x y}\nb: 2\nc: 1e999\n")
    ]
    assert found == [("/a", 1), ("/b/1", 2), ("/b/1", 2), ("/b", 3), ("/c", 4)]


def test_reading_stops_after_many_problems() -> None:
    problems = refusals("".join(f"{number}: x\n" for number in range(1000)))
    assert len(problems) == 21
    assert "reading stops" in problems[-1].message
    assert problems[-1].line == 20


# Limits


def test_sixty_four_levels_are_read_and_one_more_is_refused() -> None:
    nested = "[" * 63 + "]" * 63
    assert load(f"a: {nested}").value == load(f'{{"a": {nested}}}').value
    assert "64 levels" in refusal(f"a: [{nested}]").message
    assert "64 levels" in refusal(f'{{"a": [{nested}]}}').message


def test_an_alias_counts_with_its_depth() -> None:
    nested = "[" * 40 + "]" * 40
    assert load(f"a: &x {nested}\nb: {'[' * 23}*x{']' * 23}").value
    assert "64 levels" in refusal(f"a: &x {nested}\nb: {'[' * 24}*x{']' * 24}").message


def test_a_hundred_aliases_are_read_and_one_more_is_refused() -> None:
    assert load("a: &x 1\nb: [" + "*x, " * 100 + "]").value["b"] == [1] * 100
    assert "100 aliases" in refusal("a: &x 1\nb: [" + "*x, " * 101 + "]").message


def test_a_hundred_thousand_nodes_are_read_and_one_more_is_refused() -> None:
    # The root, the key and the list take three.
    assert len(load(json.dumps({"a": [1] * 99_997})).value) == 1
    assert "100,000" in refusal(json.dumps({"a": [1] * 99_998})).message


def test_a_mebibyte_is_read_and_one_byte_more_is_refused() -> None:
    assert load('{"a": "' + "x" * (2**20 - 9) + '"}').value
    assert "1 MiB" in refusal('{"a": "' + "x" * (2**20 - 8) + '"}').message
    assert "1 MiB" in refusal('{"a": "' + "é" * 2**19 + '"}').message


LAUGHS = (
    "a: &a ["
    + "x," * 9
    + "]\n"
    + "".join(
        f"{name}: &{name} [{f'*{before},' * 9}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
)


@pytest.mark.parametrize(
    "bomb",
    [
        LAUGHS,
        "a: &a " + "x" * 900_000 + "\nb: [*a, *a]",
        "a: " + "[" * 500_000,
        '{"a":' * 100_000,
        '{"a":' + "[" * 500_000 + "]" * 500_000 + "}",
        "a:\n " + "- " * 200_000,
        "? " * 200_000,
        "a: 1" + "0" * 500_000 + "." + "0" * 500_000,
        "%YAML 1." + "9" * 10_000 + "\n---\na: 1",
    ],
)
def test_a_bomb_is_refused_quickly(bomb: str) -> None:
    began = perf_counter()
    refusals(bomb)
    assert perf_counter() - began < 2


def test_long_keys_above_many_values_cost_no_memory() -> None:
    document = load(json.dumps({"k" * 500_000: [1] * 90_000}))
    assert document.locate(f"/{'k' * 500_000}/89999") == (1, 500_006 + 89_999 * 3 + 1)


def test_two_hundred_lines_are_read_in_a_moment() -> None:
    tasks = "".join(
        f"  - task{n}:\n      call: http\n      with:\n        method: get\n        endpoint: https://example.com/{n}\n"
        for n in range(40)
    )
    times = []
    for _ in range(5):
        began = perf_counter()
        load("do:\n" + tasks)
        times.append(perf_counter() - began)
    assert min(times) < 0.1  # About 0.015 s on a quiet machine.


# Whatever comes


def loads_or_refuses(text: str | bytes) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        load(text)
    except DocumentError as error:
        problems = error.problems
    assert all(problem.line and problem.column for problem in problems)


@given(st.binary(max_size=200))
def test_any_bytes_load_or_are_refused(raw: bytes) -> None:
    loads_or_refuses(raw)


@given(st.text(st.characters(), max_size=200))
def test_any_text_loads_or_is_refused(text: str) -> None:
    loads_or_refuses(text)


@given(st.text("ab:-?[]{}&*!|>'\"%@`#,\\ \n\t\r~<0.1eo_xuU\ufeff\u2028", max_size=60))
def test_any_heap_of_punctuation_loads_or_is_refused(text: str) -> None:
    loads_or_refuses(text)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WORKFLOW)), st.integers(0, 5), st.text(":-[]{}&*!|>'\"%#, \n\tx1", max_size=3)
        ),
        max_size=4,
    )
)
def test_any_mutilated_document_loads_or_is_refused(cuts: list[tuple[int, int, str]]) -> None:
    text = WORKFLOW
    for at, removed, inserted in cuts:
        text = text[:at] + inserted + text[at + removed :]
    loads_or_refuses(text)


@given(st.integers(0, 200), st.text('"[]{},:1e\\ \nN', max_size=3))
def test_any_mutilated_json_loads_or_is_refused(at: int, inserted: str) -> None:
    text = json.dumps(load(WORKFLOW).value, indent=1)
    loads_or_refuses(text[:at] + inserted + text[at + 2 :])
    loads_or_refuses(text[:at])


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
json_objects = st.dictionaries(texts, json_values, max_size=4)


@given(json_objects, st.booleans(), st.sampled_from([None, 2, "\t"]))
def test_json_is_read_as_the_json_module_reads_it(
    value: JsonValue, ascii_only: bool, indent: int | str | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert json.dumps(load(text).value) == json.dumps(json.loads(text))


@settings(max_examples=50)
@given(json_objects)
def test_json_is_read_alike_by_way_of_yaml(value: JsonValue) -> None:
    text = json.dumps(value).replace("\x7f", "\\u007f")
    assert json.dumps(load(f"--- {text}").value) == json.dumps(json.loads(text))


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the specification's examples are not beside this checkout")
def test_every_example_of_the_specification_loads() -> None:
    paths = sorted(EXAMPLES.glob("*.yaml"))
    assert paths
    for path in paths:
        assert "do" in load(path.read_bytes(), path.name).value, path.name


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("'1'", "1"),
        ("https://example.com/a", "https://example.com/a"),
        ("- a\n- b: 2", ["a", {"b": 2}]),
        ('{"a": null}', {"a": None}),
        ('[1, "b"]', [1, "b"]),
        ("a: 1\nb: {c: 2}", {"a": 1, "b": {"c": 2}}),
        ("|\n  two\n  lines", "two\nlines"),
        ("", None),
        ("# nothing\n", None),
    ],
)
def test_a_value_of_any_kind_can_be_read_by_itself(text, value):
    assert load_value(text) == value


@pytest.mark.parametrize(
    ("text", "pointer", "line", "column"),
    [("a: [1, *b]", "/a/1", 1, 8), ("- <<: 1", "/0/<<", 1, 3), ("[1", "/1", 1, 3), ("a\n---\nb", "", 2, 1)],
)
def test_a_value_that_cannot_be_read_is_refused_with_its_place(text, pointer, line, column):
    with pytest.raises(DocumentError) as caught:
        load_value(text)
    problem = caught.value.problems[0]
    assert (problem.pointer, problem.line, problem.column) == (pointer, line, column)
