"""Every two functions on the same workflow, statement by statement: no deadlock, and a true history."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.support.interleavings_hands import Hand
from tests.support.interleavings_world import Wish, World

Connect = Callable[[], psycopg.Connection]
Act = tuple[Hand, str, Wish]
Order = Callable[[World, Act, Act], None]


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
    world.checks = False
    first, second, third, _ = world.hands
    world.play(third, "turn", Wish("child", "later"))
    for hand, *moves in ((first, "lease", "perform"), (second, "lease", "listen"), (third, "lease", "timer")):
        world.play(third, "user", Wish("append"))
        world.play(hand, "turn", Wish(*moves))
    world.play(third, "user", Wish("publish"))
    world.play(third, "user", Wish("append"))
    world.checks = True


def _alternately(world: World, one: Act, other: Act) -> None:
    """One statement of the first, one of the second, and so on; who waits is passed over."""
    begun = [one, other]
    while begun:
        begun = [
            (hand, role, wish) for hand, role, wish in begun if world.step(hand, role, wish) or _is_open(hand)
        ]


def _one_inside_the_other(world: World, one: Act, other: Act) -> None:
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


def _let_meet(world: World, order: Order, *names: str) -> None:
    _prepare(world)
    one, other = (
        (hand, ACTS[name][0], Wish(*ACTS[name][1])) for hand, name in zip(world.hands, names, strict=False)
    )
    order(world, one, other)
    world.finish()


@pytest.mark.parametrize("first", NAMES)
def test_any_two_functions_get_along_on_one_workflow(world: World, first: str) -> None:
    for second in NAMES[NAMES.index(first) :]:
        _let_meet(world, _alternately, first, second)


@pytest.mark.soak
@pytest.mark.parametrize("order", [_alternately, _one_inside_the_other])
@pytest.mark.parametrize("first", NAMES)
def test_any_two_functions_get_along_in_every_order(world: World, first: str, order: Order) -> None:
    for second in NAMES:
        _let_meet(world, order, first, second)
