"""Escapes: how characters are written in JSON, in URLs and in HTML, and contents without any of that.

Which characters are escaped, and how often, is everybody's own choice. So what is looked for and what it is
looked for in are both made plain, and places are told as they were before.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from html.entities import html5
from string import ascii_letters, digits, printable

from pgworker.activities.search import Span

_ALWAYS = frozenset(ascii_letters + digits + "-._~=+/")
"""What most credentials are made of: most of them have the same escapes."""

_LETTERS = (ascii_letters + digits).encode()
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

# Each of these may stand there up to eight or 15 times over. There has to be a limit: long rows of them must
# not be looked through from each of their members.
_BACKSLASHES = r"\\\\{0,14}+"
_BACKSLASHES_IN_ANY_JSON = r"\\(?:\\|u005[cC]){0,14}+"
_PERCENT = "%(?:25){0,7}"
_AMPERSAND = "&(?:amp;){0,7}"
# and these are one in the clothes of another, without their first letter
_BACKSLASHES_IN_URL = "5[cC](?:%(?:25){0,7}5[cC]){0,14}+"
_BACKSLASHES_IN_HTML = r"#(?:92|[xX]5[cC]);(?:&(?:amp;){0,7}#(?:92|[xX]5[cC]);){0,14}+"
_BACKSLASH_IN_JSON = re.compile(rb"u005[cC]")
_PERCENT_IN_JSON = "u0025(?:25){0,7}"
_PERCENT_IN_HTML = "#(?:37|[xX]25);(?:25){0,7}"
_AMPERSAND_IN_JSON = "u0026(?:amp;){0,7}"
_AMPERSAND_IN_URL = "26(?:amp(?:;|%3[bB])){0,7}"


@dataclass(frozen=True, slots=True)
class Plain:
    """A content in which escapes are replaced: where they begin and end now, and did ``before``."""

    content: bytes
    begins: list[int]
    ends: list[int]
    before: list[Span]

    def origin(self, span: Span) -> Span:
        """Where that was which is there now, with all of its escapes."""
        return self._begin(span[0]), self._end(span[1])

    def _begin(self, at: int) -> int:
        nth = bisect_left(self.begins, at)
        if nth < len(self.begins) and self.begins[nth] == at:
            return self.before[nth][0]
        if nth == 0:
            return at
        begin, end = self.before[nth - 1]
        return begin if at < self.ends[nth - 1] else end + at - self.ends[nth - 1]

    def _end(self, at: int) -> int:
        nth = bisect_right(self.begins, at - 1) - 1
        return at if nth < 0 else self.before[nth][1] + max(at - self.ends[nth], 0)


class Escapes:
    """The escapes of some characters.

    With ``slashes`` every backslash is one, whatever comes after it, and with ``pluses`` every plus sign, of
    a space.
    """

    def __init__(self, characters: frozenset[str], *, slashes: bool, pluses: bool) -> None:
        self._pluses = pluses
        json, url, html = _in_json(characters), _in_url(characters), _in_html(characters)
        after_backslashes = (_PERCENT_IN_JSON + url, _AMPERSAND_IN_JSON + html, json)
        bare = "" if slashes else _before_others(characters)
        self._has_backslashes = _pattern(r"\\", "u005[cC]", *after_backslashes, bare)
        self._with_bare = _pattern(_BACKSLASHES_IN_ANY_JSON, *after_backslashes, bare)
        self._patterns = {
            b"\\": _pattern(_BACKSLASHES, *after_backslashes),
            b"%": _pattern(_PERCENT, _BACKSLASHES_IN_URL + f"{json}?", _AMPERSAND_IN_URL + html, url),
            b"&": _pattern(_AMPERSAND, _BACKSLASHES_IN_HTML + f"{json}?", _PERCENT_IN_HTML + url, html),
        }

    def sketch(self, content: bytes) -> bytes:
        """About the same as the ``plain`` content, and sooner: also with no backslash left that is none."""
        if self._has_backslashes.search(content):
            content = self._patterns[b"\\"].sub(_character, _BACKSLASH_IN_JSON.sub(b"", content))
            content = content.replace(b"\\", b"")
        for sign in (b"%", b"&"):
            if sign in content:
                content = self._patterns[sign].sub(_character, content)
        return content.replace(b"+", b" ") if self._pluses else content

    def plain(self, content: bytes) -> Plain:
        """The content without these escapes."""
        parts: list[bytes] = []
        begins: list[int] = []
        ends: list[int] = []
        before: list[Span] = []
        last = size = 0
        for match in sorted(self._found(content), key=lambda one: one.start()):
            begin, end = match.span()
            if begin < last:
                continue  # it is within another
            character = _character(match)
            parts += (content[last:begin], character)
            size += begin - last
            begins.append(size)
            size += len(character)
            ends.append(size)
            before.append((begin, end))
            last = end
        whole = b"".join((*parts, content[last:]))
        return Plain(whole.replace(b"+", b" ") if self._pluses else whole, begins, ends, before)

    def _found(self, content: bytes) -> Iterator[re.Match[bytes]]:
        for pattern in (self._with_bare, self._patterns[b"%"], self._patterns[b"&"]):
            yield from pattern.finditer(content)


@lru_cache(maxsize=64)
def _escapes(characters: frozenset[str], *, slashes: bool, pluses: bool) -> Escapes:
    return Escapes(characters, slashes=slashes, pluses=pluses)


class Sought:
    """Texts that are looked for, as they stand in plain contents, and the ``escapes`` of such contents."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        written = list(texts)
        pluses = any(b" " in text for text in written)
        foreign = frozenset(one for text in written for one in _text(text) if one > "~")
        every = _escapes(frozenset(printable) | foreign, slashes=True, pluses=pluses)
        # once as if it was written with escapes itself, once as if what looks like that in it is none
        self.texts = {every.plain(text).content for text in written}
        for text in written:
            bare = text.replace(b"\\", b"")
            self.texts.add(bare.replace(b"+", b" ") if pluses else bare)
        characters = frozenset("".join(map(_text, self.texts))) | _ALWAYS
        self.escapes = _escapes(characters, slashes=any(b"\\" in text for text in written), pluses=pluses)


