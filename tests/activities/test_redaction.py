"""Redaction: what must not be seen is found in every spelling, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
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


PLAIN = "Ab-cd_ef.gh~0123"
HIDES_PLAIN = Redaction(secret=spellings([PLAIN]))


def _some(text: str, write: Callable[[str], str]) -> str:
    """A text with its signs written in another way; letters and digits stay."""
    return "".join(one if one.isalnum() else write(one) for one in text)


def _json(one: str) -> str:
    return f"\\u{ord(one):04X}"


WAYS: dict[str, Callable[[str], str]] = {
    "JSON": _json,
    "JSON in JSON": lambda one: json.dumps(_json(one))[1:-1],
    "small letters": lambda one: _json(one).lower(),
    "a URL": lambda one: f"%{ord(one):02X}",
    "a URL in a URL": lambda one: quote(f"%{ord(one):02x}"),
    "HTML": lambda one: f"&#{ord(one)};",
    "HTML with zeroes": lambda one: f"&#00{ord(one)};",
    "hexadecimal HTML": lambda one: f"&#x{ord(one):X};",
    "HTML in HTML": lambda one: html.escape(f"&#{ord(one)};"),
    "JavaScript": lambda one: f"\\x{ord(one):02x}",
    "Markdown": lambda one: f"\\{one}",
    "escape()": lambda one: f"%u{ord(one):04x}",
    "JSON in JSON, the backslash escaped": lambda one: _json(one).replace("\\", "\\u005c"),
    "JSON in a URL": lambda one: quote(_json(one), safe=""),
    "JSON in HTML": lambda one: _json(one).replace("\\", "&#92;"),
    "a URL in JSON": lambda one: f"\\u0025{ord(one):02x}",
    "a URL in HTML": lambda one: f"&#37;{ord(one):02x}",
    "HTML in JSON": lambda one: f"\\u0026#{ord(one)};",
    "HTML in a URL": lambda one: quote(f"&#{ord(one)};", safe=""),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_of_letters_digits_and_few_signs_is_found_whatever_is_escaped(way: str) -> None:
    write = WAYS[way]
    everything = "".join(map(write, PLAIN)) if way != "Markdown" else PLAIN
    for spelled in (_some(PLAIN, write), PLAIN.replace("-", write("-")), everything):
        for before, after in (("", ""), ("before ", " after"), ('"\\n', '\\n"'), ("%20&amp;", "%20&amp;")):
            shown = f"{before}***{after}"
            assert HIDES_PLAIN.message(f"{before}{spelled}{after}") == shown
            assert HIDES_PLAIN.result(f"{before}{spelled}{after}".encode()).decode() == shown
            assert HIDES_PLAIN.value([f"{before}{spelled}{after}"]) == [shown]


def test_signs_with_names_in_html_are_found() -> None:
    hides = Redaction(secret=spellings(["a_b=c+d/e(f)"]))
    assert hides.message("<a&lowbar;b&equals;c&amp;plus;d&sol;e&lpar;f&rpar;>") == "<***>"


def test_an_answer_stays_json_when_a_secret_in_it_is_hidden() -> None:
    for secret in ('"quoted secret"', "-begins with a sign", "ends with a \\", "/a/path/of/slashes/"):
        hides = Redaction(secret=spellings([secret]))
        for text in (json.dumps([secret, f"\\{secret}\\", f'"{secret}"']), json.dumps({secret: 1})):
            for written in (text, text.replace("/", "\\/"), text.replace("-", "\\u002d")):
                assert "***" in str(json.loads(hides.result(written.encode())))


@pytest.mark.parametrize(
    "written",
    [r"dom\t-%4a/xy", r"dom\u005ct-%4a/xy", r"dom\\t-%254a/xy"],
)
def test_a_secret_that_looks_like_an_escape_itself_is_found(written: str) -> None:
    hides = Redaction(secret=spellings([r"dom\t-%4a/xy"]))
    assert hides.message(f"<{written}>") == "<***>"


def test_secrets_that_overlap_are_hidden_as_one() -> None:
    hides = Redaction(secret=spellings(["abcdefgh", "efghijklmnop", "cdefghij"]))
    assert hides.message("<abcdefghijklmnop>") == "<***>"
    assert hides.message("<abcdefghabcdefgh>") == "<******>"


@pytest.mark.parametrize("amount", [1, 10, 300])
def test_of_many_secrets_each_is_found_wherever_it_stands(amount: int) -> None:
    secrets = [f"{nth:03}-secret-{nth * 7919 % 1000:03}" for nth in range(amount)]
    hides = Redaction(secret=spellings(secrets))
    for nth, secret in enumerate(secrets):
        text = "." * nth + secret + "/" + secret.replace("-", "%2D") + secret.encode().hex()
        assert hides.message(text) == "." * nth + "***/******"
        assert hides.value({"a": [nth, secret]}) == {"a": [nth, "***"]}
    assert hides.message("".join(secrets)) == "***" * amount


def test_hundreds_of_secrets_in_a_large_answer_are_hidden_in_reasonable_time() -> None:
    secrets = [f"{nth:03}/secret+{nth * 7919 % 1000:03}=" for nth in range(500)]
    hides = Redaction(secret=spellings(secrets))
    rows = [{"id": nth, "text": "an ordinary text of some length", "url": "/a%20b"} for nth in range(60_000)]
    began = time.process_time()
    assert hides.result(json.dumps([*rows, secrets[7]]).encode()).count(b"***") == 1
    assert hides.value([*rows, secrets[7]])[-1] == "***"
    assert time.process_time() - began < 5


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


@pytest.mark.parametrize(
    "flood", ["\\", "%25", "&amp;", '"', "%", "a ", "%5c", "&#92;", "\\u0026", "\\u0025", "+", "\\/"]
)
def test_floods_of_what_may_begin_a_secret_are_searched_in_reasonable_time(flood: str) -> None:
    hides = Redaction(secret=spellings(['"/+&%\\ <', SECRET]))
    began = time.process_time()
    hides.result(flood.encode() * (1024 * 1024 // len(flood)))
    assert time.process_time() - began < 5
