"""Parameters in every style: the tables of the OpenAPI specification ("Style Examples")."""

from __future__ import annotations

import pytest

from pgworker.activities.openapi.styles import Style, in_cookie, in_header, in_path, in_query

TEXT = "blue"
LIST = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


@pytest.mark.parametrize(
    ("style", "explode", "written"),
    [
        ("matrix", False, [";color", ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"]),
        (
            "matrix",
            True,
            [";color", ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"],
        ),
        ("label", False, [".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"]),
        ("label", True, [".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"]),
        ("simple", False, ["", "blue", "blue,black,brown", "R,100,G,200,B,150"]),
        ("simple", True, ["", "blue", "blue,black,brown", "R=100,G=200,B=150"]),
    ],
)
def test_in_a_path(style, explode, written):
    style = Style(style)
    made = [in_path("color", value, style, explode) for value in ("", TEXT, LIST, OBJECT)]
    assert made == written


@pytest.mark.parametrize(
    ("style", "explode", "array", "members"),
    [
        ("form", False, "color=blue,black,brown", "color=R,100,G,200,B,150"),
        ("form", True, "color=blue&color=black&color=brown", "R=100&G=200&B=150"),
        ("spaceDelimited", False, "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"),
        ("tabDelimited", False, "color=blue%09black%09brown", "color=R%09100%09G%09200%09B%09150"),
        (
            "deepObject",
            True,
            "color=blue&color=black&color=brown",
            "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
        ),
    ],
)
def test_in_a_query(style, explode, array, members):
    style = Style(style)
    assert "&".join(in_query("color", LIST, style, explode)) == array
    assert "&".join(in_query("color", OBJECT, style, explode)) == members
    assert in_query("color", TEXT, style, explode) == ["color=blue"]
    assert in_query("color", "", style, explode) == ["color="]
    assert in_query("color", [], style, explode) == in_query("color", {}, style, explode) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (1, "1"), (1.5, "1.5"), (0, "0"), ("é/&=+ ", "%C3%A9%2F%26%3D%2B%20"), ("~-._", "~-._")],
)
def test_single_values_are_encoded_but_for_what_needs_none(value, text):
    assert in_query("a", value, Style.FORM, True) == [f"a={text}"]
    assert in_path("a", value, Style.SIMPLE, False) == text


def test_delimiters_within_values_are_told_from_those_between_them():
    assert in_query("a", ["b,c", "d"], Style.FORM, False) == ["a=b%2Cc,d"]
    assert in_path("a", ["b,c", "d"], Style.SIMPLE, False) == "b%2Cc,d"


def test_reserved_characters_stay_if_they_may():
    value = "https://x/a?b=c&d#e f+[g]"
    made = in_query("u", value, Style.FORM, True, allow_reserved=True)
    assert made == ["u=https://x/a?b=c%26d%23e%20f%2B%5Bg%5D"]


def test_deep_objects_go_as_deep_as_they_are():
    value = {"a": {"b": [1, 2], "c": None}, "d e": True}
    assert in_query("f", value, Style.DEEP, True) == [
        "f%5Ba%5D%5Bb%5D=1", "f%5Ba%5D%5Bb%5D=2", "f%5Bd%20e%5D=true",
    ]  # fmt: skip


def test_what_is_nested_deeper_than_a_style_knows_is_json():
    assert in_query("a", [{"b": "é"}], Style.FORM, True) == ["a=%7B%22b%22%3A%22%C3%A9%22%7D"]


def test_null_in_arrays_and_objects_is_left_out():
    assert in_query("a", [1, None, 2], Style.FORM, False) == ["a=1,2"]
    assert in_query("a", {"b": None, "c": 1}, Style.FORM, True) == ["c=1"]


@pytest.mark.parametrize(
    ("value", "style", "explode", "header"),
    [
        ("a b, é", Style.SIMPLE, False, "a b, é"),
        (LIST, Style.SIMPLE, False, "blue,black,brown"),
        (OBJECT, Style.SIMPLE, False, "R,100,G,200,B,150"),
        (OBJECT, Style.SIMPLE, True, "R=100,G=200,B=150"),
        (LIST, Style.PIPES, False, "blue|black|brown"),
        (LIST, Style.SPACES, False, "blue black brown"),
    ],
)
def test_in_a_header_nothing_is_encoded(value, style, explode, header):
    assert in_header(value, style, explode) == header


def test_in_a_cookie_what_ends_one_is_encoded():
    assert in_cookie("a", 'b; c="d"', Style.FORM, True) == ["a=b%3B%20c=%22d%22"]
    assert in_cookie("a", LIST, Style.FORM, False) == ["a=blue,black,brown"]
    assert in_cookie("a", ["b", "c"], Style.FORM, True) == ["a=b", "a=c"]
    assert in_cookie("a", [], Style.FORM, True) == []
