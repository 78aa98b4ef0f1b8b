"""``use.secrets``: which secrets a workflow may read."""

from __future__ import annotations

from pgworker.dsl.reading import Piece


def read_secrets(use: Piece) -> frozenset[str]:
    """The names of the secrets that are declared."""
    if not use.has("secrets"):
        return frozenset()
    names = [item.text() for item in use.member("secrets").items()]
    return frozenset(name for name in names if name is not None)
