"""The world of a test engine: it plays the database's and the workers' part, and decides nothing itself.

Documents are compiled and workflows decided upon by the same code as in production. What is left out is what
tests of a workflow do not need: leases, retries of lost work, other processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from uuid import UUID

import orjson

from pgworker.engine import commands as wanted
from pgworker.engine import events
from pgworker.engine.commands import Command, commands
from pgworker.engine.decide import decide
from pgworker.engine.decision import Record
from pgworker.engine.inputs import (
    ActivityCompleted,
    ActivityFailed,
    CancelWanted,
    ChildReported,
    Input,
    TimerDue,
)
from pgworker.engine.state import Status
from pgworker.errors import NotFound
from pgworker.plan.nodes import Plan
from pgworker.testing.agenda import Agenda
from pgworker.testing.calls import Switchboard
from pgworker.testing.definitions import Definitions
from pgworker.testing.mailroom import Mailroom
from pgworker.testing.schedules import Scheduled
from pgworker.testing.workflow import Life
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical
from pgworker.worker.scheduler import Scheduler


class World:
    """Everything that a test engine knows, and what happens in it at the time that its clock shows."""

    def __init__(
        self, now: datetime, secrets: Mapping[str, JsonObject | str], functions: Collection[str]
    ) -> None:
        self.now = now.astimezone(UTC)
        self.definitions = Definitions(functions)
        self.switchboard = Switchboard(secrets)
        self.agenda = Agenda()
        self.mailroom = Mailroom()
        self.lives: dict[str, Life] = {}
        self._scheduler = Scheduler()
        self._schedules: dict[tuple[str, str], Scheduled] = {}
        self._ready: deque[str] = deque()
        self._asked: deque[tuple[Life, wanted.Perform]] = deque()
        self._ids = 0

    def go_on(self) -> None:
        """Lets everything happen that can happen now."""
        while True:
            self._answer()
            for (owner, _), what in self.agenda.take_due(self.now):
                if owner in self.lives:
                    self.tell(self.lives[owner], what)
                else:
                    self._look_after(next(s for s in self._schedules.values() if s.id == owner))
            if not self._ready:
                return
            self._turn(self.lives[self._ready.popleft()])

    def _answer(self) -> None:
        """Answers what calls ask; one that raises is asked again the next time."""
        while self._asked:
            life, command = self._asked[0]
            if command.start in life.state.activations:
                outcome, takes = self.switchboard.answer(life.id, command.start, command.task, command.data)
                self.agenda.put((life.id, command.start), self.now + takes, outcome)
            self._asked.popleft()

    def is_to_start(self, life: Life) -> bool:
        """Whether it is to start at a time that is still to come."""
        return not life.is_taken_up and self.agenda.has((life.id, 0))

    def tell(self, life: Life, what: Input | None = None) -> None:
        """A workflow is told something, and has a turn."""
        if life.state.status.is_terminal:
            return
        if what is not None:
            life.told.append(what)
        self._ready.append(life.id)

    def _turn(self, life: Life) -> None:
        if life.state.status.is_terminal or (life.state.status is Status.PAUSED and not life.is_taken_up):
            return
        life.is_taken_up = True
        told = self._told(life)
        record = decide(life.id, life.plan, life.state, self.now, inputs=told, back=life.back)
        life.back = None
        life.history += [
            event._replace(data=_read(text))
            for event, text in zip(record.events, record.encoded, strict=True)
        ]
        self._obey(life, record)
        if record.state.status.is_terminal:
            self.end(life)
        elif record.goes_on:
            self._ready.append(life.id)

    def _told(self, life: Life) -> list[Input]:
        """What the workflow is told in this turn; one that is paused keeps the rest for later."""
        if CancelWanted() in life.told:
            return [CancelWanted()]
        told, life.told = life.told, []
        if life.state.status is Status.PAUSED:
            life.told = [one for one in told if not isinstance(one, ActivityCompleted | ActivityFailed)]
            return [one for one in told if isinstance(one, ActivityCompleted | ActivityFailed)]
        return [*told, *self.mailroom.mail_of(life.id)]

    def _obey(self, life: Life, record: Record) -> None:
        """Does what follows from the new events."""
        for start, position in record.examined.items():
            self.mailroom.seen(life.id, start, position)
        for command in commands(record.events):
            self._do(life, command)
        if record.examined and self.mailroom.mail_of(life.id):
            self._ready.append(life.id)

    def _do(self, life: Life, command: Command) -> None:
        match command:
            case wanted.Perform():
                self._asked.append((life, command))
            case wanted.FireTimer():
                self.agenda.put((life.id, command.timer), command.due_at, TimerDue(command.timer))
            case wanted.Drop():
                self.agenda.drop((life.id, command.seq))
            case wanted.Publish():
                self.publish(self.new_id(), command.cloud_event)
            case wanted.Subscribe():
                self.mailroom.subscribe(life.id, command, life.published_before)
                self._look_at_mail(life.id)
            case wanted.Unsubscribe():
                self.mailroom.unsubscribe(life.id, command.start)
            case wanted.Consume():
                self.mailroom.consume(life.id, command.event_id)
            case wanted.Return():
                self.mailroom.give_back(life.id, command.event_id)
            case wanted.LookAgain():
                self._look_at_mail(life.id)
            case wanted.StartChild():
                self._start_child(life, command)
            case wanted.CancelChild():
                self.tell(self.lives[command.child], CancelWanted())

    def _start_child(self, parent: Life, command: wanted.StartChild) -> None:
        status: Status | None = Status.PENDING
        try:
            child = self.begin(
                command.child,
                command.namespace,
                command.name,
                command.version,
                command.input,
                parent=(parent.id, command.start, command.waits),
            )
            self._ready.append(child.id)
        except NotFound:
            status = None
        if status is None or not command.waits:
            self.tell(parent, ChildReported(command.start, status))

    def begin(
        self,
        workflow_id: str,
        namespace: str,
        name: str,
        version: str | None,
        input: JsonValue,
        *,
        labels: JsonObject | None = None,
        key: str | None = None,
        parent: tuple[str, int, bool] | None = None,
    ) -> Life:
        found, plan = self.definitions.find(namespace, name, version)
        life = Life(workflow_id, found, plan, labels or {}, key, parent, self.mailroom.position)
        data: JsonObject = {"input": stored(input)}
        if parent is not None:
            data["parent"] = parent[0]
        self.lives[workflow_id] = life
        life.append(events.WORKFLOW_STARTED, data, self.now)
        return life

    def end(self, life: Life) -> None:
        """What follows from the end of a workflow, for those who have to do with it."""
        self.agenda.drop_all_of(life.id)
        self.mailroom.unsubscribe(life.id)
        for other in self.lives.values():
            if other.parent is not None and other.parent[0] == life.id and other.parent[2]:
                self.tell(other, CancelWanted())
        if life.parent is not None and life.parent[2]:
            report = ChildReported(life.parent[1], life.state.status, self._output(life), life.state.error)
            self.tell(self.lives[life.parent[0]], report)
        for scheduled in self._schedules.values():
            if scheduled.last_workflow_id == life.id:
                self.agenda.put((scheduled.id, 0), self.now)

    def _output(self, life: Life) -> JsonValue:
        return life.state.output if life.state.status is Status.COMPLETED else None

    def publish(self, event_id: str, cloud_event: JsonObject) -> str:
        found = self.mailroom.publish(event_id, cloud_event)
        for listener in self.mailroom.listeners():
            self._look_at_mail(listener)
        return found

    def _look_at_mail(self, listener: str) -> None:
        if not self.mailroom.mail_of(listener):
            return
        if listener in self.lives:
            self._ready.append(listener)
        else:
            self.agenda.put((listener, 0), self.now)

    def renew_schedule(self, namespace: str, name: str) -> None:
        """The schedule of a name is that of its newest version."""
        key, plan = self.definitions.find(namespace, name, None)
        old = self._schedules.get((namespace, name))
        if old is not None and old.key == key:
            return
        new = (
            None
            if plan.schedule is None
            else Scheduled(self.new_id(), key, plan, self.now, self.mailroom.position)
        )
        if old is not None:
            if new is not None and _is_continued(old.plan, plan):
                new.published_before = self.mailroom.looked_up_to(old.id, old.published_before)
                new.last_workflow_id = old.last_workflow_id
                self.mailroom.take_over(old.id, new.id)
            del self._schedules[namespace, name]
            self.agenda.drop_all_of(old.id)
            self.mailroom.unsubscribe(old.id)
        if new is not None:
            self._schedules[namespace, name] = new
            self.agenda.put((new.id, 0), self.now)

    def _look_after(self, scheduled: Scheduled) -> None:
        last = None if scheduled.last_workflow_id is None else self.lives[scheduled.last_workflow_id]
        ended = last.history[-1].at if last is not None and last.state.status.is_terminal else None
        due = scheduled.due(
            self.now,
            ended,
            self.mailroom.mail_of(scheduled.id),
            subscribed=self.mailroom.is_subscribed(scheduled.id),
        )
        settlement, subscriptions = self._scheduler.settle(due, scheduled.plan.definition)
        scheduled.next_at, scheduled.problem = settlement.next_at, settlement.problem
        scheduled.listens = settlement.listens or {}
        for event_id in settlement.consumed:
            self.mailroom.consume(scheduled.id, event_id)
        if settlement.seen is not None:
            self.mailroom.seen(scheduled.id, 1, settlement.seen)
        for one in subscriptions:
            self.mailroom.subscribe(scheduled.id, one, scheduled.published_before)
        for value in settlement.starts:
            namespace, name, version = scheduled.key
            started = self.begin(self.new_id(), namespace, name, version, value)
            scheduled.last_workflow_id = started.id
            self._ready.append(started.id)
        if settlement.next_at is not None:
            self.agenda.put((scheduled.id, 0), settlement.next_at)
        elif self.mailroom.mail_of(scheduled.id) and (settlement.seen is not None or subscriptions):
            self.agenda.put((scheduled.id, 0), self.now)

    def life(self, workflow_id: str) -> Life:
        if workflow_id not in self.lives:
            raise NotFound(f"there is no workflow {workflow_id}")
        return self.lives[workflow_id]

    def new_id(self) -> str:
        """Ids are the same in each run of a test."""
        self._ids += 1
        return str(UUID(int=self._ids))


def _is_continued(old: Plan, new: Plan) -> bool:
    """Whether a schedule goes on where that of the version before was."""
    before, after = old.schedule, new.schedule
    assert before is not None
    assert after is not None
    return (before.on is not None and after.on is not None) or (
        before.after is not None and after.after is not None
    )


def stored(value: JsonValue) -> JsonValue:
    """A value as it comes back from the database, which shares nothing; raises ``ValueRefused``."""
    return deepcopy(canonical(value))


def _read(text: str) -> JsonObject:
    """An event's data as they come back from the database."""
    data = canonical(orjson.loads(text))
    assert isinstance(data, dict)
    return data