def _pattern(sign: str, *ways: str) -> re.Pattern[bytes]:
    """What begins with the sign and goes on in one of the ways; their groups get names of their own."""
    numbers = iter(range(100))
    pattern = sign + _either(*ways)
    return re.compile(re.sub(r"\(\?P<(\w)", lambda found: f"{found[0]}{next(numbers)}", pattern).encode())


def _in_json(characters: frozenset[str]) -> str:
    """What stands after backslashes."""
    units = _any_of(f"{ord(one):04x}" for one in characters if one < "\U00010000")
    pairs = [one.encode("utf-16-be").hex() for one in characters if one >= "\U00010000"]
    units = "|".join((units, *(rf"{_folded(pair[:4])}\\{{1,15}}u{_folded(pair[4:])}" for pair in pairs)))
    octets = _any_of(f"{ord(one):02x}" for one in characters if one.isascii())
    short = _any_of((letter for letter, one in _SHORT.items() if one in characters), folds=False)
    return _either(f"u(?P<u>{units})", f"x(?P<x>{octets})", *([f"(?P<s>{short})"] if short else []))


def _before_others(characters: frozenset[str]) -> str:
    """That backslashes are before what is no letter and no digit, or before an escape: they add nothing."""
    others = {*_octets(characters), *b"%&"}.difference(_LETTERS)
    octets = "".join(rf"\x{octet:02x}" for octet in sorted(others))
    return f"(?=[{octets}])"


def _in_url(characters: frozenset[str]) -> str:
    """What stands after a percent sign."""
    octets = _any_of(f"{octet:02x}" for octet in _octets(characters))
    units = _any_of(f"{ord(one):04x}" for one in characters if one < "\U00010000")
    return _either(f"(?P<o>{octets})", f"u(?P<u>{units})")


def _in_html(characters: frozenset[str]) -> str:
    """What stands after an ampersand."""
    decimal = _any_of(str(ord(one)) for one in characters)
    hexadecimal = _any_of(f"{ord(one):x}" for one in characters)
    names = _any_of((name for one in characters for name in _names().get(one, ())), folds=False)
    numbers = _either(rf"0*(?P<d>{decimal})(?!\d)", f"[xX]0*(?P<x>{hexadecimal})(?![0-9a-fA-F])")
    return _either(f"(?:#|%23){numbers}(?:;|%3[bB])?", f"(?P<n>{names})(?:;|%3[bB])")


def _character(match: re.Match[bytes]) -> bytes:
    """What an escape stands for; a backslash that is none of that stands for nothing."""
    group = match.lastgroup
    if group is None:
        return b""
    text = match[group].decode()
    match group[0]:
        case "o":
            return bytes.fromhex(text)
        case "u":
            return _utf8(bytes.fromhex(re.sub(r"[\\u]", "", text)).decode("utf-16-be", "surrogatepass"))
        case "d":
            return _utf8(chr(int(text)))
        case "x":
            return _utf8(chr(int(text, 16)))
        case "s":
            return _utf8(_SHORT[text])
        case _:
            return _utf8(html5[f"{text};"])


@cache
def _names() -> Mapping[str, list[str]]:
    """What a character is called in HTML."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, text in html5.items():
        if name.endswith(";"):
            names[text].append(name.removesuffix(";"))
    return names


def _octets(characters: frozenset[str]) -> list[int]:
    return sorted({octet for one in characters for octet in _utf8(one)})


def _either(*ways: str) -> str:
    return f"(?:{'|'.join(ways)})"


def _any_of(words: Iterable[str], *, folds: bool = True) -> str:
    """A pattern for any of the words, which does not look at one after the other."""
    rests: defaultdict[str, list[str]] = defaultdict(list)
    may_end = False
    for word in words:
        if word:
            rests[word[0]].append(word[1:])
        else:
            may_end = True
    firsts = ((_folded(first) if folds else first, rest) for first, rest in sorted(rests.items()))
    ways = [first + _any_of(rest, folds=folds) for first, rest in firsts]
    return (_either(*ways) + ("?" if may_end else "")) if ways else ""


def _folded(digits: str) -> str:
    """A pattern for hexadecimal digits, be they small or capital."""
    return "".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in digits)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")
