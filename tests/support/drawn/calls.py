"""Tasks at random whose work is done elsewhere: activities, functions, workflows that are started."""

from __future__ import annotations

from pgworker.types import JsonObject, JsonValue
from tests.support.drawn.avoided import MENDED
from tests.support.drawn.place import Place

_SEALED: list[JsonValue] = [
    "${ $secrets.token }",
    "${ [$secrets.token, .a?] }",
    {"zz": "${ $secrets.token }", "a": ["${ . }", "${ {(.a? | tostring): $secrets.token, n: $task.name} }"]},
    "Bearer ${ $secrets.token } of ${ .a? }",
    "${ $secrets.other }",
]
"""One of them reads a secret that no document declares."""

_ENDPOINTS = ["http://x", "http://x", "http://x/{a}", "http://x/${ $workflow.id }"]

_NAMES = ["child", "child-${ .a? }"]
_REFUSED = ['${ "\\u0000" }', "${ null }"]


def activity(place: Place) -> JsonObject:
    """A call whose arguments read the data, and perhaps a secret."""
    dice = place.dice
    arguments: JsonObject = {"method": "get", "endpoint": dice.one_of(_ENDPOINTS)}
    if dice.below(2):
        arguments["body"] = place.embedded()
    if dice.once_in(3):
        arguments["body"] = dice.one_of(_SEALED)
    if dice.once_in(6):
        arguments["headers"] = {"x-b": place.embedded(), "a": "Bearer ${ $secrets.token }"}
    return {"call": "http", "with": arguments}


def function_call(place: Place) -> JsonObject:
    """A call of one of the functions that are known at the place."""
    call: JsonObject = {"call": place.dice.one_of(place.functions)}
    if place.dice.below(4):
        call["with"] = {"zz": place.embedded(), "a": 1}
    return call


def child(place: Place) -> JsonObject:
    """Another workflow that is started, and waited for or not."""
    dice = place.dice
    name = dice.one_of(_REFUSED if MENDED and place.fails() else _NAMES)
    workflow: JsonObject = {"namespace": "default", "name": name}
    if dice.once_in(4):
        workflow["version"] = dice.one_of(["1.0.0", "latest", "${ .a? }"])
    if dice.below(2):
        workflow["input"] = {"zz": place.embedded(), "a": 1.0}
    run: JsonObject = {"workflow": workflow}
    if dice.once_in(3):
        run["await"] = dice.one_of([True, False, False])
    if dice.once_in(3):
        run["return"] = dice.one_of(["stdout", "stderr", "code", "none", *(["all"] if MENDED else [])])
    return {"run": run}
