"""A CloudEvent published while a listen begins: every order of the statements, and nothing is lost."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from itertools import combinations

import psycopg
import pytest

from pgworker.store.database import Database
from tests.conftest import WorkerFactory
from tests.support.oracle import violations
from tests.support.races import CORRELATES, LISTENS, PUBLISHES, Race, Races, by_itself, like_others
from tests.support.waiting import until
from tests.support.workflows import are_ended, workflow

REPETITIONS = 1000


@pytest.fixture
async def races(direct_url: str, connection: psycopg.Connection) -> AsyncIterator[Races]:
    """Races, on connections that are closed in the end; who waits for whom is known of one's own sessions."""
    database = Database(direct_url)
    first, second, third, observer = [await database.connect(f"side {n}") for n in range(4)]
    yield Races(database, connection, (first, second, third), observer)
    for one in (first, second, third, observer):
        await one.close()


def two_sided() -> Iterator[tuple[int, ...]]:
    """Every order of a listen (0) and of who publishes and then correlates (1)."""
    others = PUBLISHES + CORRELATES
    for places in combinations(range(LISTENS + others), LISTENS):
        yield tuple(0 if place in places else 1 for place in range(LISTENS + others))


def three_sided(chance: random.Random) -> tuple[int, ...]:
    """Some order of a listen (0), who publishes (1), and a worker that correlates meanwhile (2)."""
    order = [0] * LISTENS + [1] * PUBLISHES + [2] * CORRELATES
    chance.shuffle(order)
    return tuple(order)


def waited(races: Races, side: int) -> int:
    """In how many races this side waited for a lock that another held."""
    return sum(side in race.held_up for race in races.past)


def outcome(connection: psycopg.Connection, race: Race) -> tuple[object, ...]:
    """How the workflow of a race ended, what it got, how often it says so, and how often that was noted."""
    row = workflow(connection, race.workflow_id)
    counts = connection.execute(
        "select (select count(*) from pgworker.events"
        "        where workflow_id = %(id)s and type = 'event.received'),"
        " (select count(*) from pgworker.consumptions where workflow_id = %(id)s)",
        {"id": race.workflow_id},
    ).fetchone()
    return (row["status"], row["output"], *(counts or ()))


async def test_no_order_of_statements_loses_an_event_that_is_published_while_its_listen_begins(
    connection: psycopg.Connection, races: Races, worker_process: WorkerFactory
) -> None:
    seed = int(os.environ.get("PGWORKER_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    sys.stdout.write(f"PGWORKER_TEST_SEED={seed}\n")
    chance = random.Random(seed)
    for order in two_sided():
        await races.take_place(by_itself(len(races.past)), order)
        await races.take_place(like_others(), order)
    while len(races.past) < REPETITIONS:
        await races.take_place(
            chance.choice([by_itself(len(races.past)), like_others()]), three_sided(chance)
        )
    # the orders were forced: where one side had to wait for the other it did
    assert min(waited(races, 0), waited(races, 1)) > 100
    assert waited(races, 2) > 0
    races.are_over()
    worker_process()
    ids = [race.workflow_id for race in races.past]
    with suppress(AssertionError):  # those that wait for ever are told below, by their orders
        until(lambda: are_ended(connection, ids))
    lost = {
        (race.number, race.order): found
        for race in races.past
        if (found := outcome(connection, race)) != ("COMPLETED", [{"number": race.number}], 1, 1)
    }
    assert lost == {}
    assert violations(connection) == []
