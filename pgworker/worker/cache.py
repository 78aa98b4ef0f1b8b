"""The states of workflows in memory, as far as they are bound to be needed again soon."""

from __future__ import annotations

from collections import OrderedDict

from pgworker.engine.state import State


class StateCache:
    """A least-recently-used cache of states, bounded by the bytes of history that made them.

    A state is advanced in place by a decision, so it is taken out first and put back only when the
    decision's transaction is known to be committed.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._states: OrderedDict[str, tuple[State, int]] = OrderedDict()

    def take(self, workflow_id: str) -> tuple[State, int] | None:
        """The state and its weight in bytes, no longer in the cache; None if it is not there."""
        entry = self._states.pop(workflow_id, None)
        if entry is not None:
            self._bytes -= entry[1]
        return entry

    def seq_of(self, workflow_id: str) -> int:
        """The seq up to which the workflow's state is here; 0 if there is none."""
        entry = self._states.get(workflow_id)
        return 0 if entry is None else entry[0].seq

    def put(self, workflow_id: str, state: State, weight: int) -> None:
        """Keeps a state; the ones that were not used for longest make room."""
        self.take(workflow_id)
        self._states[workflow_id] = (state, weight)
        self._bytes += weight
        while self._bytes > self._max_bytes and self._states:
            _, (_, dropped) = self._states.popitem(last=False)
            self._bytes -= dropped

    def clear(self) -> None:
        """Forgets everything: whoever has lost a connection does not know what was committed."""
        self._states.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._states)
