"""The states of workflows in memory, as far as they are bound to be needed again soon."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from pgworker.engine.rewinding import Back
from pgworker.engine.state import State


@dataclass(slots=True)
class Known:
    """A state, the bytes that it stands for, and as of which event there is a snapshot of which size.

    ``since_queued`` counts the events that the workflow has made without losing its place in the queue,
    ``back`` is what it goes on from if it is being retried.
    """

    state: State
    weight: int = 0
    snapshot_seq: int = 0
    snapshot_size: int = 0
    since_queued: int = 0
    back: Back | None = None


class StateCache:
    """A least-recently-used cache of states, bounded by the bytes that they stand for.

    A state is advanced in place by a decision, so it is taken out first and put back only when the
    decision's transaction is known to be committed.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._states: OrderedDict[str, Known] = OrderedDict()

    def take(self, workflow_id: str) -> Known | None:
        """What is known of a workflow, no longer in the cache; None if it is not there."""
        known = self._states.pop(workflow_id, None)
        if known is not None:
            self._bytes -= known.weight
        return known

    def seq_of(self, workflow_id: str) -> int:
        """The seq up to which the workflow's state is here; 0 if there is none."""
        known = self._states.get(workflow_id)
        return 0 if known is None else known.state.seq

    def put(self, workflow_id: str, known: Known) -> None:
        """Keeps a state; the ones that were not used for longest make room."""
        self.take(workflow_id)
        self._states[workflow_id] = known
        self._bytes += known.weight
        while self._bytes > self._max_bytes and self._states:
            _, dropped = self._states.popitem(last=False)
            self._bytes -= dropped.weight

    def clear(self) -> None:
        """Forgets everything: whoever has lost a connection does not know what was committed."""
        self._states.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._states)
