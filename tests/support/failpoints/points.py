"""Points and faults: what happens to a worker process, and where on its way."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

VARIABLE: Final = "FAILPOINT"
"""The environment variable that tells a worker process of its failpoint."""

FIRED: Final = "!"
"""What a worker process reports when its fault is about to take effect; else it reports what it passes."""

COMMIT: Final = "commit of a turn"
REGISTER: Final = "register_worker"
BEGIN_ACTIVITY: Final = "begin an activity"
PERFORM: Final = "perform an activity"
READ_ANSWER: Final = "read an answer"
NOTE_OUTCOME: Final = "note an outcome"
SETTLE_OUTCOMES: Final = "settle outcomes"


class Fault(StrEnum):
    """What goes wrong."""

    KILL = "kill -9"
    """The process is gone."""
    EXCEPTION = "exception"
    """An error that nobody foresaw is raised, in place of the call or of its result."""
    REFUSAL = "refusal"
    """The server refuses the statement for a passing reason."""
    DROP = "connection drop"
    """The socket is closed under the call, or behind its back once it has its answer."""
    LOST = "lost answer"
    """What was asked for is done, and the connection breaks before the answer is read."""


class When(StrEnum):
    """On which side of the call."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Failpoint:
    """One fault of one worker process: it has it at the ``turn``-th passing of a point, and never again.

    Without a fault the process reports the points that it passes.
    """

    report: str
    name: str = ""
    when: When = When.BEFORE
    fault: Fault | None = None
    turn: int = 1

    def has_fired(self) -> bool:
        """Whether the fault has been had; one without a fault is always content."""
        report = Path(self.report)
        return self.fault is None or (report.exists() and report.read_text() == f"{FIRED}\n")

    def encode(self) -> str:
        """As a worker's environment has it."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Failpoint:
        """The one that ``encode`` wrote."""
        read = json.loads(text)
        fault = None if read["fault"] is None else Fault(read["fault"])
        return cls(**(read | {"when": When(read["when"]), "fault": fault}))
