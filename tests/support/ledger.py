"""The ledger of a stub, which tells what happened outside, held against what history says of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pgworker.engine.events import Event
from tests.support.stub import Effect


class Ledger:
    """Effects by the keys they came with, and what may be said of them.

    ``kills`` says how often workers (or the server under them) were killed or frozen, ``given_back`` how
    often activities were given back: so often may an effect happen again.
    """

    def __init__(self, effects: Iterable[Effect], kills: int, given_back: int) -> None:
        self._kills = kills
        self._given_back = given_back
        self._effects: dict[str, set[int]] = defaultdict(set)
        self._keys: dict[str, set[str]] = defaultdict(set)
        for effect in effects:
            self._effects[effect.key].add(effect.effect)
            if effect.activity:
                self._keys[effect.activity].add(effect.key)
        self._unknown = set(self._effects)

    def against(self, workflow_id: str, history: Iterable[Event]) -> list[str]:
        """What is wrong with a workflow's activities."""
        scheduled: list[int] = []
        results: dict[int, Event] = {}
        for event in history:
            if event.type == "task.started" and "activity" in event.data:
                scheduled.append(event.seq)
            elif event.type in ("task.completed", "task.failed") and "start" in event.data:
                results[event.data["start"]] = event
        found: list[str] = []
        for seq in scheduled:
            key = f"{workflow_id}:{seq}"
            self._unknown.discard(key)
            found += self._of_one(key, results.get(seq))
        return found

    def left_over(self) -> list[str]:
        """What is wrong with effects as such, once all histories have been held against them."""
        found = [f"a call came with a key that history does not know: {key!r}" for key in self._unknown]
        found += [
            f"an activity came under several keys: {activity} {keys}"
            for activity, keys in self._keys.items()
            if len(keys) > 1
        ]
        return found

    def _of_one(self, key: str, result: Event | None) -> list[str]:
        effects = self._effects.get(key, set())
        found: list[str] = []
        if len(effects) > 1 + self._kills:
            found.append(f"{len(effects)} effects of one activity, with {self._kills} kills: {key}")
        if result is None:
            return found
        attempts = int(result.data.get("attempt", 1))
        if len(effects) > attempts + self._given_back:
            found.append(f"{len(effects)} effects of one activity in {attempts} attempts: {key}")
        if result.type == "task.completed":
            if not effects:
                found.append(f"a result without an effect: {key}")
            claimed = _effect_in(result.data)
            if claimed is not None and claimed not in effects:
                found.append(
                    f"a result that did not happen: {key} says {claimed}, the ledger {sorted(effects)}"
                )
        return found


def _effect_in(data: Mapping[str, object]) -> int | None:
    """The effect that a result speaks of."""
    value = data.get("result", data.get("output"))
    if isinstance(value, dict) and isinstance(value.get("content"), dict):
        value = value["content"]
    effect = value.get("effect") if isinstance(value, dict) else None
    return effect if isinstance(effect, int) else None
