"""Listens at random, and CloudEvents that they may want."""

from __future__ import annotations

from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical
from tests.support.drawn.avoided import MENDED
from tests.support.drawn.place import Lists, Place

_ATTRIBUTES: list[JsonObject] = [
    {"type": "a"}, {"type": "a"}, {"type": "b"}, {"type": "b"}, {"type": "a|b"}, {"source": "/s1"},
    {"type": "a", "source": "/s[12]"}, {"type": "b", "data": "${ (.n? // 0) > 1 }"},
    {"type": "c", "subject": "${ . == $workflow.input.a? }"}, {"data": "${ .n }", "type": "a"},
    {"type": "b", "absent": "${ . == null }"}, {"type": "c"}, {"type": "c", "data": {"n": 1, "k": "x"}},
]  # fmt: skip
"""The data of some are no object, so that an expression which reads a member of it may fail."""

_KEYS: list[JsonObject] = [
    {"k": {"from": ".k"}},
    {"k": {"from": ".k"}},
    {"bb": {"from": ".n"}, "a": {"from": ".k"}},
    {"k": {"from": ".k", "expect": "x"}},
    {"k": {"from": ".k", "expect": "${ .a? }"}},
    {"bb": {"from": ".k"}, "a": {"from": ".type", "expect": "${ $task.name }"}},
    {"n": {"from": ".n", "expect": "1"}, "k": {"from": "[.k, $workflow.id]"}},
    {"n": {"from": ".n * 1.0"}},
    {"n": {"from": "{zz: .n, a: .k}"}},
    {"n": {"from": ".n", "expect": "${ 1.0 }"}},
    {"n": {"from": "{zz: .n, a: .k}", "expect": "${ {zz: 1, a: .a?} }"}},
]

_REFUSED: list[JsonObject] = [
    {"k": {"from": ".k", "expect": '${ "\\u0000" }'}},
    {"k": {"from": '"\\u0000"'}},
    {"k": {"from": ".n | nan"}},
]
"""Keys that history cannot hold."""

_ENOUGH = ["length >= 2", "map(.n? // 0) | add > 2", "$context != null", "length >= 3", ".[0].x.y", "true"]

_DATA: list[JsonValue] = [
    {"n": 1, "k": "x"}, {"n": 1, "k": "x"}, {"n": 2, "k": "x"}, {"n": 3, "k": "y"}, {"n": 1.0, "k": 1},
    {"n": 1, "k": None}, 5, None, "text", [1, 2], {"n": {"bb": 1, "a": 2}, "k": "x"},
]  # fmt: skip


def cloud_event_drawn(number: int, pick: int) -> JsonObject:
    """The CloudEvent that the pick stands for, told from others by its number, as the database gives it."""
    data = _DATA[pick % len(_DATA)]
    event: JsonObject = {
        "specversion": "1.0",
        "id": str(number),
        "source": f"/s{pick % 3}",
        "type": "aabbabc"[pick % 7],
    }
    if pick % 4 == 0:
        event["subject"] = ["x", "1", "y"][pick % 3]
    kept = canonical(event if data is None else {**event, "data": data})
    assert isinstance(kept, dict)
    return kept


def listen(place: Place, most_ends: int = 2) -> JsonObject:
    """The members of a listen; so many filters may be what ends it."""
    made: JsonObject = {"to": _strategy(place, most_ends)}
    if place.dice.once_in(3):
        made["read"] = place.dice.one_of(["data", "envelope", "raw"])
    return {"listen": made}


def foreach(place: Place, lists: Lists) -> JsonObject:
    """The same with something to do for each CloudEvent."""
    return listen(place, most_ends=2 if MENDED else 1) | {"foreach": _foreach(place, lists)}


def subscription(place: Place, lists: Lists) -> JsonObject:
    """A call that receives messages, with something to do for each."""
    lifetime: JsonObject = {"amount": place.dice.below(3)} if place.dice.below(2) else {"until": "length > 1"}
    if place.dice.once_in(3):
        lifetime["for"] = "PT9S"
    described: JsonObject = {"consume": lifetime, "foreach": _foreach(place, lists)}
    if place.dice.once_in(4):
        described["filter"] = ".payload != $context"
    document: JsonObject = {"endpoint": "https://news.test/asyncapi.json"}
    return {"call": "asyncapi", "with": {"document": document, "operation": "o", "subscription": described}}


def _strategy(place: Place, most_ends: int) -> JsonObject:
    dice = place.dice
    mode = dice.one_of(["one", "any", "any", "all"])
    if mode == "one":
        return {"one": _filter(place)}
    least = 1 if mode == "all" and not place.fails() else 0
    strategy: JsonObject = {mode: [_filter(place) for _ in range(least + dice.below(3))]}
    if mode == "any" and dice.below(4):
        strategy["until"] = _end(place, most_ends) if dice.below(2) else dice.one_of(_ENOUGH)
    return strategy


def _end(place: Place, most: int) -> JsonObject:
    mode = place.dice.one_of(["one", "any", "all", "all"])
    if mode == "one":
        return {"one": _filter(place)}
    return {mode: [_filter(place) for _ in range(1 + place.dice.below(most))]}


def _filter(place: Place) -> JsonObject:
    one: JsonObject = {"with": place.dice.one_of(_ATTRIBUTES)}
    if place.dice.below(2):
        kept = _KEYS if MENDED else _KEYS[:-4]
        one["correlate"] = place.dice.one_of(_REFUSED if MENDED and place.fails() else kept)
    return one


def _foreach(place: Place, lists: Lists) -> JsonObject:
    dice = place.dice
    item, at = dice.one_of([("item", "index"), ("event", "i")])
    inside = place.inside(item, at)
    made: JsonObject = {} if item == "item" else {"item": item, "at": at}
    if dice.below(4):
        made["do"] = lists(inside)
    for stage in ("output", "export"):
        if dice.once_in(4):
            made[stage] = inside.transformation("as")
    return made
