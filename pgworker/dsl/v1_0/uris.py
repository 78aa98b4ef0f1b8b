"""URIs of a document: templates, expressions, and what may be neither."""

from __future__ import annotations

import re

from pgworker.dsl.reading import Piece
from pgworker.dsl.v1_0.expressions import read_template, read_uri
from pgworker.expressions.templates import Expression, Members, Template, split

_EXPECTED = "a URI such as https://example.com/{id}"

# The schema's pattern, which is that of RFC 3986 (appendix B) without white space.
_URI = re.compile(r"(?=\S)(([^:/?#]+):)?(//([^/?#\s]*))?([^?#\s]*)(\?([^#\s]*))?(#(\S*))?")


def read_uri_or_expression(piece: Piece, variables: frozenset[str]) -> Template | None:
    """A URI with ``{name}`` templates and expressions in it, or one expression that gives a URI."""
    template = read_uri(piece, variables)
    return template if template is not None and _is_uri(piece, str(piece.value)) else None


def is_uri_or_expression(piece: Piece, key: str, template: Template) -> bool:
    """Whether a member, which is a text, is one or the other; ``template`` is that of the whole object."""
    members = dict(template.members) if isinstance(template, Members) else {}
    text = str(piece.member(key).value)
    return isinstance(members.get(key), Expression) or _is_uri(piece.member(key), text)


def read_literal_uri(piece: Piece, variables: frozenset[str]) -> Template | None:
    """A URI that does not begin with an expression."""
    text = piece.text()
    if text is None:
        return None
    if text.lstrip().startswith("${"):
        piece.report("found an expression", expected=_EXPECTED, hint="write the URI down")
        return None
    template = read_template(piece, variables)
    return template if template is not None and _is_uri(piece, text) else None


def _is_uri(piece: Piece, text: str) -> bool:
    """Whether the text is a URI, whatever the expressions in it give."""
    if _URI.fullmatch("".join(part if isinstance(part, str) else "x" for part in split(text))):
        return True
    piece.report(f"`{text[:60]}` is not a URI", expected=_EXPECTED, hint="write a space as %20")
    return False
