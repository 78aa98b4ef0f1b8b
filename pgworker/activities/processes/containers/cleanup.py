"""Cleaning up: containers of earlier attempts, and those whose time after their end is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from pgworker.activities.processes.containers.container import Container
from pgworker.activities.processes.containers.engine import Engine, EngineRefused
from pgworker.activities.processes.containers.specification import KEY_LABEL, REMOVE_LABEL
from pgworker.expressions.durations import parse_duration
from pgworker.types import JsonObject


async def remove_earlier(engine: Engine, key: str) -> None:
    """Ends and removes what earlier attempts at an activity have left, however their workers ended."""
    for container, _ in [*await _labelled(engine, f"{KEY_LABEL}={key}")]:
        await container.remove()


async def remove_due(engine: Engine) -> None:
    """Removes the containers that have ended for as long as their label says, whoever ran them."""
    now = datetime.now(UTC)
    for container, listed in [*await _labelled(engine, REMOVE_LABEL, "exited")]:
        labels = listed.get("Labels")
        after = labels.get(REMOVE_LABEL) if isinstance(labels, dict) else None
        ended_at = await _ended_at(engine, container)
        if ended_at is None or not isinstance(after, str):
            continue
        if _is_over(after, ended_at, now):
            await container.remove()


def _is_over(after: str, ended_at: datetime, now: datetime) -> bool:
    try:
        return parse_duration(after).after(ended_at) <= now
    except (ValueError, OverflowError):
        return False  # the label is somebody else's, or lies beyond the calendar


async def _labelled(engine: Engine, label: str, *statuses: str) -> Iterator[tuple[Container, JsonObject]]:
    filters: dict[str, list[str]] = {"label": [label]}
    if statuses:
        filters["status"] = [*statuses]
    query = {"all": "1", "filters": orjson.dumps(filters).decode()}
    try:
        answer = await engine.ask("GET", "/containers/json", query)
    except EngineRefused as refused:
        raise refused.fault() from refused
    return (
        (Container(engine, str(one["Id"])), one)
        for one in (answer if isinstance(answer, list) else [])
        if isinstance(one, dict) and "Id" in one
    )


async def _ended_at(engine: Engine, container: Container) -> datetime | None:
    try:
        answer = await engine.ask("GET", f"/containers/{container.identifier}/json")
    except EngineRefused as refused:
        if refused.status == 404:
            return None  # somebody else has just removed it
        raise refused.fault() from refused
    state = answer.get("State") if isinstance(answer, dict) else None
    ended_at = state.get("FinishedAt") if isinstance(state, dict) else None
    return datetime.fromisoformat(ended_at) if isinstance(ended_at, str) else None
