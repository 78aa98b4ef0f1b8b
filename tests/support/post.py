"""A post office: what the database does between CloudEvents and those who listen for them."""

from __future__ import annotations

from pgworker.engine.commands import Command, Consume, LookAgain, Subscribe, Unsubscribe
from pgworker.engine.correlating import Correlation
from pgworker.engine.inputs import CloudEventArrived
from pgworker.engine.state import Status
from pgworker.types import JsonObject
from tests.support.pure import Play


class Post:
    """The CloudEvents of one workflow's world. Each is offered as the workflow's own commands ask for it."""

    def __init__(self, one: Play) -> None:
        self.one = one
        self._published: dict[str, JsonObject] = {}

    def publish(self, *cloud_events: JsonObject) -> Play:
        """Publishes CloudEvents together; the workflow is told of them as often as it wants to look."""
        self.add(*cloud_events)
        return self.deliver()

    def add(self, *cloud_events: JsonObject) -> None:
        """Publishes CloudEvents of which the workflow is not told yet."""
        for event in cloud_events:
            self._published.setdefault(f"{event['source']} {event['id']}", event)

    def deliver(self) -> Play:
        """Tells the workflow what there is, and again as long as it looks for more."""
        while True:
            known = len(self.one.commands)
            mail = self.mail()
            if not mail or self.one.status is not Status.RUNNING:
                return self.one
            self.one.tell(*mail)
            if not any(isinstance(c, LookAgain | Subscribe) for c in self.one.commands[known:]):
                return self.one

    def mail(self) -> list[CloudEventArrived]:
        """What the workflow may want and has not looked at, oldest first."""
        consumed = {c.event_id for c in self.one.commands if isinstance(c, Consume)}
        letters = [
            CloudEventArrived(start, position, event_id, event)
            for position, (event_id, event) in enumerate(self._published.items(), 1)
            for start, wanted in self._subscriptions().items()
            if position > self.one.examined.get(start, 0) and event_id not in consumed
            if any(_finds(subscription, event) for subscription in wanted)
        ]
        return sorted(letters, key=lambda letter: letter.position)

    def _subscriptions(self) -> dict[int, list[Subscribe]]:
        found: dict[int, list[Subscribe]] = {}
        for command in self.one.commands:
            if isinstance(command, Subscribe):
                found.setdefault(command.start, []).append(command)
            elif isinstance(command, Unsubscribe):
                del found[command.start]
        return found


def _finds(subscription: Subscribe, cloud_event: JsonObject) -> bool:
    if subscription.type not in (None, cloud_event["type"]):
        return False
    correlation = Correlation(subscription.type, tuple(str(key) for key in subscription.keys))
    return correlation.value_of(cloud_event) == subscription.value


def of_kind(commands: list[Command], *kinds: type[Command]) -> list[Command]:
    """The commands of some kinds, in their order."""
    return [command for command in commands if isinstance(command, kinds)]
