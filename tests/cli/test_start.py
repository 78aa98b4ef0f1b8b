"""``pgworker start`` and ``pgworker cancel``."""

from __future__ import annotations

from uuid import UUID

import pytest


@pytest.fixture
def deployed(pgworker):
    assert pgworker("deploy", "hello.yaml", "echo.yaml", "fails.yaml", "waits.yaml").code == 0
    return pgworker


def test_start_prints_the_id(deployed, connection):
    answer = deployed(
        "start", "test/hello:1.0.0", "-P", "name=Ada", "--label", "team=blue", "--priority", "-3"
    )
    row = connection.execute("select id, input, labels, priority, status from pgworker.workflows").fetchone()
    assert answer.code == 0
    assert row == (UUID(answer.out.strip()), {"name": "Ada"}, {"team": "blue"}, -3, "PENDING")


def test_the_namespace_may_be_an_option(deployed):
    assert deployed("start", "hello", "--namespace", "test").code == 0
    assert deployed("start", "hello").code == 4


def test_the_same_key_starts_one_workflow(deployed):
    first, second = (deployed("start", "test/hello", "--key", "k1").out for _ in range(2))
    assert first == second


def test_a_start_can_be_put_off_and_given_its_id(deployed, connection):
    wanted = "6f1c3f0e-0000-4000-8000-000000000001"
    answer = deployed("start", "test/hello", "--id", wanted, "--at", "2999-01-01T00:00:00Z")
    assert answer.out.strip() == wanted
    assert connection.execute("select due_at::text from pgworker.jobs").fetchone()[0].startswith("2999-01-01")
    assert deployed("start", "test/hello", "--id", wanted).code == 1


def test_wait_prints_the_output(deployed, worker_process):
    worker_process()
    answer = deployed("start", "test/hello", "-P", "name=Ada", "--wait", "--timeout", "20")
    assert (answer.code, answer.value) == (0, {"greeting": "Hello Ada"})
    assert answer.err.startswith("workflow ")


def test_wait_ends_as_the_workflow_does(deployed, worker_process):
    worker_process()
    failed = deployed("start", "test/fails", "--wait", "--timeout", "20")
    assert (failed.code, failed.out) == (1, "")
    assert "no tea" in failed.err
    assert deployed("start", "test/waits", "--wait", "--timeout", "0.3").code == 5


def test_waiting_for_a_workflow_that_was_cancelled_ends_with_3(deployed):
    first = deployed("start", "test/waits", "--key", "k").out.strip()
    assert deployed("cancel", first, "--reason", "enough").code == 0
    answer = deployed("start", "test/waits", "--key", "k", "--wait")
    assert answer.code == 3
    assert "enough" in answer.err


def test_cancel_says_so_and_an_ended_workflow_cannot_be_cancelled(deployed):
    workflow_id = deployed("start", "test/waits").out.strip()
    answer = deployed("cancel", workflow_id)
    assert (answer.code, answer.out) == (0, f"cancelled {workflow_id}\n")
    again = deployed("cancel", workflow_id)
    assert again.code == 1
    assert "is CANCELLED" in again.err


def test_pause_and_resume_say_so_and_refuse_what_cannot_be(deployed):
    workflow_id = deployed("start", "test/waits", "--at", "2100-01-01T00:00:00Z").out.strip()
    assert deployed("pause", workflow_id, "--reason", "lunch").out == f"paused {workflow_id}\n"
    again = deployed("pause", workflow_id)
    assert (again.code, again.out) == (1, "")
    assert "is PAUSED and cannot be paused" in again.err
    assert deployed("resume", workflow_id).out == f"resumed {workflow_id}\n"
    assert "is PENDING and cannot be resumed" in deployed("resume", workflow_id).err
    assert "is PENDING and cannot be retried" in deployed("retry", workflow_id).err
