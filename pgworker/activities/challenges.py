"""Challenges: what a service that refuses says about how it wants to be asked (RFC 9110, 11.6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_NAME})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_NAME}))(?=[ \t]*(?:,|$))')
_SCHEME = re.compile(rf"({_NAME})(?:[ \t]+|(?=,|$))(?:[0-9A-Za-z._~+/-]+=*(?=[ \t]*(?:,|$)))?")
_BETWEEN = re.compile(r"[ \t,]*")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(slots=True)
class Challenge:
    """A scheme and its parameters, their names in small letters."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def challenges(header: str) -> Iterator[Challenge]:
    """The challenges of a ``WWW-Authenticate`` header, in its order; what is no challenge ends them.

    >>> [one.scheme for one in challenges('Basic realm="a, b", Digest nonce=x, Bearer')]
    ['basic', 'digest', 'bearer']
    """
    current: Challenge | None = None
    position = 0
    while (position := _after(_BETWEEN.match(header, position), position)) < len(header):
        parameter = _PARAMETER.match(header, position)
        if parameter is not None and current is not None:
            current.parameters.setdefault(parameter[1].lower(), _value(parameter))
            position = parameter.end()
            continue
        scheme = _SCHEME.match(header, position)
        if scheme is None:
            break
        if current is not None:
            yield current
        current = Challenge(scheme[1].lower())
        position = scheme.end()
    if current is not None:
        yield current


def parameters(header: str) -> dict[str, str]:
    """The parameters of a header that has nothing else, such as ``Authentication-Info``.

    >>> parameters('nextnonce="abc", qop=auth')
    {'nextnonce': 'abc', 'qop': 'auth'}
    """
    return {found[1].lower(): _value(found) for found in _PARAMETER.finditer(header)}


def _after(found: re.Match[str] | None, position: int) -> int:
    return position if found is None else found.end()


def _value(parameter: re.Match[str]) -> str:
    return parameter[3] if parameter[2] is None else _ESCAPED.sub(r"\1", parameter[2])
