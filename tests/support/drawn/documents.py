"""Whole documents at random, for properties that hold whatever is run."""

from __future__ import annotations

from dataclasses import replace

from pgworker.types import JsonObject, JsonValue
from tests.support.drawn.dice import Dice
from tests.support.drawn.place import Place
from tests.support.drawn.tasks import task, task_list

_EXTENDED = (
    "all", "all", "set", "call", "composite", "for", "listen", "run", "try", "wait", "emit", "raise",
    "switch",
)  # fmt: skip


def document(dice: Dice) -> JsonObject:
    """A document; about every other has functions, or extensions."""
    place = Place(dice)
    use: JsonObject = {"secrets": ["token"]}
    if dice.below(2):
        use["functions"] = functions = _functions(place)
        place = replace(place, functions=tuple(functions))
    if dice.below(2):
        use["extensions"] = _extensions(place)
    made: JsonObject = {
        "document": {"dsl": "1.0.3", "namespace": "default", "name": "random", "version": "1.0.0"},
        "use": use,
        "do": task_list(replace(place, depth=2 + dice.below(2))),
    }
    for stage, key in (("input", "from"), ("output", "as")):
        if dice.once_in(6):
            made[stage] = place.transformation(key)
    if dice.once_in(12):
        made["timeout"] = {"after": "PT5S"}
    return made


def _functions(place: Place) -> JsonObject:
    """Up to three functions; the later ones may call the earlier ones, and rarely themselves."""
    made: JsonObject = {}
    for name in ["f", "g", "h"][: 1 + place.dice.below(3)]:
        known = (*made, name) if place.dice.once_in(10) else tuple(made)
        made[name] = task(replace(place, depth=place.dice.below(2), functions=known))
    return made


def _extensions(place: Place) -> list[JsonValue]:
    dice = place.dice
    made: list[JsonValue] = []
    for name in ["one", "two"][: 1 + dice.below(2)]:
        extension: JsonObject = {"extend": dice.one_of(_EXTENDED)}
        if dice.once_in(3):
            extension["when"] = place.condition()
        for key in dice.one_of([("before",), ("after",), ("before", "after")]):
            tasks = task_list(replace(place, depth=dice.below(2)), 2)
            if dice.once_in(3):
                tasks.append({"last": {"set": {"stands": "in"}, "then": "exit"}})
            extension[key] = tasks
        made.append({name: extension})
    return made
