"""What operators ask for on the command line."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest

from pgworker.client.health import clock_difference
from tests.support.waiting import until
from tests.support.workflows import define, ended, start

NAP = {"wait": {"hours": 1}}


def test_workers_queue_and_waiting_tell_what_goes_on(pgworker, connection, worker_process):
    worker_process(poll_seconds=0.2)
    define(connection, [{"nap": NAP}])
    started = start(connection)
    until(lambda: [row["waits_for"] for row in pgworker("waiting").rows] == ["timer"])
    assert [row["id"] for row in pgworker("workers").rows] == ["worker-1"]
    assert [(row["workflow_id"], row["kind"]) for row in pgworker("queue").rows] == [(started, "decide")]
    [row] = pgworker("waiting").rows
    assert (row["workflow_id"], row["task"]) == (started, "/do/0/nap")
    assert "timer" in pgworker("waiting", "-o", "table").out


def test_failures_are_listed_together(pgworker, connection, worker_process):
    worker_process(poll_seconds=0.2)
    define(
        connection,
        [{"bad": {"raise": {"error": {"type": "https://x.test/e", "status": 500, "title": "Boom"}}}}],
    )
    for _ in range(2):
        ended(connection, start(connection))
    [row] = pgworker("failures").rows
    assert (row["title"], row["workflows"]) == ("Boom", 2)


def test_schedules_are_listed(pgworker, connection):
    define(connection, schedule={"every": {"hours": 1}})
    [row] = pgworker("schedules").rows
    assert (row["name"], row["runs"], row["schedule"]) == ("sample", 0, {"every": {"hours": 1}})


def test_tail_replay_and_timeline_show_one_workflow(pgworker, connection, worker_process):
    worker_process(poll_seconds=0.2)
    define(
        connection,
        [{"a": {"set": {"n": 1}}}, {"nap": {"wait": {"milliseconds": 300}}}, {"z": {"set": {"n": 2}}}],
    )
    started = start(connection)
    lines = pgworker("tail", started, "-o", "table").out.splitlines()
    assert [line.split()[1] for line in lines][-1] == "workflow.completed"
    assert pgworker("tail", started, "--after", "2").rows[0]["seq"] == 3
    assert [row["name"] for row in pgworker("replay", started, "--at", "2").rows] == ["a"]
    assert pgworker("replay", started, "--at", "2000-01-01").code == 4
    assert [row["status"] for row in pgworker("replay", started).rows] == ["COMPLETED"] * 3
    chart = pgworker("timeline", started, "--width", "20", "-o", "table").out.splitlines()
    assert [line.split()[0] for line in chart] == ["a", "nap", "z"]
    assert all(line.count("|") == 2 for line in chart)


def test_replay_tells_the_state_and_what_the_next_event_changed(pgworker, connection, worker_process):
    worker_process(poll_seconds=0.2)
    define(
        connection,
        [
            {"a": {"set": {"n": 1}, "export": {"as": {"seen": "${ .n }"}}}},
            {"nap": {"wait": {"milliseconds": 50}}},
            {"z": {"set": {"n": 2}}},
        ],
    )
    started = start(connection, input={"x": 0})
    ended(connection, started)
    told = pgworker("replay", started, "--at", "2", "--state").value
    assert (told["seq"], told["status"], told["data"]) == (2, "RUNNING", {"n": 1})
    assert told["context"] == {"seen": 1}
    assert told["next"]["type"] == "task.started"
    assert [change["where"] for change in told["changes"]] == ["/open/~1do~11~1nap (3)"]
    shown = pgworker("replay", started, "--at", "1", "-o", "table").out.splitlines()
    assert shown[0].startswith("event    1, 20")
    assert shown[0].endswith(": RUNNING")
    assert 'data     {"x":0}' in shown
    assert "next     2 task.completed /do/0/a" in shown
    assert "         /data/x: 0 -> null" in shown
    assert pgworker("replay", started, "--state").value["changes"] == []
    assert pgworker("replay", started, "--state").value["output"] == {"n": 2}
    assert pgworker("replay", started, "--at", "99", "--state").code == 4


@pytest.mark.parametrize("command", ["tail", "replay", "timeline"])
def test_a_workflow_that_is_not_there_ends_with_4(pgworker, command):
    answer = pgworker(command, "01980000-0000-7000-8000-000000000000")
    assert (answer.code, answer.out) == (4, "")
    assert "there is no workflow" in answer.err


def test_purge_removes_old_workflows_and_says_how_many(pgworker, connection, worker_process):
    worker_process(poll_seconds=0.2)
    define(connection)
    for _ in range(5):
        ended(connection, start(connection))
    assert pgworker("purge", "--older-than", "1h").out == "0\n"
    assert pgworker("purge", "--older-than", "0s", "--status", "failed").out == "0\n"
    assert pgworker("purge", "--older-than", "PT0S", "--batch", "2").out == "5\n"
    assert pgworker("list").rows == []


def test_purge_removes_all_cloud_events_that_are_old_and_does_not_count_them(pgworker, connection):
    connection.execute("select pgworker.publish_event('paid') from generate_series(1, 5)")
    connection.execute("delete from pgworker.jobs")
    assert pgworker("purge", "--older-than", "0s", "--batch", "2").out == "0\n"
    assert connection.execute("select count(*) from pgworker.cloud_events").fetchone() == (0,)


@pytest.mark.parametrize("age", ["soon", "P1M", "-3d", "10", "9" * 30 + "d"])
def test_purge_wants_a_length_of_time(pgworker, age):
    answer = pgworker("purge", f"--older-than={age}")
    assert answer.code == 2
    assert "no length of time" in answer.err


def test_health_and_doctor_advise(pgworker, connection, worker_process):
    assert pgworker("health").code == 1
    sick = pgworker("doctor")
    assert sick.code == 1
    advice = {row["topic"]: (row["state"], row["advice"]) for row in sick.rows}
    assert advice["workers"][0] == "bad"
    assert "pgworker worker" in advice["workers"][1]
    worker_process(poll_seconds=0.2)
    well = pgworker("doctor")
    assert well.code == 0, well.out
    states = {row["topic"]: row["state"] for row in well.rows}
    assert states.keys() >= {"settings", "server", "schema version", "notifications", "workers"}
    assert states["notifications"] == "ok"
    health = {row["topic"]: row["state"] for row in pgworker("health").rows}
    assert health.items() >= {
        "oldest transaction": "ok", "dead rows": "ok", "notification queue": "ok", "stuck leases": "ok",
        "schema version": "ok", "clock difference": "ok",
    }.items()  # fmt: skip


def test_a_clock_that_goes_wrong_is_advised_about():
    for ahead, state, value in (
        (timedelta(seconds=-1.5), "ok", "1.5 s"),
        (timedelta(seconds=3), "warning", "the database's is 0:00:03 ahead"),
        (timedelta(minutes=-2), "bad", "the database's is 0:02:00 behind"),
    ):
        row = clock_difference(ahead)
        assert (row["state"], row["value"]) == (state, value)
        assert (row["advice"] is None) == (state == "ok")


def test_doctor_says_why_a_database_cannot_be_used(pgworker):
    away = pgworker("doctor", PGWORKER_DATABASE_URL="postgresql://127.0.0.1:1/nowhere")
    assert (away.code, away.rows[-1]["topic"], away.rows[-1]["state"]) == (1, "database", "bad")
    bare = pgworker("doctor", PGWORKER_SCHEMA="not_there")
    assert (bare.code, bare.rows[-1]["advice"]) == (1, "run pgworker migrate")
    wrong = pgworker("doctor", PGWORKER_CONCURRENCY="many")
    assert (wrong.code, wrong.rows[-1]["topic"]) == (1, "settings")


def test_psql_takes_a_session_past_the_pooler(pgworker, direct_url):
    nowhere = {"PGWORKER_DATABASE_URL": "postgresql://127.0.0.1:1/nowhere", "PGWORKER_LISTEN_URL": direct_url}
    answer = pgworker("psql", "-XAtc", "select count(*) from workflows", **nowhere)
    assert (answer.code, answer.out) == (0, "0\n")


def test_dev_deploys_and_works_until_it_is_stopped(pgworker, connection):
    (pgworker.folder / "dev.yaml").write_text(
        "document: {dsl: '1.0.3', namespace: default, name: devs, version: 1.0.0}\ndo: [{s: {set: {x: 1}}}]\n"
    )
    running = pgworker.begin("dev", "dev.yaml")
    try:
        assert running.stdout.readline() == "deployed default/devs:1.0.0\n"
        assert ended(connection, start(connection, "devs"))["output"] == {"x": 1}
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=20)
    assert running.returncode == 0
