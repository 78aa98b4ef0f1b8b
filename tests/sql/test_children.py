"""start_children, children_of, cancel_children and workflows_ended: workflows that run others."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.support.letters import children, start_child
from tests.support.turns import Draft, Turns
from tests.support.workflows import define, history, jobs, start, workflow


@pytest.fixture
def parent(connection: psycopg.Connection) -> str:
    """A workflow whose first turn is over."""
    define(connection, name="parent")
    workflow_id = start(connection, "parent")
    connection.execute("delete from pgworker.jobs where workflow_id = %s", [workflow_id])
    return workflow_id


def _seqs(connection: psycopg.Connection, workflow_id: str) -> list[int]:
    return [job.seq for job in jobs(connection, workflow_id)]


def _end(connection: psycopg.Connection, workflow_id: str, status: str, **outcome: str) -> None:
    turns = Turns(connection)
    claimed = next(one for one in turns.claim(100) if one.id == workflow_id)
    draft = Draft(claimed)
    draft.event(f"workflow.{status.lower()}", task=None)
    turns.commit(draft.done(status, **outcome))


def test_a_child_is_a_workflow_that_knows_its_parent(connection: psycopg.Connection, parent: str) -> None:
    define(connection, name="child")
    child = start_child(connection, parent, input={"n": 1})
    row = workflow(connection, child)
    assert (row["name"], row["version"], row["input"], row["status"]) == (
        "child",
        "1.0.0",
        {"n": 1},
        "PENDING",
    )
    assert (str(row["parent_id"]), row["parent_seq"], row["parent_waits"]) == (parent, 2, True)
    [event] = history(connection, child)
    assert (event.type, event.data) == ("workflow.started", {"input": {"n": 1}, "parent": parent})
    assert _seqs(connection, child) == [0]
    assert _seqs(connection, parent) == []


def test_without_a_version_the_newest_is_started(connection: psycopg.Connection, parent: str) -> None:
    for version in ("1.9.0", "1.10.0", "1.10.0-rc.1", "1.2.0"):
        define(connection, name="child", version=version)
    newest, chosen = start_child(connection, parent), start_child(connection, parent, version="1.2.0", seq=3)
    assert workflow(connection, newest)["version"] == "1.10.0"
    assert workflow(connection, chosen)["version"] == "1.2.0"


@pytest.mark.parametrize(
    "unknown",
    [{"name": "nobody"}, {"version": "9.9.9"}, {"namespace": "elsewhere"}],
    ids=lambda u: next(iter(u)),
)
@pytest.mark.parametrize("waits", [True, False])
def test_a_parent_is_told_of_a_child_that_is_not_defined(
    connection: psycopg.Connection, parent: str, unknown: dict[str, str], waits: bool
) -> None:
    define(connection, name="child")
    child = start_child(connection, parent, **({"name": "child"} | unknown), waits=waits)
    assert connection.execute("select from pgworker.workflows where id = %s", [child]).fetchall() == []
    assert connection.execute("select from pgworker.jobs where workflow_id = %s", [child]).fetchall() == []
    assert _seqs(connection, parent) == [2]
    assert children(connection, parent, 2) == []


def test_a_parent_that_does_not_wait_is_told_that_it_has_begun_and_not_that_it_ended(
    connection: psycopg.Connection, parent: str
) -> None:
    define(connection, name="child")
    child = start_child(connection, parent, waits=False)
    assert _seqs(connection, parent) == [2]
    connection.execute("delete from pgworker.jobs where workflow_id = %s", [parent])
    _end(connection, child, "COMPLETED", output="{}")
    assert _seqs(connection, parent) == []


@pytest.mark.parametrize(
    ("status", "outcome", "report"),
    [
        ("COMPLETED", {"output": '{"n": 2}'}, ["COMPLETED", {"n": 2}, None]),
        ("FAILED", {"error": '{"status": 500}'}, ["FAILED", None, {"status": 500}]),
        ("CANCELLED", {"error": '{"status": 499}'}, ["CANCELLED", None, {"status": 499}]),
    ],
)
def test_a_parent_that_waits_is_told_how_it_ended(
    connection: psycopg.Connection,
    parent: str,
    status: str,
    outcome: dict[str, str],
    report: list[object],
) -> None:
    define(connection, name="child")
    child = start_child(connection, parent, seq=4)
    assert children(connection, parent, 4) == [[4, "PENDING", None, None]]
    _end(connection, child, status, **outcome)
    assert _seqs(connection, parent) == [4]
    assert jobs(connection, child) == []
    turns = Turns(connection)
    [claimed] = turns.claim()
    turns.rollback()
    assert claimed.children == [[4, *report]]


def test_only_the_children_that_are_asked_for_are_reported(
    connection: psycopg.Connection, parent: str
) -> None:
    define(connection, name="child")
    for seq in (2, 3, 4):
        start_child(connection, parent, seq=seq)
    assert sorted(report[0] for report in children(connection, parent, 2, 4, 99)) == [2, 4]


def test_a_child_that_is_cancelled_from_outside_tells_its_parent(
    connection: psycopg.Connection, parent: str
) -> None:
    define(connection, name="child")
    child = start_child(connection, parent)
    connection.execute("select pgworker.cancel_workflow(%s)", [child])
    assert _seqs(connection, parent) == [2]
    [[_, status, _, error]] = children(connection, parent, 2)
    assert (status, error["status"]) == ("CANCELLED", 499)


def test_cancelling_a_parent_asks_those_it_waits_for_to_end(
    connection: psycopg.Connection, parent: str
) -> None:
    define(connection, name="child")
    awaited, free = start_child(connection, parent), start_child(connection, parent, seq=3, waits=False)
    connection.execute("delete from pgworker.jobs")
    connection.execute("select pgworker.cancel_workflow(%s)", [parent])
    assert _seqs(connection, awaited) == [-1]
    assert _seqs(connection, free) == []
    assert _seqs(connection, parent) == []
    connection.execute("select pgworker.cancel_workflow(%s)", [parent])  # again
    assert _seqs(connection, awaited) == [-1]


def test_a_child_that_has_ended_is_not_asked_to_end(connection: psycopg.Connection, parent: str) -> None:
    define(connection, name="child")
    child = start_child(connection, parent)
    _end(connection, child, "COMPLETED", output="{}")
    connection.execute("select pgworker.cancel_workflow(%s)", [parent])
    assert _seqs(connection, child) == []
    assert _seqs(connection, parent) == []


def test_the_end_of_a_child_leaves_nothing_for_a_parent_that_has_ended(
    connection: psycopg.Connection, parent: str
) -> None:
    define(connection, name="child")
    child = start_child(connection, parent)
    connection.execute("select pgworker.cancel_workflow(%s)", [parent])
    _end(connection, child, "CANCELLED", error="{}")
    assert jobs(connection, parent) == []
    assert jobs(connection, child) == []


def test_an_end_and_a_wish_to_end_that_cross_each_other_go_with_the_next_turn(
    connection: psycopg.Connection, connect: Callable[[], psycopg.Connection], parent: str
) -> None:
    """The parent is being cancelled while the child's last turn is open: neither waits for the other."""
    define(connection, name="child")
    child = start_child(connection, parent)
    turns = Turns(connect())
    [claimed] = turns.claim()
    for one in (connection, turns.connection):
        one.execute("set lock_timeout = '2s'")
    connection.execute("begin")
    connection.execute("select pgworker.cancel_workflow(%s)", [parent])
    draft = Draft(claimed)
    draft.event("workflow.completed", task=None)
    turns.commit(draft.done("COMPLETED", output="{}"))
    connection.execute("commit")
    late = {one.id: one for one in turns.claim()}
    assert {id_: one.due for id_, one in late.items()} == {child: [-1], parent: [2]}
    turns.write(Draft(late[child]).done("COMPLETED", output="{}"))
    turns.commit(Draft(late[parent]).done("CANCELLED"))
    assert connection.execute("select from pgworker.jobs").fetchall() == []
    assert workflow(connection, child)["status"] == "COMPLETED"


def test_a_child_has_its_parents_priority(connection: psycopg.Connection) -> None:
    define(connection, name="child")
    urgent = start(connection, "child", priority=3)
    child = start_child(connection, urgent)
    assert workflow(connection, child)["priority"] == 3
    assert [job.priority for job in jobs(connection, child)] == [3]


def test_a_child_that_nobody_is_the_parent_of_waits_for_none(connection: psycopg.Connection) -> None:
    define(connection)
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "update pgworker.workflows set parent_waits = true where id = %s", [start(connection)]
        )
