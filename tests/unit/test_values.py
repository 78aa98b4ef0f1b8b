"""The door for values: what comes out reads the same from memory and from history."""

from __future__ import annotations

import json
import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgworker.errors import ValueRefused
from pgworker.types import JsonValue
from pgworker.values import MAX_DEPTH, canonical


def nested(levels: int) -> JsonValue:
    """Arrays in arrays: as many levels as asked for."""
    value: JsonValue = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("written", "ordered"),
    [
        ("bb a", "a bb"),
        ("b a", "a b"),
        ("aa b ab a", "a b aa ab"),
        ("a B", "B a"),
        ("z é", "z é"),  # one byte before two
        ("zz é", "zz é"),  # two bytes each: 7A7A before C3A9
        ("ü é", "é ü"),
        ("€ zzz", "zzz €"),  # three bytes each
        ("𝄞 € é z", "z é € 𝄞"),
        ("\U00010000 \uffff", "\uffff \U00010000"),  # by length in UTF-8, not by UTF-16 units
        ("10 9 1", "1 9 10"),
    ],
)
def test_keys_are_in_the_order_of_jsonb(written: str, ordered: str) -> None:
    value: JsonValue = dict.fromkeys(written.split(" "), 0)
    result = canonical(value)
    assert isinstance(result, dict)
    assert list(result) == ordered.split(" ")


def test_the_empty_key_comes_first() -> None:
    assert list(canonical({"a": 1, "": 2})) == ["", "a"]  # type: ignore[arg-type]


def test_keys_are_ordered_at_every_level() -> None:
    result = canonical({"b": [{"d": {"f": 1, "e": 2}, "c": 3}], "a": 4})
    assert json.dumps(result) == '{"a": 4, "b": [{"c": 3, "d": {"e": 2, "f": 1}}]}'


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (1.0, 1),
        (-1.0, -1),
        (0.0, 0),
        (-0.0, 0),
        (1.5, 1.5),
        (1e16, 10**16),
        (2.0**53, 2**53),
        (1e22, 1e22),
        (1e300, 1e300),
        (5e-324, 5e-324),
        (0.1 + 0.2, 0.1 + 0.2),
        (2**53 + 1, 2**53 + 1),
        (2**63 - 1, 2**63 - 1),
        (2**63, 2**63),
        (-(2**63), -(2**63)),
        (2**64 - 1, 2**64 - 1),
        (2**64, 2.0**64),
        (2**64 + 1, 2.0**64),
        (-(2**63) - 1, -(2**63)),
        (-(2**70), -(2.0**70)),
        (10**22, 1e22),
        (10**300 + 1, 1e300),
        (2.0**63, 2**63),
        (2.0**64, 2.0**64),
        (-(2.0**63), -(2**63)),
    ],
)
def test_numbers_are_integers_within_64_bits_and_doubles_beyond(number: float, kept: float) -> None:
    result = canonical(number)
    assert (type(result), result) == (type(kept), kept)
    assert not (isinstance(result, float) and result == 0 and math.copysign(1, result) < 0)


def test_negative_zero_does_not_keep_its_sign() -> None:
    assert repr(canonical([-0.0])) == "[0]"


@pytest.mark.parametrize("value", [True, False, None, "", "text", 0, 1.5])
def test_plain_values_stay_what_they_are(value: JsonValue) -> None:
    assert canonical(value) is value


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": 1, "bb": [1, {"c": None}], "ccc": {"d": "é"}},
        [[], {}, "x", 1.25, 10**18],
    ],
)
def test_what_is_canonical_already_comes_back_as_the_same_object(value: JsonValue) -> None:
    assert canonical(value) is value


def test_what_changes_is_copied_and_the_original_is_left_alone() -> None:
    kept = {"x": 1}
    value: JsonValue = {"b": 1.0, "a": kept, "c": [1.0, kept]}
    result = canonical(value)
    assert json.dumps(value) == '{"b": 1.0, "a": {"x": 1}, "c": [1.0, {"x": 1}]}'
    assert json.dumps(result) == '{"a": {"x": 1}, "b": 1, "c": [1, {"x": 1}]}'
    assert isinstance(result, dict)
    assert result["a"] is kept


