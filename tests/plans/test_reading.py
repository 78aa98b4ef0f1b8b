"""What people read, lists and histories, costs what it shows, however much there is beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import psycopg
import pytest

from pgworker.store.workflows import Workflows
from tests.support.long_histories import insert_long
from tests.support.plans import asked, cost

Ask = Callable[[Workflows], Awaitable[object]]

ONE = 60
"""Pages that may be read to show one small workflow."""

A_LIST = 500
"""Pages that may be read to show the hundred rows of a list."""

VIEWS: list[Callable[[Workflows, str], Awaitable[object]]] = [
    Workflows.history,
    Workflows.progress,
    Workflows.tasks,
    Workflows.lifecycle,
]


def id_of(crowded: psycopg.Connection, number: int) -> str:
    row = crowded.execute("select id from crowd where n = %s", [number]).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("read", [Workflows.get, Workflows.head, *VIEWS], ids=lambda read: read.__name__)
async def test_one_workflow_is_read_by_indexes(
    crowded: psycopg.Connection, read: Callable[[Workflows, str], Awaitable[object]]
) -> None:
    workflow_id = id_of(crowded, 5_000)
    taken = cost(crowded, *await asked(lambda workflows: read(workflows, workflow_id)))
    assert taken.pages <= ONE
    assert taken.whole_tables == set()


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda workflows: workflows.list(), id="the newest"),
        pytest.param(lambda workflows: workflows.list(name="ended-7"), id="of a name that many have"),
        pytest.param(lambda workflows: workflows.list(name="new"), id="of a name"),
        pytest.param(lambda workflows: workflows.list(statuses=["FAILED"]), id="that failed"),
        pytest.param(lambda workflows: workflows.list(labels={"a": "b"}), id="by a label"),
        pytest.param(lambda workflows: workflows.jobs(), id="of jobs"),
    ],
)
async def test_a_list_reads_no_more_than_it_shows(crowded: psycopg.Connection, ask: Ask) -> None:
    taken = cost(crowded, *await asked(ask))
    assert taken.pages <= A_LIST
    assert taken.whole_tables == set()


async def test_a_page_in_the_middle_of_the_list_costs_what_the_first_does(
    crowded: psycopg.Connection,
) -> None:
    before = id_of(crowded, 50_000)
    taken = cost(crowded, *await asked(lambda workflows: workflows.list(before=before)))
    assert taken.pages <= A_LIST
    assert taken.whole_tables == set()


# what the planner takes histories for depends on chance where there are a million
@pytest.mark.parametrize("crowd", [pytest.param(100_000, id="100000")], indirect=True, scope="session")
@pytest.mark.parametrize(
    "read",
    [pytest.param(view, id=view.__name__) for view in VIEWS],
)
async def test_what_is_read_to_show_a_history_grows_as_its_length_does(
    crowded: psycopg.Connection, read: Callable[[Workflows, str], Awaitable[object]]
) -> None:
    rows = []
    with crowded.transaction(force_rollback=True):
        for iterations in (60, 240):
            workflow_id = insert_long(crowded, iterations)
            taken = cost(crowded, *await asked(lambda workflows: read(workflows, workflow_id)))  # noqa: B023
            rows.append(taken.rows)
        # four times the events: their square would be sixteen times as much
    assert rows[1] / rows[0] < 5, rows
