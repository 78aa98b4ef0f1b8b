"""Server-sent events, as they arrive."""

from __future__ import annotations

import re

EVENT_STREAM = "text/event-stream"

_LINE_END = re.compile(r"\r\n|\r|\n")


class Events:
    """Gives the data of each event as soon as it is complete; what no empty line ends is no event.

    >>> events = Events()
    >>> events.feed("data: a\\nda"), events.feed("ta: b\\n\\n: only a comment\\n\\n")
    ([], ['a\\nb'])
    """

    def __init__(self) -> None:
        self._rest = ""
        self._lines: list[str] = []
        self._begun = False

    @property
    def held(self) -> int:
        """How many bytes there are, in UTF-8, of what is not complete yet."""
        return sum(len(text.encode()) for text in (self._rest, *self._lines))

    def feed(self, text: str, *, last: bool = False) -> list[str]:
        """The data of the events that this much more text completes; ``last`` if no more will come."""
        if text and not self._begun:
            text, self._begun = text.removeprefix("\ufeff"), True
        text = self._rest + text
        # this may be one half of a line's end
        held = "\r" if text.endswith("\r") and not last else ""
        *lines, rest = _LINE_END.split(text.removesuffix(held))
        self._rest = rest + held
        return [data for line in lines if (data := self._line(line)) is not None]

    def _line(self, line: str) -> str | None:
        if line == "data" or line.startswith("data:"):
            self._lines.append(line[5:].removeprefix(" "))
        if line or not self._lines:
            return None
        data, self._lines = "\n".join(self._lines), []
        return data
