"""Labels: any text, written so that Mermaid shows it and obeys none of it."""

from __future__ import annotations

import unicodedata

_PLAIN = frozenset(" .,-/()=?!'")
_LONGEST = 120


def label(*lines: str) -> str:
    """A quoted label of one or more lines; empty ones are left out.

    Nearly all punctuation becomes Mermaid's entity codes. Quotes would end the label, `#` and `;` make codes,
    `<` and `&` make HTML, `%` directives, `$` formulas, `:` icons and styles, and the rest is Markdown: each
    is looked for at another stage of its reading, in the whole text and not only outside of quotes. For
    Markdown's sake a label also begins with a word of ours: `1.` at its beginning would make a list.

    >>> label('say "hi"', "")
    '"say #34;hi#34;"'
    """
    return '"' + "<br/>".join(_escaped(line) for line in lines if line) + '"'


def _escaped(line: str) -> str:
    words = " ".join(line.split())
    if len(words) > _LONGEST:
        words = words[: _LONGEST - 1] + "…"
    return "".join(map(_character, words)) or " "


def _character(character: str) -> str:
    if character in _PLAIN or character.isalnum():
        return character
    if unicodedata.category(character) in ("Cc", "Cs"):
        return "\N{REPLACEMENT CHARACTER}"  # XML has no way to hold it
    return f"#{ord(character)};"
