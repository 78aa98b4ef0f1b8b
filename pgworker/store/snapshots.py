"""Snapshots: a state as bytes, and back. They save reading a long history; the history stays the truth."""

from __future__ import annotations

import zlib
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from pgworker.engine.state import Activation, BranchEnd, Extended, Frame, Listening, State, Status

FORMAT = 1
"""Moves on with every change of what a state holds; snapshots of other formats are passed over."""


class Taken(NamedTuple):
    """A snapshot, the digest of its state, and how many bytes it stands for."""

    snapshot: bytes
    digest: str
    size: int


def taken(state: State) -> Taken:
    """A snapshot of the state and what there is to know of it; the state is written as text once."""
    text = _text(state)
    return Taken(zlib.compress(text, 1), sha256(text).hexdigest(), len(text))


def take(state: State) -> bytes:
    """The state, compressed."""
    return taken(state).snapshot


def restored(snapshot: bytes) -> tuple[State, int]:
    """The state that a snapshot was taken of, and how many bytes it stands for.

    Raises ``ValueError`` (or a relative) for anything else.
    """
    text = zlib.decompress(snapshot)
    return _state(orjson.loads(text)), len(text)


def restore(snapshot: bytes) -> State:
    """The state that a snapshot was taken of; raises as ``restored`` does."""
    return restored(snapshot)[0]


def _state(read: dict[str, Any]) -> State:
    return State(
        seq=read["seq"],
        status=Status(read["status"]),
        started_at=_time(read["started_at"]),
        frames={int(key): _frame(frame) for key, frame in read["frames"].items()},
        activations={int(key): _activation(one) for key, one in read["activations"].items()},
        ready=_ordered(read["ready"]),
        timers={int(timer): start for timer, start in read["timers"].items()},
        **{name: read[name] for name in ("input", "context", "output", "error", "ending")},
    )


def digest(state: State) -> str:
    """The same for every state of the same history, whoever built it and however."""
    return sha256(_text(state)).hexdigest()


def _text(state: State) -> bytes:
    # the order of keys is part of a state, and JSON texts keep it
    return orjson.dumps(state, option=orjson.OPT_NON_STR_KEYS)


def _ordered(read: dict[str, None]) -> dict[int, None]:
    return dict.fromkeys(map(int, read))


def _activation(read: dict[str, Any]) -> Activation:
    return Activation(**_common(read))


def _frame(read: dict[str, Any]) -> Frame:
    fields = _common(read)
    fields["ended"] = {int(place): BranchEnd(**end) for place, end in read["ended"].items()}
    fields["extended"] = None if read["extended"] is None else Extended(**read["extended"])
    fields["inside"] = _ordered(read["inside"])
    return Frame(**fields)


def _common(read: dict[str, Any]) -> dict[str, Any]:
    return {
        **read,
        "started_at": _time(read["started_at"]),
        "timers": {int(timer): purpose for timer, purpose in read["timers"].items()},
        "listening": None if read["listening"] is None else Listening(**read["listening"]),
    }


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
