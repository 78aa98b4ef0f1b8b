"""Redaction: what must not be seen is found in every spelling, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest

from pgworker.activities.media import printable
from pgworker.activities.redaction import Redaction, hiding, spellings

SECRET = 'a "sécret"/+&%\\ <\n😀>'
HIDES = Redaction(secret=spellings([SECRET]))


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        quote(quote(SECRET, safe=""), safe=""),
        quote(SECRET, safe="+&%"),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps(SECRET)),
        json.dumps(SECRET).replace("/", "\\/"),
        html.escape(SECRET),
        html.escape(html.escape(SECRET)),
        SECRET.encode("ascii", "xmlcharrefreplace").decode(),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_a_secret_is_found_however_it_is_written(spelled: str) -> None:
    for text in (spelled, f"before {spelled} after"):
        assert "***" in HIDES.message(text)
        assert "cret" not in HIDES.message(text)
        assert b"cret" not in HIDES.result(text.encode())
        assert "cret" not in str(HIDES.value({text: [text]}))


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_amid_a_text_in_base64_is_found(before: int, encode) -> None:
    encoded = encode(b"x" * before + SECRET.encode() + b" and more").decode()
    shown = HIDES.message(encoded)
    assert "***" in shown
    assert len(shown) < 4 * before + 20


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32"])
def test_a_secret_in_a_wide_charset_is_found(charset: str) -> None:
    shown = HIDES.result(f"before {SECRET} after".encode(charset))
    assert shown.decode(charset) == "before *** after"


def test_a_number_that_is_a_secret_is_hidden_and_another_stays() -> None:
    hides = Redaction(secret=spellings(["987654321012", "true"]))
    assert hides.value([987654321012, 98765432101, True, {"a": 987654321012.5}]) == [
        *("***", 98765432101, True),
        {"a": 987654321012.5},
    ]


def test_what_is_much_like_a_secret_stays() -> None:
    for text in ("a sécret", SECRET[:-2], SECRET[1:], SECRET.replace("/", "//"), "nothing", "***"):
        assert HIDES.message(text) == text


def test_short_texts_are_not_hidden() -> None:
    assert spellings(["1234567", ""]) == ()
    assert Redaction(secret=spellings(["12345678"])).message("x12345678x") == "x***x"


def test_a_text_is_shortened_when_nothing_secret_is_in_it_any_more() -> None:
    text = "." * 190 + "a secret of many letters"
    with hiding(Redaction(private=spellings(["a secret of many letters"]))):
        assert printable(text) == "." * 190 + "***"
    assert printable(text).endswith("a secret o...")


def test_large_answers_are_searched_in_reasonable_time() -> None:
    content = json.dumps([SECRET, "x" * 1000, "a %22 \\u00e9"] * 3000).encode()
    began = time.process_time()
    assert HIDES.result(content).count(b"***") == 3000
    assert time.process_time() - began < 3


@pytest.mark.parametrize("flood", ["\\", "%25", "&amp;", '"', "%", "a "])
def test_floods_of_what_may_begin_a_secret_are_searched_in_reasonable_time(flood: str) -> None:
    hides = Redaction(secret=spellings(['"/+&%\\ <', SECRET]))
    began = time.process_time()
    hides.result(flood.encode() * (1024 * 1024 // len(flood)))
    assert time.process_time() - began < 5
