"""The engine in memory, as a test uses it.

Calls take no time unless the test says so, and the clock stands still until the test moves it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pgworker.engine import events
from pgworker.engine.rewinding import rewound
from pgworker.engine.state import Status
from pgworker.errors import ERROR_TYPE_ROOT, Conflict, NotFound, StoreRefused
from pgworker.store.starting import NO_INPUT
from pgworker.testing.calls import Answers, Call
from pgworker.testing.workflow import Workflow
from pgworker.testing.world import World, stored
from pgworker.types import JsonObject, JsonValue

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
"""Where the clock stands at first."""


class Engine:
    """Runs workflows in memory, each as far as it goes at the time that the clock shows.

    ``secrets`` are those that calls may use, by their names; ``functions`` the names of the Python functions
    that documents may call, which the test answers as all calls.
    """

    def __init__(
        self,
        *,
        now: datetime = BEGINNING,
        secrets: Mapping[str, JsonObject | str] | None = None,
        functions: Collection[str] = (),
    ) -> None:
        self._world = World(now, secrets or {}, functions)

    @property
    def now(self) -> datetime:
        """The time that the clock shows, in UTC."""
        return self._world.now

    @property
    def workflows(self) -> Sequence[Workflow]:
        """All workflows, in the order in which they were started."""
        return [Workflow(self, life) for life in self._world.lives.values()]

    @property
    def published(self) -> Sequence[JsonObject]:
        """All CloudEvents, in the order in which they were published, by the test or by workflows."""
        return self._world.mailroom.published

    def define(
        self, document: str | bytes | Path | JsonObject, *, resources: Mapping[str, JsonValue] | None = None
    ) -> str:
        """Takes a definition in and returns ``namespace/name:version``.

        A text is the document itself, YAML or JSON; a ``Path`` is a file that holds it. ``resources`` are
        what it refers to outside of itself, by address. Raises ``DocumentError`` and ``Conflict``.
        """
        key = self._world.definitions.add(document, resources or {})
        self._world.renew_schedule(*key[:2])
        self._world.go_on()
        return f"{key[0]}/{key[1]}:{key[2]}"

    def start(
        self,
        name: str,
        input: JsonValue = NO_INPUT,
        *,
        version: str | None = None,
        namespace: str = "default",
        idempotency_key: str | None = None,
        start_at: datetime | None = None,
        labels: Mapping[str, JsonValue] | None = None,
    ) -> Workflow:
        """Starts a workflow and lets it go on until it waits; the input is an empty object if there is none.

        The same key for the same name gives the workflow that it started before. Raises ``NotFound``,
        ``ValueRefused`` for an input that is no JSON, and ``UnansweredCall`` where a workflow calls what the
        test does not answer: it asks again whenever the test goes on.
        """
        if idempotency_key is not None:
            for life in self._world.lives.values():
                if (*life.key[:2], life.idempotency_key) == (namespace, name, idempotency_key):
                    return Workflow(self, life)
        life = self._world.begin(
            self._world.new_id(),
            namespace,
            name,
            version,
            input,
            labels={key: stored(value) for key, value in (labels or {}).items()},
            key=idempotency_key,
        )
        if start_at is None or start_at <= self._world.now:
            self._world.tell(life)
        else:
            self._world.agenda.put((life.id, 0), start_at)
        self._world.go_on()
        return Workflow(self, life)

    def run(self, document: str | bytes | Path | JsonObject, input: JsonValue = NO_INPUT) -> Workflow:
        """Takes a definition in and starts a workflow of it."""
        namespace, _, name = self.define(document).partition("/")
        name, _, version = name.partition(":")
        return self.start(name, input, namespace=namespace, version=version)

    def publish(
        self,
        type: str,
        data: JsonValue = None,
        *,
        source: str = "/test",
        subject: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
        extensions: Mapping[str, JsonValue] | None = None,
    ) -> str:
        """Publishes a CloudEvent and returns our id for it; the same source and id is the same event.

        Raises ``ValueRefused`` for data or extensions that are no JSON.
        """
        event_id = self._world.new_id()
        at = (time or self._world.now).astimezone(UTC)
        cloud_event: JsonObject = {
            **{key: stored(value) for key, value in (extensions or {}).items()},
            "specversion": "1.0",
            "id": id or event_id,
            "source": source,
            "type": type,
            "time": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            **({} if subject is None else {"subject": subject}),
            **({} if data is None else {"data": stored(data)}),
        }
        found = self._world.publish(event_id, cloud_event)
        self._world.go_on()
        return found

    def advance(self, **length: float) -> None:
        """Moves the clock on, such as ``minutes=5``: what becomes due on the way happens at its time."""
        self.advance_to(self._world.now + timedelta(**length))

    def advance_to(self, moment: datetime) -> None:
        """Moves the clock on to a time; raises ``ValueError`` for one that has passed."""
        if moment < self._world.now:
            raise ValueError(f"the clock shows {self._world.now} and goes on only, not back to {moment}")
        self._world.go_on()
        while (at := self._world.agenda.next_at()) is not None and at <= moment:
            self._world.now = max(self._world.now, at.astimezone(UTC))
            self._world.go_on()
        self._world.now = moment.astimezone(UTC)

    def on_call(
        self,
        task: str | None = None,
        *,
        kind: str | None = None,
        method: str | None = None,
        url: str | None = None,
    ) -> Answers:
        """Says what calls are answered: those of a task (its name or JSON Pointer), of a kind, or to a URL.

        ``url`` may have ``*`` in it. What is said later comes first. Processes are calls, too: of the kinds
        ``shell``, ``script`` and ``container``.

        >>> engine = Engine()
        >>> _ = engine.on_call("charge").fails(503).returns({"id": 7})
        """
        return self._world.switchboard.add(Answers(task, kind, method, url))

    def calls(self, task: str | None = None) -> Sequence[Call]:
        """The calls that were made, all or those of a task, in their order."""
        return self._world.switchboard.made(task)

    def get(self, workflow_id: str) -> Workflow:
        """A workflow; raises ``NotFound``."""
        return Workflow(self, self._world.life(workflow_id))

    def children_of(self, workflow_id: str) -> Sequence[Workflow]:
        """The workflows that a workflow has started."""
        return [
            Workflow(self, life)
            for life in self._world.lives.values()
            if life.parent is not None and life.parent[0] == workflow_id
        ]

    def append_event(self, workflow_id: str, type: str, data: JsonValue = None) -> int:
        """Appends an event to a workflow's history and returns its number.

        Raises ``Conflict`` if the workflow has ended or the type is the engine's own, ``StoreRefused`` for
        an empty type and ``ValueRefused`` for data that are no JSON.
        """
        life = self._world.life(workflow_id)
        if not type:
            raise StoreRefused("an event has a type", hint="Such as order.paid.")
        if events.is_own(type):
            raise Conflict(f"events of the type {type} are written by the engine alone")
        if life.state.status.is_terminal:
            raise Conflict(f"the workflow {workflow_id} is {life.state.status}")
        return life.append(type, {} if data is None else stored(data), self._world.now).seq

    def cancel(self, workflow_id: str, reason: str | None = None) -> bool:
        """Cancels a workflow; false if it has ended."""
        life = self._world.life(workflow_id)
        if life.state.status.is_terminal:
            return False
        error: JsonObject = {
            "type": f"{ERROR_TYPE_ROOT}runtime",
            "status": 499,
            "title": "Cancelled",
            **({} if reason is None else {"detail": reason}),
            "instance": "/",
        }
        life.append(events.WORKFLOW_CANCELLED, {"error": error}, self._world.now)
        self._world.end(life)
        self._world.go_on()
        return True

    def pause(self, workflow_id: str) -> bool:
        """Pauses a workflow: what it waits for may come, and it goes on when it is resumed."""
        life = self._world.life(workflow_id)
        if life.state.status is not Status.RUNNING:
            return False
        life.append(events.WORKFLOW_PAUSED, {}, self._world.now)
        return True

    def resume(self, workflow_id: str) -> bool:
        """Lets a paused workflow go on; false if it is not paused."""
        life = self._world.life(workflow_id)
        if life.state.status is not Status.PAUSED:
            return False
        life.append(events.WORKFLOW_RESUMED, {}, self._world.now)
        if not self._world.is_to_start(life):
            self._world.tell(life)
            self._world.go_on()
        return True

    def retry(self, workflow_id: str, from_task: str | None = None) -> bool:
        """Lets a failed workflow go on; raises ``NotFound`` for a task that it has not run."""
        life = self._world.life(workflow_id)
        if life.state.status is not Status.FAILED:
            return False
        workflow = Workflow(self, life)
        if from_task is not None and not workflow.runs_of(from_task):
            raise NotFound(f"the workflow {workflow_id} has run no task {from_task}", hint=workflow.names())
        data: JsonObject = {} if from_task is None else {"from_task": from_task}
        life.append(events.WORKFLOW_RETRIED, data, self._world.now)
        life.back = rewound(life.history)
        self._world.tell(life)
        self._world.go_on()
        return True
