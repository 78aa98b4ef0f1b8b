"""Tries at random: which errors are caught, how many attempts are made, and what then."""

from __future__ import annotations

from pgworker.types import JsonObject
from tests.support.drawn.place import Lists, Place


def attempt(place: Place, lists: Lists) -> JsonObject:
    """The members of a try."""
    return {"try": lists(place.within_a_try()), "catch": _catch(place, lists)}


def _catch(place: Place, lists: Lists) -> JsonObject:
    dice = place.dice
    name = dice.one_of(["error", "problem"])
    inside = place.inside(name)
    catch: JsonObject = {} if name == "error" else {"as": name}
    if dice.once_in(4):
        catch["errors"] = {"with": {"status": dice.one_of([400, 408])}}
    if dice.once_in(4):
        catch["when"] = place.condition() if dice.below(2) else f"${name}.status == 400"
    if dice.once_in(8):
        catch["exceptWhen"] = place.condition()
    if dice.below(3):
        catch["retry"] = _retry(inside)
    if dice.below(2):
        catch["do"] = lists(inside)
    if dice.once_in(4):
        catch["then"] = place.target()
    return catch


def _retry(place: Place) -> JsonObject:
    dice = place.dice
    single: JsonObject = {"count": dice.one_of([1, 2, 0])}
    if dice.below(2):
        single["duration"] = "PT2S"
    limit: JsonObject = {"attempt": single}
    if dice.once_in(4):
        limit["duration"] = "PT4S"
    retry: JsonObject = {"limit": limit}
    if dice.below(2):
        retry |= {"delay": "PT1S", "backoff": {dice.one_of(["constant", "linear", "exponential"]): {}}}
    if dice.once_in(3):
        retry["jitter"] = {"from": "PT0S", "to": "PT1S"}
    if dice.once_in(6):
        retry["when"] = place.condition()
    return retry
