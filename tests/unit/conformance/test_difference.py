"""Differences between values, as JSON sees them."""

from __future__ import annotations

import pytest

from pgworker.conformance.difference import difference


@pytest.mark.parametrize("value", [None, False, 0, 1.5, "", [], {}, {"a": [1, {"b": None}]}])
def test_a_value_does_not_differ_from_itself(value):
    assert difference(value, value) is None


def test_the_order_of_members_makes_no_difference():
    assert difference({"a": 1, "b": 2}, {"b": 2, "a": 1}) is None


@pytest.mark.parametrize(
    ("found", "expected", "told"),
    [
        (1, True, "found 1 instead of true"),
        (0, False, "found 0 instead of false"),
        (None, {}, "found null instead of {}"),
        ([], {}, "found [] instead of {}"),
        ("1", 1, 'found "1" instead of 1'),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "found 1 instead of 2 at /a/b"),
        ({"a": 1}, {"a": 1, "b": None}, "found no `b`, expected null"),
        ({"c": {}}, {"c": {"b": 1}}, "found no `b` at /c, expected 1"),
        ({"a": 1, "b": None}, {"a": 1}, "found `b`, null, that is not expected"),
        ([1, 2], [1], "found [1,2] with 2 items instead of 1"),
        ([1, 2], [2, 1], "found 1 instead of 2 at /0"),
    ],
)
def test_the_first_difference_is_told_with_its_place(found, expected, told):
    assert difference(found, expected) == told


def test_long_values_are_cut():
    assert len(difference("x" * 10_000, "y" * 10_000) or "") < 500
