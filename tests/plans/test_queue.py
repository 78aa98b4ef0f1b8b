"""What workers ask of the queue at every turn stays on its index, however much waits or has ended."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.crowd import PRIORITIES
from tests.support.plans import changed, cost
from tests.support.workflows import define, start

CLAIM_TURN = "select * from pgworker.claim_turn(gen_random_uuid(), 50, '{}', '{}')"
CLAIM_ACTIVITIES = "select * from pgworker.claim_activities('worker', 10, '30 s')"
CLAIM_SCHEDULES = "select * from pgworker.claim_schedules(20)"
OUTLOOK = "select * from pgworker.outlook()"

A_LOOK = 40
"""Pages that are read to find that nothing is due."""

A_WORKFLOW = 40
"""Pages that are read and written for one that is taken."""


@pytest.mark.parametrize("statement", [CLAIM_TURN, OUTLOOK])
def test_a_look_that_finds_nothing_costs_nothing_beside_all_timers(
    crowded: psycopg.Connection, statement: str
) -> None:
    taken = cost(crowded, statement)
    assert taken.pages <= A_LOOK
    assert taken.whole_tables == set()


@pytest.mark.parametrize("statement", [CLAIM_ACTIVITIES, CLAIM_SCHEDULES])
def test_a_look_that_finds_nothing_costs_nothing_beside_all_that_is_performed_or_scheduled(
    crowded: psycopg.Connection, statement: str
) -> None:
    taken = cost(crowded, statement)
    assert taken.pages <= A_LOOK
    assert taken.whole_tables == set()


def test_a_claim_reads_what_it_claims_and_no_more(crowded: psycopg.Connection) -> None:
    with crowded.transaction(force_rollback=True):
        define(crowded)
        for _ in range(50):
            start(crowded)
        taken = cost(crowded, CLAIM_TURN)
    assert taken.pages <= A_LOOK + A_WORKFLOW * 50
    assert taken.whole_tables == set()


def test_a_claim_takes_a_few_from_a_queue_in_which_all_are_due(crowded: psycopg.Connection) -> None:
    with changed(crowded, "jobs"):
        crowded.execute("update pgworker.jobs set due_at = now() where kind = 'decide'")
        taken = cost(crowded, CLAIM_TURN)
    assert taken.pages <= A_LOOK + A_WORKFLOW * 50
    assert taken.whole_tables == set()


def test_activities_are_claimed_from_a_queue_in_which_all_are_due(crowded: psycopg.Connection) -> None:
    with changed(crowded, "jobs"):
        crowded.execute("update pgworker.jobs set due_at = now() where kind = 'perform'")
        taken = cost(crowded, CLAIM_ACTIVITIES)
    assert taken.pages <= A_LOOK + A_WORKFLOW * 10
    assert taken.whole_tables == set()


def test_schedules_are_claimed_from_a_queue_in_which_all_are_due(crowded: psycopg.Connection) -> None:
    with changed(crowded, "jobs"):
        crowded.execute("update pgworker.jobs set due_at = now() where kind = 'schedule'")
        taken = cost(crowded, CLAIM_SCHEDULES)
    # so many places in the queue may be looked at as ten workers may hold
    assert taken.pages <= A_LOOK + A_WORKFLOW * 20 * 10
    assert taken.whole_tables == set()


def test_a_turn_reads_the_events_of_its_own_workflows_alone(crowded: psycopg.Connection) -> None:
    ids = [id_ for (id_,) in crowded.execute("select id from crowd where n <= 10")]
    taken = cost(crowded, "select * from pgworker.histories_of(%s, '{1}')", [ids])
    assert taken.pages <= A_WORKFLOW * 10
    assert taken.whole_tables == set()


@pytest.mark.parametrize("statement", [CLAIM_TURN, OUTLOOK])
def test_a_look_costs_a_few_pages_for_each_priority(crowded: psycopg.Connection, statement: str) -> None:
    with changed(crowded, "jobs"):
        crowded.execute(
            "update pgworker.jobs j set priority = c.n %% %s from crowd c"
            " where c.id = j.workflow_id and j.kind = 'decide'",
            [PRIORITIES],
        )
        taken = cost(crowded, statement)
    assert taken.pages <= A_LOOK * PRIORITIES
    assert taken.whole_tables == set()


@pytest.mark.parametrize("analysed", ["never", "when the queue was empty", "when it was full"])
def test_no_statistics_turn_a_claim_into_a_search_through_the_queue(
    connection: psycopg.Connection, analysed: str
) -> None:
    define(connection)
    if analysed == "when the queue was empty":
        connection.execute("analyze pgworker.jobs, pgworker.workflows, pgworker.events")
    connection.execute("select count(pgworker.start_workflow('sample')) from generate_series(1, 3000)")
    if analysed == "when it was full":
        connection.execute("analyze pgworker.jobs, pgworker.workflows, pgworker.events")
    taken = cost(connection, CLAIM_TURN)
    assert taken.pages <= A_LOOK + 21 * 50  # a search through the queue takes 200 more
    assert taken.whole_tables == set()
