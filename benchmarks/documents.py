"""The definitions that are measured."""

from __future__ import annotations

import random

from pgworker.types import JsonObject, JsonValue

TASKS = 10
"""How many tasks a workflow has, unless its name says otherwise."""

LINE = 500
"""How many the workflow has that runs alone."""

_SET: JsonObject = {"set": {"count": "${ .count + 1 }", "name": "${ .name }"}}
_GROW: JsonObject = {"set": "${ .count += 1 }"}
_CALL: JsonObject = {
    "call": "http",
    "with": {"method": "get", "endpoint": "${ $workflow.input.stub }/item"},
}
_WAIT: JsonObject = {"wait": "${ {milliseconds: (($workflow.input.at - now) * 1000 | floor)} }"}


def definitions() -> list[JsonObject]:
    """All of them."""
    return [
        _chain("pure", _SET, TASKS),
        _chain("large", _GROW, TASKS),
        _chain("http", _CALL, TASKS),
        _chain("one", _SET, 1),
        _chain("line", _SET, LINE),
        _chain("wait", _WAIT, 1),
    ]


def small_input() -> JsonObject:
    """What pure tasks pass on."""
    return {"count": 0, "name": "Ada"}


def large_input() -> JsonObject:
    """10 KB of orders, the same in every run, which do not compress to nothing."""
    chance = random.Random(1)
    rows: list[JsonValue] = [
        {
            "id": f"{chance.getrandbits(128):032x}",
            "amount": chance.randrange(10**6),
            "note": "left at the door",
        }
        for _ in range(118)
    ]
    return {"count": 0, "orders": rows}


def _chain(name: str, task: JsonObject, count: int) -> JsonObject:
    return {
        "document": {"dsl": "1.0.3", "namespace": "default", "name": name, "version": "1.0.0"},
        "do": [{f"task{index}": task} for index in range(count)],
    }
