"""Server-sent events, as a whole answer of them is read."""

from __future__ import annotations

import re
from collections.abc import Iterator

EVENT_STREAM = "text/event-stream"

_LINE_END = re.compile(r"\r\n|\r|\n")


def data_of_events(text: str) -> Iterator[str]:
    """The data of each event, in their order; what is not ended by an empty line is no event.

    >>> list(data_of_events("data: a\\ndata: b\\n\\n: only a comment\\n\\ndata: lost"))
    ['a\\nb']
    """
    lines: list[str] = []
    for line in _LINE_END.split(text.removeprefix("\ufeff"))[:-1]:
        if not line:
            if lines:
                yield "\n".join(lines)
            lines = []
        elif line == "data" or line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