@pytest.mark.parametrize(
    ("value", "pointer", "words"),
    [
        ("a\0b", "", "NUL"),
        ({"a": ["x", {"b": "\0"}]}, "/a/1/b", "NUL"),
        ([1, "\ud800"], "/1", "surrogate"),
        ({"a": "\udfff x"}, "/a", "surrogate"),
        ({"a/b": {"c~d": "\0"}}, "/a~1b/c~0d", "NUL"),
        ([0, math.nan], "/1", "nan"),
        ({"a": math.inf}, "/a", "inf"),
        ({"a": [-math.inf]}, "/a/0", "inf"),
        ({"a": 10**400}, "/a", "inf"),
        ({"a": -(10**400)}, "/a", "inf"),
        ({"a": {1, 2}}, "/a", "set"),
        ({"a": (1, 2)}, "/a", "tuple"),
        ({"a": b"x"}, "/a", "bytes"),
    ],
)
def test_what_jsonb_cannot_hold_is_refused_with_its_pointer(
    value: JsonValue, pointer: str, words: str
) -> None:
    with pytest.raises(ValueRefused) as caught:
        canonical(value)
    assert caught.value.pointer == pointer
    assert words in caught.value.message


@pytest.mark.parametrize("key", ["a\0", "\ud800"])
def test_a_key_that_jsonb_cannot_hold_is_refused(key: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        canonical({"x": [{key: 1}]})
    assert caught.value.pointer.startswith("/x/0")


@pytest.mark.parametrize("key", ["a\0", "\ud800"])
def test_the_pointer_to_a_refused_key_can_be_written_down(key: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        canonical({"x": [{key: 1}]})
    assert canonical(caught.value.pointer) == caught.value.pointer


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueRefused):
        canonical({"a": {1: 2}})  # type: ignore[dict-item]


def test_nesting_is_refused_beyond_the_limit_only() -> None:
    assert canonical(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    with pytest.raises(ValueRefused, match="nested deeper"):
        canonical(nested(MAX_DEPTH + 1))


def test_the_pointer_of_too_deep_a_value_leads_into_it() -> None:
    with pytest.raises(ValueRefused) as caught:
        canonical({"shallow": nested(5), "deep": nested(1000)})
    assert caught.value.pointer.startswith("/deep/0")


def test_nesting_far_beyond_the_limit_ends_in_a_refusal_too() -> None:
    with pytest.raises(ValueRefused, match="nested deeper"):
        canonical(nested(5_000))


@pytest.mark.parametrize("value", [[1, 2, "\0"], {"a": math.nan}])
def test_a_refusal_says_nothing_of_where_it_was_noticed(value: JsonValue) -> None:
    with pytest.raises(ValueRefused) as caught:
        canonical(value)
    assert caught.value.__suppress_context__


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_the_way_through_json_changes_nothing(value: JsonValue) -> None:
    kept = canonical(value)
    assert repr(canonical(orjson.loads(orjson.dumps(kept)))) == repr(kept)
    assert repr(canonical(json.loads(json.dumps(kept)))) == repr(kept)


@given(values)
def test_a_second_time_gives_the_same_object(value: JsonValue) -> None:
    kept = canonical(value)
    assert canonical(kept) is kept


@given(values)
def test_the_value_stays_equal(value: JsonValue) -> None:
    assert json.loads(json.dumps(canonical(value)), parse_int=float) == json.loads(
        json.dumps(value), parse_int=float
    )


@given(values)
def test_keys_are_ordered_by_length_then_bytes(value: JsonValue) -> None:
    pending = [canonical(value)]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            keys = [key.encode() for key in current]
            assert keys == sorted(keys, key=lambda key: (len(key), key))
            pending += current.values()
        elif isinstance(current, list):
            pending += current
