"""Tasks at random, of every kind and in each other."""

from __future__ import annotations

from collections.abc import Callable

from pgworker.types import JsonObject, JsonValue
from tests.support.drawn.calls import activity, child, function_call
from tests.support.drawn.listens import foreach, listen, subscription
from tests.support.drawn.place import Place
from tests.support.drawn.trying import attempt

_SIMPLE = (
    "set", "switch", "wait", "wait", "activity", "activity", "child", "child", "listen", "listen", "emit",
)  # fmt: skip
_COMPOSITE = (
    "do",
    "for",
    "for",
    "fork",
    "fork",
    "try",
    "try",
    "foreach",
    "foreach",
    "subscribe",
    "subscribe",
)
_NAMES = ("a", "bb", "c/~d")
_DRAWN: JsonObject = {"seconds": "${ [.a? | numbers | fabs | floor][0] // 2 }"}
_WAITS: list[JsonValue] = ["PT1S", "PT5S", _DRAWN, "P1M"]
_BOUNDS: list[JsonValue] = ["PT3S", "PT1H", _DRAWN]


def task(place: Place) -> JsonObject:
    """One task."""
    dice = place.dice
    kinds = [*_SIMPLE, *(("function",) * 3 if place.functions else ())]
    if place.guarded or dice.once_in(12):
        kinds += ["raise"] * 3
    if place.depth:
        kinds += _COMPOSITE * 2
    return _flow(place) | _MEMBERS[dice.one_of(kinds)](place)


def task_list(place: Place, most: int = 3) -> list[JsonValue]:
    """A list of tasks, some of which jump within it, mostly forwards."""
    least = min(most, 2 if place.depth > 1 else 1)
    names = _NAMES[: least + place.dice.below(most - least + 1)]
    made: list[JsonValue] = []
    for index, name in enumerate(names):
        known = names if place.dice.once_in(8) else names[index + 1 :]
        made.append({name: task(place.leading_to(*known))})
    return made


def _flow(place: Place) -> JsonObject:
    """What any task may have: a condition, its data flow, a timeout, where it leads."""
    dice = place.dice
    flow: JsonObject = {}
    if dice.once_in(8):
        flow["if"] = place.condition()
    if dice.once_in(6):
        flow["then"] = place.target()
    for stage, key in (("input", "from"), ("output", "as"), ("export", "as")):
        if dice.once_in(4):
            flow[stage] = place.transformation(key)
    if dice.once_in(4):
        flow["timeout"] = {"after": dice.one_of(_BOUNDS)}
    return flow


def _set(place: Place) -> JsonObject:
    text = place.embedded()
    values: list[JsonValue] = [text, {"a": text}, {"t": f"a {text} b"}, {"bb": 1.0, "a": 100000}]
    return {"set": place.dice.one_of(values)}


def _switch(place: Place) -> JsonObject:
    cases: list[JsonValue] = [
        {f"case{number}": {"when": place.condition(), "then": place.target()}}
        for number in range(1 + place.dice.below(2))
    ]
    if place.dice.below(2):
        cases.append({"else": {"then": place.target()}})
    return {"switch": cases}


def _raise(place: Place) -> JsonObject:
    status = place.dice.one_of([400, 408, 503])
    return {"raise": {"error": {"type": "t", "status": status, "detail": place.embedded()}}}


def _wait(place: Place) -> JsonObject:
    return {"wait": place.dice.one_of(_WAITS)}


def _emit(place: Place) -> JsonObject:
    attributes: JsonObject = {"type": "${ .a? }" if place.fails() else "t"}
    if place.dice.below(2):
        attributes |= {"subject": "about ${ .a? }", "data": {"zz": place.embedded(), "a": 1}}
    return {"emit": {"event": {"with": attributes}}}


def _do(place: Place) -> JsonObject:
    return {"do": task_list(place.inside())}


def _for(place: Place) -> JsonObject:
    dice = place.dice
    each, at = dice.one_of([("item", "index"), ("x", "i")])
    inside = place.inside(each, at)
    collections: list[JsonValue] = ["[1, 2]", "[.]", "[range(3)]", "[]", "[100000, .]", [1, "${ . }"]]
    collection = ".a?" if place.fails() else dice.one_of(collections)
    loop: JsonObject = {"for": {"each": each, "at": at, "in": collection}}
    if dice.once_in(4):
        loop["while"] = inside.condition() if dice.below(2) else f"${at} < 1"
    return loop | {"do": task_list(inside, 2)}


def _fork(place: Place) -> JsonObject:
    names = _NAMES[: place.dice.one_of([2, 2, 3, 3, 1])]
    branches: list[JsonValue] = [{name: task(place.inside())} for name in names]
    return {"fork": {"compete": place.dice.below(2) == 1, "branches": branches}}


_MEMBERS: dict[str, Callable[[Place], JsonObject]] = {
    "set": _set,
    "switch": _switch,
    "raise": _raise,
    "wait": _wait,
    "emit": _emit,
    "do": _do,
    "for": _for,
    "fork": _fork,
    "activity": activity,
    "function": function_call,
    "child": child,
    "try": lambda place: attempt(place, task_list),
    "listen": listen,
    "foreach": lambda place: foreach(place, task_list),
    "subscribe": lambda place: subscription(place, task_list),
}
"""What draws the members of a task, by its kind."""
