"""A state as JSON, and back: what a snapshot holds, and the event that brings an earlier state back."""

from __future__ import annotations

from datetime import datetime
from typing import Any  # noqa: TID251 -- what is read here was written here, field by field

import orjson

from pgworker.engine.state import Activation, BranchEnd, Extended, Frame, Listening, State, Status


def state_text(state: State) -> bytes:
    """The state as JSON; the order of keys is part of it."""
    return orjson.dumps(state, option=orjson.OPT_NON_STR_KEYS)


def state_of(read: dict[str, Any]) -> State:
    """The state that was written as this JSON object; raises ``ValueError`` or its like for anything else."""
    return State(
        seq=read["seq"],
        status=Status(read["status"]),
        started_at=time_of(read["started_at"]),
        frames={int(key): _frame(frame) for key, frame in read["frames"].items()},
        activations={int(key): _activation(one) for key, one in read["activations"].items()},
        ready=_ordered(read["ready"]),
        timers={int(timer): start for timer, start in read["timers"].items()},
        incarnation=read.get("incarnation"),  # histories hold states that were written without it
        **{name: read[name] for name in ("input", "context", "output", "error", "ending", "retrying")},
    )


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
        "started_at": time_of(read["started_at"]),
        "timers": {int(timer): purpose for timer, purpose in read["timers"].items()},
        "listening": None if read["listening"] is None else Listening(**read["listening"]),
    }


def time_of(text: str | None) -> datetime | None:
    """The time that is written so in JSON, if there is one; raises ``ValueError`` for what is none."""
    return None if text is None else datetime.fromisoformat(text)
