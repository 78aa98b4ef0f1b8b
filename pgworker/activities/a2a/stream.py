"""The end of an agent's stream, which the agent tells before it closes the connection, or does not."""

from __future__ import annotations

import codecs

from pgworker.activities import json_rpc
from pgworker.activities.media import JSON, Unreadable, content
from pgworker.activities.sse import Events


class StreamEnd:
    """Says of each chunk whether the last event has come: a final one, or an error."""

    def __init__(self) -> None:
        self._events = Events()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __call__(self, chunk: bytes) -> bool:
        """Whether nothing more is to be expected after this chunk."""
        return any(_is_last(data) for data in self._events.feed(self._decoder.decode(chunk)))


def _is_last(data: str) -> bool:
    try:
        answer = content(data.encode(), JSON)
    except Unreadable:
        return False  # whoever reads the whole answer tells what is wrong with it
    result = answer.get("result") if isinstance(answer, dict) else None
    return json_rpc.is_error(answer) or (isinstance(result, dict) and result.get("final") is True)
