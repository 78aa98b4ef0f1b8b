"""What people read, lists and histories, costs what it shows, however much there is beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import psycopg
import pytest

from pgworker.dsl.compile import compile_value
from pgworker.store.workflows import Workflows
from tests.support.plans import asked, cost
from tests.support.pure import play
from tests.support.workflows import Task, document

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


def insert_long(crowded: psycopg.Connection, iterations: int) -> str:
    """A workflow with four events for each iteration, as the engine writes it; the planner does not know."""
    body: list[Task] = [{"inner": {"do": [{"count": {"set": {"n": "${ $index }"}}}]}}]
    loop: list[Task] = [{"loop": {"for": {"in": f"[range({iterations})]"}, "do": body}}]
    one = play(compile_value(document(loop)), {})
    workflow_id = str(uuid4())
    crowded.execute(
        "insert into pgworker.workflows (id, namespace, name, version, status, last_seq, ended_at)"
        " values (%s, 'default', 'long', '1.0.0', 'COMPLETED', %s, now())",
        [workflow_id, len(one.history)],
    )
    texts = ['{"input": {}}', *one.encoded]
    with (
        crowded.cursor() as cursor,
        cursor.copy("copy pgworker.events (workflow_id, seq, type, task, data) from stdin") as copy,
    ):
        for event, text in zip(one.history, texts, strict=True):
            copy.write_row((workflow_id, event.seq, event.type, event.task, text))
    return workflow_id


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
