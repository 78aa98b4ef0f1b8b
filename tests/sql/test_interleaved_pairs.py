"""Every two functions on the same workflow, statement by statement: no deadlock, and a true history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest

from tests.support.interleavings_hands import Hand
from tests.support.interleavings_world import World, least

Connect = Callable[[], psycopg.Connection]


class _Wish:
    """Chooses what is wished for, each wish once, and the least of everything else."""

    def __init__(self, *wishes: object) -> None:
        self.wishes = list(wishes)

    def __call__(self, options: Sequence[Any]) -> Any:
        wished = [wish for wish in self.wishes if wish in options]
        if not wished or (wished[0] in (True, False) and options[0] not in (True, False)):
            return least(options)
        self.wishes.remove(wished[0])
        return wished[0]


ACTS: dict[str, tuple[str, tuple[object, ...]]] = {
    "complete activities": ("turn", ()),
    "schedule": ("turn", ("perform", "lease")),
    "set a timer": ("turn", ("timer",)),
    "listen": ("turn", ("listen", "listen twice")),
    "start a child": ("turn", ("child",)),
    "leave what was begun": ("turn", ("leave", "leave")),
    "end": ("turn", ("complete",)),
    "claim activities": ("activities", ()),
    "heartbeat": ("heartbeat", ()),
    "release": ("release", ()),
    "cancel": ("user", ("cancel",)),
    "append": ("user", ("append",)),
    "insert": ("user", ("insert",)),
    "publish": ("user", ("publish", "x")),
    "start by a key": ("user", ("start", "a")),
    "correlate": ("round", ()),
    "postpone": ("postpone", ()),
}

NAMES = list(ACTS)


@pytest.fixture
def world(connect: Connect) -> Iterator[World]:
    """Hands, and nothing else."""
    world = World(connect)
    yield world
    world.end_all()
    world.close()


def _prepare(world: World) -> None:
    """One workflow with something of everything: performed, awaited, listened for, published and due."""
    world.begin_anew(workflows=1)
    first, second, third, _ = world.hands
    world.play(third, "turn", _Wish("child", "later"))
    for hand, *moves in ((first, "lease", "perform"), (second, "lease", "listen"), (third, "lease", "timer")):
        world.play(third, "user", _Wish("append"))
        world.play(hand, "turn", _Wish(*moves))
    world.play(third, "user", _Wish("publish"))
    world.play(third, "user", _Wish("append"))


def _alternately(world: World, one: tuple[Hand, str, _Wish], other: tuple[Hand, str, _Wish]) -> None:
    """One statement of the first, one of the second, and so on; who waits is passed over."""
    begun = [one, other]
    while begun:
        begun = [(hand, role, wish) for hand, role, wish in begun if world.step(hand, role, wish) or _is_open(hand)]


def _one_inside_the_other(world: World, one: tuple[Hand, str, _Wish], other: tuple[Hand, str, _Wish]) -> None:
    """All of the first but its commit, all of the second, and then the commit."""
    hand, role, wish = one
    while hand.transaction is None or hand.transaction.todo:
        world.step(hand, role, wish)
    while world.step(*other):
        pass
    while _is_open(hand):
        world.step(hand, role, wish)
    while _is_open(other[0]):
        world.step(*other)


def _is_open(hand: Hand) -> bool:
    return hand.transaction is not None


@pytest.mark.parametrize("first", NAMES)
def test_any_two_functions_get_along_on_one_workflow(world: World, first: str) -> None:
    for second in NAMES:
        print(first, second)
        for order in (_alternately, _one_inside_the_other):
            _prepare(world)
            mine, theirs, *_ = world.hands
            (role, wishes), (other_role, other_wishes) = ACTS[first], ACTS[second]
            order(world, (mine, role, _Wish(*wishes)), (theirs, other_role, _Wish(*other_wishes)))
            world.finish()


