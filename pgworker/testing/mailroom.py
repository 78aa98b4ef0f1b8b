"""The mailroom: CloudEvents in the order in which they were published, and who may want them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pgworker.engine.commands import Subscribe
from pgworker.engine.correlating import Correlation
from pgworker.engine.inputs import CloudEventArrived
from pgworker.types import JsonObject


@dataclass(slots=True)
class _Box:
    """Where a listen finds its mail: by which values, and what it has looked at."""

    seen: int
    wanted: list[tuple[Correlation, str]] = field(default_factory=list)


class Mailroom:
    """Holds all that was published: who begins to listen later finds what came since it was created."""

    def __init__(self) -> None:
        self._published: list[tuple[str, JsonObject]] = []
        self._ids: dict[tuple[str, str], str] = {}
        self._boxes: dict[str, dict[int, _Box]] = defaultdict(dict)
        self._consumed: dict[str, set[str]] = defaultdict(set)

    @property
    def position(self) -> int:
        """That of the newest CloudEvent."""
        return len(self._published)

    @property
    def published(self) -> Sequence[JsonObject]:
        """All CloudEvents."""
        return [cloud_event for _, cloud_event in self._published]

    def publish(self, event_id: str, cloud_event: JsonObject) -> str:
        """Takes a CloudEvent in and returns our id for it: the old one, if its source has named it before."""
        key = str(cloud_event["source"]), str(cloud_event["id"])
        if key not in self._ids:
            self._ids[key] = event_id
            self._published.append((event_id, cloud_event))
        return self._ids[key]

    def subscribe(self, listener: str, wanted: Subscribe, since: int) -> None:
        """A listen begins; ``since`` is the position of what was there when the listener was created."""
        box = self._boxes[listener].setdefault(wanted.start, _Box(since))
        box.wanted.append((Correlation(wanted.type, tuple(map(str, wanted.keys))), wanted.value))

    def unsubscribe(self, listener: str, start: int | None = None) -> None:
        """A listen has ended, or all of a listener's have."""
        if start is None:
            self._boxes.pop(listener, None)
        else:
            self._boxes[listener].pop(start, None)

    def is_subscribed(self, listener: str) -> bool:
        """Whether it listens to anything."""
        return bool(self._boxes.get(listener))

    def consume(self, listener: str, event_id: str) -> None:
        """A listener has consumed a CloudEvent, and does not get it again."""
        self._consumed[listener].add(event_id)

    def give_back(self, listener: str, event_id: str) -> None:
        """A listener has gone back to before it consumed a CloudEvent."""
        self._consumed[listener].discard(event_id)

    def seen(self, listener: str, start: int, position: int) -> None:
        """A listen has looked at everything up to there."""
        if start in self._boxes[listener]:
            self._boxes[listener][start].seen = position

    def looked_up_to(self, listener: str, otherwise: int) -> int:
        """The position up to which all listens of a listener have looked."""
        return min((box.seen for box in self._boxes[listener].values()), default=otherwise)

    def take_over(self, old: str, new: str) -> None:
        """What one listener has consumed counts for another."""
        self._consumed[new] = self._consumed.pop(old, set())

    def mail_of(self, listener: str) -> Sequence[CloudEventArrived]:
        """What a listener may want and has not looked at, the oldest first."""
        return sorted(
            (
                CloudEventArrived(start, position, event_id, cloud_event)
                for start, box in self._boxes[listener].items()
                for position, (event_id, cloud_event) in enumerate(self._published, 1)
                if position > box.seen
                and event_id not in self._consumed[listener]
                and any(_matches(correlation, value, cloud_event) for correlation, value in box.wanted)
            ),
            key=lambda letter: letter.position,
        )

    def listeners(self) -> Sequence[str]:
        """Who listens to anything."""
        return [listener for listener, boxes in self._boxes.items() if boxes]


def _matches(correlation: Correlation, value: str, cloud_event: JsonObject) -> bool:
    if correlation.type is not None and correlation.type != cloud_event["type"]:
        return False
    return correlation.value_of(cloud_event) == value
