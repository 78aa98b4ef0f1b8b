"""How far long activities are, as the command line and the relations tell it."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.support.waiting import until
from tests.support.workflows import define, ended, start, workflow


def _says(path, words="printf 12345"):
    """A task that says something and then runs until there is a file."""
    return {"run": {"shell": {"command": f"{words}; until [ -e {path} ]; do sleep 0.02; done"}}}


def test_workers_and_tail_tell_how_far_a_long_activity_is(pgworker, connection, worker_process, tmp_path):
    goes_on = tmp_path / "goes-on"
    define(connection, [{"say": _says(goes_on)}])
    worker = worker_process(run_allow="shell", lease_seconds=1, poll_seconds=0.2)
    started = start(connection)
    tail = pgworker.begin("tail", started, "-o", "jsonl")
    [row] = until(lambda: [one for one in pgworker("workers").rows if one["activities"]])
    assert (row["id"], row["output_bytes"]) == (worker.id, 5)
    [activity] = row["activities"]
    assert (activity["workflow_id"], activity["name"], activity["activity"]) == (started, "say", "shell")
    assert (activity["output_bytes"], activity["messages"], activity["attempt"]) == (5, 0, 1)
    assert activity["running"] > 1
    table = pgworker("workers", "-o", "table").out
    assert "5 B" in table
    assert started in table
    assert pgworker("queue").rows[0]["output_bytes"] == 5
    goes_on.touch()
    assert ended(connection, started)["output"] == "12345"
    out, err = tail.communicate(timeout=20)
    assert len(out.splitlines()) == ended(connection, started)["last_seq"]
    assert "shell say: performed for" in err
    assert "5 B" in err


def test_run_tells_on_stderr_how_far_a_long_activity_is(pgworker, tmp_path):
    goes_on = tmp_path / "goes-on"
    (tmp_path / "say.yaml").write_text(
        "document: {dsl: '1.0.3', namespace: test, name: say, version: '1.0.0'}\n"
        f"do: [{{say: {json.dumps(_says(goes_on))}}}]\n"
    )
    running = pgworker.begin("run", "say.yaml", PGWORKER_RUN_ALLOW="shell", PGWORKER_LEASE_SECONDS="1")
    said = []
    while "performed for" not in "".join(said):
        line = running.stderr.readline()
        assert line, said
        said.append(line)
    goes_on.touch()
    out, _ = running.communicate(timeout=20)
    assert out == '"12345"\n'


def test_of_a_short_activity_nothing_is_told_at_a_heartbeat(connection, worker_process):
    define(connection, [{"say": {"run": {"shell": {"command": "printf 12345; sleep 0.6"}}}}])
    worker_process(run_allow="shell", lease_seconds=1)
    started = start(connection)
    seen = {}
    while workflow(connection, started)["status"] != "COMPLETED":
        for job in connection.execute("select leased_until, running_since, output_bytes from pgworker.jobs"):
            seen[job[0]] = job[1:]
    extended = [until for until in seen if until is not None]
    assert len(extended) > 1, "there was no heartbeat while it ran"
    assert set(seen.values()) == {(None, None)}


def test_another_attempt_begins_to_count_anew(connection, worker_process, tmp_path):
    goes_on = tmp_path / "goes-on"
    define(connection, [{"say": _says(goes_on)}])
    doomed = worker_process(run_allow="shell", lease_seconds=1)
    started = start(connection)
    told = "select attempt, running, output_bytes from pgworker.activities where workflow_id = %s"

    def asked():
        return connection.execute(told, [started]).fetchone() or (0, None, None)

    until(lambda: asked()[2] == 5)
    doomed.kill()
    doomed.wait()
    worker_process(run_allow="shell", lease_seconds=1, poll_seconds=0.1)
    until(lambda: asked()[0] == 2)
    attempt, running, _ = asked()
    assert attempt == 2
    assert running is None or running < timedelta(seconds=5)
    goes_on.touch()
    ended(connection, started)
