"""Snapshots: a state as bytes, and back. They save reading a long history; the history stays the truth."""

from __future__ import annotations

import zlib
from hashlib import sha256
from typing import NamedTuple

import orjson

from pgworker.engine.state import State
from pgworker.engine.state_json import state_of, state_text

FORMAT = 3
"""Moves on with every change of what a state holds; snapshots of other formats are passed over."""


class Taken(NamedTuple):
    """A snapshot, the digest of its state, and how many bytes it stands for."""

    snapshot: bytes
    digest: str
    size: int


def taken(state: State) -> Taken:
    """A snapshot of the state and what there is to know of it; the state is written as text once."""
    text = state_text(state)
    return Taken(zlib.compress(text, 1), sha256(text).hexdigest(), len(text))


def take(state: State) -> bytes:
    """The state, compressed."""
    return taken(state).snapshot


def restored(snapshot: bytes) -> tuple[State, int]:
    """The state that a snapshot was taken of, and how many bytes it stands for.

    Raises ``ValueError`` (or a relative) for anything else.
    """
    text = zlib.decompress(snapshot)
    return state_of(orjson.loads(text)), len(text)


def restore(snapshot: bytes) -> State:
    """The state that a snapshot was taken of; raises as ``restored`` does."""
    return restored(snapshot)[0]


def digest(state: State) -> str:
    """The same for every state of the same history, whoever built it and however."""
    return sha256(state_text(state)).hexdigest()
