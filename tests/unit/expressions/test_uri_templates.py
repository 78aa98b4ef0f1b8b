"""URI templates take simple string expansion (RFC 6570) and refuse the rest."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgworker.expressions.uri_templates import check, expand, names
from pgworker.types import JsonValue

VALUES: JsonValue = {
    "var": "value",
    "hello": "Hello World!",
    "empty": "",
    "path": "/foo/bar",
    "half": "50%",
    "accent": "é",
    "kept": "A-z.0_~",
    "number": 12,
    "fraction": 1.5,
    "large": 1e30,
    "yes": True,
    "nothing": None,
    "list": ["red", "green blue", None, 3],
    "keys": {"semi": ";", "dot": ".", "none": None},
    "deep": [["a"], {"b": 1}],
    "no_items": [],
    "pet.id": "verbatim",
    "pet": {"id": "nested"},
}


@pytest.mark.parametrize(
    ("template", "expanded"),
    [
        ("{var}", "value"),
        ("{hello}", "Hello%20World%21"),
        ("O{empty}X", "OX"),
        ("{path}", "%2Ffoo%2Fbar"),
        ("{half}", "50%25"),
        ("{accent}", "%C3%A9"),
        ("{kept}", "A-z.0_~"),
        ("{number}/{fraction}/{large}", "12/1.5/1e%2B30"),
        ("{yes}", "true"),
        ("[{nothing}{missing}]", "[]"),
        ("{list}", "red,green%20blue,3"),
        ("{keys}", "semi,%3B,dot,."),
        ("{deep}", "%5B%22a%22%5D,%7B%22b%22%3A1%7D"),
        ("{no_items}", ""),
        ("{pet.id}", "verbatim"),
        ("https://münchen.de/é?q=a b&r={var}", "https://münchen.de/é?q=a b&r=value"),
        ("", ""),
    ],
)
def test_a_name_is_replaced_by_its_encoded_value(template: str, expanded: str) -> None:
    assert expand(template, VALUES) == expanded


@pytest.mark.parametrize("values", [None, "text", 1, ["a"]])
def test_what_is_no_object_has_no_names(values: JsonValue) -> None:
    assert expand("/{a}/b", values) == "//b"


def test_values_are_not_expanded_again() -> None:
    assert expand("{a}", {"a": "{b}", "b": "secret"}) == "%7Bb%7D"


@pytest.mark.parametrize("name", ["list", "keys"])
def test_lists_and_objects_can_be_refused(name: str) -> None:
    assert expand("{var}{nothing}", VALUES, scalars_only=True) == "value"
    with pytest.raises(ValueError, match=name):
        expand(f"/{{{name}}}", VALUES, scalars_only=True)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        *((f"/{{{operator}x}}", "operator") for operator in "+#./;?&=,!@|"),
        ("{x,y}", "several"),
        ("{x:3}", "modifier"),
        ("{x*}", "modifier"),
        ("{}", "names nothing"),
        ("{ x }", "not a name"),
        ("{a-b}", "not a name"),
        ("{a..b}", "not a name"),
        ("{x", "the brace { at character 1"),
        ("ab}", "the brace } at character 3"),
        ("{a{b}}", "the brace { at character 1"),
    ],
)
def test_what_is_not_simple_expansion_is_refused(template: str, words: str) -> None:
    for refuse in (check, names, lambda text: expand(text, VALUES)):
        with pytest.raises(ValueError, match=words):
            refuse(template)


def test_names_are_listed_in_order_and_once() -> None:
    assert names("/{b}/{a}/{b}?{pet.id}{%41_}") == ("b", "a", "pet.id", "%41_")
    assert names("/plain") == ()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_out_of_its_encoding(text: str) -> None:
    assert unquote(expand("{a}", {"a": text})) == text


@given(st.text("{}ab+,:*./%4", max_size=10))
def test_any_template_is_expanded_or_refused(template: str) -> None:
    try:
        check(template)
    except ValueError:
        return
    assert "{" not in expand(template, dict.fromkeys(names(template), "x"))
