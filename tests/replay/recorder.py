"""Records golden histories: definition, input, what was told, and the events that followed.

    python -m tests.replay.recorder            # writes those that are missing
    python -m tests.replay.recorder sequence   # writes this one, if it is missing

A history that exists is never written again: it stands for those that lie in somebody's database.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pgworker.dsl.compile import compile_value
from pgworker.engine.events import Event
from pgworker.engine.inputs import (
    ActivityCompleted,
    ActivityFailed,
    CancelWanted,
    ChildReported,
    CloudEventArrived,
    Input,
    TimerDue,
)
from pgworker.engine.state import State, Status
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue
from tests.replay.scenarios import SCENARIOS, Scenario
from tests.support.pure import Play, begin, plan_of, stored

HISTORIES = Path(__file__).parent / "histories"


@dataclass(frozen=True)
class Golden:
    """A history as it was recorded: each turn with its time, what was told in it, and its events."""

    definition: JsonObject
    turns: tuple[tuple[datetime, tuple[Input, ...]], ...]
    events: tuple[Event, ...]
    outcome: JsonObject

    @property
    def input(self) -> JsonValue:
        """The workflow's raw input."""
        return self.events[0].data["input"]


def read(path: Path) -> Golden:
    """The recorded history of a file."""
    found = json.loads(path.read_text())
    return Golden(
        definition=found["definition"],
        turns=tuple(
            (datetime.fromisoformat(turn["at"]), tuple(_told(told) for told in turn["told"]))
            for turn in found["turns"]
        ),
        events=tuple(_event(event) for event in found["events"]),
        outcome=found["outcome"],
    )


def again(golden: Golden) -> Play:
    """The same workflow, decided upon anew."""
    one = begin(compile_value(golden.definition), golden.input, at=golden.events[0].at)
    for at, told in golden.turns:
        one.tell(*told, after=at - one.now)
    return one


def outcome(state: State) -> JsonObject:
    """What a state comes to, as far as people see it."""
    return {
        "status": state.status.value,
        "output": state.output,
        "error": state.error,
        "context": state.context,
        "waits_for": sorted([*state.activations, *state.timers]),
    }


def _told(told: dict[str, JsonValue]) -> Input:
    if "timer" in told:
        return TimerDue(int(str(told["timer"])))
    if told.get("cancel") is True:
        return CancelWanted()
    if "cloud_event" in told:
        assert isinstance(told["cloud_event"], dict)
        place = int(str(told["start"])), int(str(told["position"])), str(told["event_id"])
        return CloudEventArrived(*place, told["cloud_event"])
    if "child" in told:
        status, error = told["child"], told["error"]
        assert error is None or isinstance(error, dict)
        known = None if status is None else Status(str(status))
        return ChildReported(int(str(told["start"])), known, told["output"], error)
    start, attempt, token = int(str(told["start"])), int(str(told["attempt"])), str(told["token"])
    if "result" in told:
        return ActivityCompleted(start, told["result"], attempt, token)
    fault = Fault(FaultKind(str(told["fault"])), str(told["detail"]), status=int(str(told["status"])))
    return ActivityFailed(start, fault, attempt, token)


def _written(told: Input) -> JsonObject:
    match told:
        case TimerDue():
            return {"timer": told.timer}
        case CancelWanted():
            return {"cancel": True}
        case CloudEventArrived():
            place: JsonObject = {"start": told.start, "position": told.position, "event_id": told.event_id}
            return place | {"cloud_event": told.cloud_event}
        case ChildReported():
            status = None if told.status is None else told.status.value
            return {"start": told.start, "child": status, "output": told.output, "error": told.error}
        case ActivityCompleted():
            return {"start": told.start, "attempt": told.attempt, "token": told.token, "result": told.result}
        case ActivityFailed():
            fault: JsonObject = {"fault": told.fault.kind.value, "detail": told.fault.detail}
            fault["status"] = told.fault.status
            return {"start": told.start, "attempt": told.attempt, "token": told.token, **fault}


def _event(event: dict[str, JsonValue]) -> Event:
    data = event["data"]
    assert isinstance(data, dict)
    task = event["task"]
    at = datetime.fromisoformat(str(event["at"]))
    return Event(int(str(event["seq"])), str(event["type"]), None if task is None else str(task), data, at)


def record(name: str, scenario: Scenario) -> None:
    """Plays a scenario and writes its history."""
    one = begin(plan_of(scenario.text), scenario.input)
    turns: list[tuple[datetime, tuple[Input, ...]]] = [(one.now, ())]
    one.decide()
    for answer in scenario.answers:
        told = tuple(answer(one))
        turns.append((one.now + timedelta(seconds=1), told))
        one.tell(*told)
    _write(HISTORIES / f"{name}.json", one, turns)


def _write(path: Path, one: Play, turns: Iterable[tuple[datetime, tuple[Input, ...]]]) -> None:
    events = map(stored, one.history)
    history = {
        "definition": one.plan.definition,
        "turns": [{"at": at.isoformat(), "told": [_written(item) for item in told]} for at, told in turns],
        "events": [
            {"seq": e.seq, "type": e.type, "task": e.task, "at": e.at.isoformat(), "data": e.data}
            for e in events
        ],
        "outcome": outcome(one.state),
    }
    path.write_text(json.dumps(history, indent=1, ensure_ascii=False) + "\n")


def main(names: list[str]) -> None:
    """Records what is asked for and missing."""
    HISTORIES.mkdir(exist_ok=True)
    for name in names or SCENARIOS:
        if (HISTORIES / f"{name}.json").exists():
            sys.stderr.write(f"{name}: is recorded already\n")
        else:
            record(name, SCENARIOS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
