"""Bugs in the database's functions."""

from __future__ import annotations

from tests.seeded.bug import Bug

_FUNCTIONS = "sql/functions"

DATABASE_BUGS = [
    Bug(
        "a claim does not look at the token of a lease",
        f"{_FUNCTIONS}/claim_turn.sql",
        {" and j.lease_token = any (p_done_tokens)\n": " and j.kind = 'perform'\n"},
        ["tests/sql/test_claim_turn.py::test_a_result_with_a_stale_token_is_not_done"],
    ),
    Bug(
        "a claim reads histories in the statement that locks",
        f"{_FUNCTIONS}/claim_turn.sql",
        {
            ", 0)\n              for no key update of w skip locked) c;": ", 0)) c;",
            "    join workflows w on w.id = l.id\n    left join lateral (\n": (
                "    join lateral (select * from workflows o where o.id = l.id\n"
                "                  for no key update skip locked) w on true\n    left join lateral (\n"
            ),
        },
        ["tests/sql/test_claim_turn.py::test_no_claim_reads_a_history_that_is_older_than_its_lock"],
    ),
    Bug(
        "a claim takes timers of the next second along",
        f"{_FUNCTIONS}/claim_turn.sql",
        {
            "(j.kind = 'decide' and j.due_at <= now()) is true\n": (
                "(j.kind = 'decide' and j.due_at <= now() + interval '1 s') is true\n"
            )
        },
        ["tests/worker/test_timers.py::test_an_event_during_a_wait_does_not_end_it"],
    ),
    Bug(
        "a commit does not ask whether the workflow has gone on elsewhere",
        f"{_FUNCTIONS}/commit_turn.sql",
        {" and w.last_seq = n.seq_before;": ";"},
        ["tests/sql/test_commit_turn.py::test_a_turn_that_was_overtaken_is_refused_as_a_whole"],
    ),
    Bug(
        "the jobs that a turn ends are not deleted",
        f"{_FUNCTIONS}/commit_turn.sql",
        {
            "    where j.workflow_id = n.workflow_id and j.seq = n.seq;": (
                "    where j.workflow_id = n.workflow_id and j.seq = n.seq and j.kind = 'perform';"
            )
        },
        ["tests/sql/test_commit_turn.py::test_it_writes_events_row_and_jobs_together"],
    ),
    Bug(
        "an activity's job is written and not leased",
        f"{_FUNCTIONS}/commit_turn.sql",
        {"n.namespace, n.priority, n.token,": "n.namespace, n.priority, null::uuid,"},
        ["tests/sql/test_commit_turn.py::test_it_writes_events_row_and_jobs_together"],
    ),
    Bug(
        "a leased activity is due at once",
        f"{_FUNCTIONS}/commit_turn.sql",
        {
            "case when n.token is not null then clock_timestamp() + p_lease else": (
                "case when n.token is not null then clock_timestamp() else"
            )
        },
        ["tests/sql/test_commit_turn.py::test_it_writes_events_row_and_jobs_together"],
    ),
    Bug(
        "an ended workflow keeps its timers",
        f"{_FUNCTIONS}/commit_turn.sql",
        {"o.workflow_id = any (v_ended)\n": "o.workflow_id = any (v_ended) and o.kind = 'perform'\n"},
        ["tests/sql/test_commit_turn.py::test_an_ended_workflow_keeps_no_job"],
    ),
    Bug(
        "each turn moves the time of the start",
        f"{_FUNCTIONS}/commit_turn.sql",
        {"coalesce(w.started_at, now()),": "now(),"},
        ["tests/sql/test_commit_turn.py::test_started_at_is_the_first_turns_time_for_ever"],
    ),
    Bug(
        "an event's number is the highest one and one more",
        f"{_FUNCTIONS}/append_to_history.sql",
        {
            "set last_seq = last_seq + 1\n": (
                "set last_seq = (select max(e.seq) + 1 from events e where e.workflow_id = p_workflow)\n"
            )
        },
        ["tests/sql/test_append_event.py::test_sixteen_clients_at_once_leave_no_gap_and_no_double"],
    ),
    Bug(
        "an event starts a workflow before its time",
        f"{_FUNCTIONS}/append_to_history.sql",
        {"    if v_pending then\n": "    if false then\n"},
        [
            "tests/sql/test_start_workflow.py::test_an_event_that_comes_before_its_start_does_not_start_a_workflow_early"
        ],
    ),
    Bug(
        "a heartbeat extends a lease that another holds now",
        f"{_FUNCTIONS}/heartbeat.sql",
        {
            "on l.workflow_id = p.workflow_id and l.seq = p.seq and l.lease_token = p.token\n": (
                "on l.workflow_id = p.workflow_id and l.seq = p.seq\n"
            )
        },
        ["tests/sql/test_leases.py::test_a_heartbeat_extends_no_lease_that_another_has_taken_over"],
    ),
    Bug(
        "a heartbeat does not say that a lease is another's now",
        f"{_FUNCTIONS}/heartbeat.sql",
        {
            "where j.workflow_id = p.workflow_id and j.seq = p.seq and j.lease_token = p.token);": (
                "where j.workflow_id = p.workflow_id and j.seq = p.seq);"
            )
        },
        ["tests/sql/test_leases.py::test_a_heartbeat_names_the_leases_that_are_lost"],
    ),
    Bug(
        "anybody can give an activity back",
        f"{_FUNCTIONS}/release_activities.sql",
        {" and l.lease_token = p.token\n": "\n"},
        ["tests/sql/test_leases.py::test_only_the_holder_can_give_an_activity_back"],
    ),
    Bug(
        "an activity that is taken over keeps its token",
        f"{_FUNCTIONS}/claim_activities.sql",
        {
            "lease_token = gen_random_uuid(),": "lease_token = coalesce(j.lease_token, gen_random_uuid()),",
        },
        ["tests/sql/test_claim_turn.py::test_the_token_of_a_lease_that_was_taken_over_is_refused"],
    ),
    Bug(
        "an activity that is taken over does not count the attempt",
        f"{_FUNCTIONS}/claim_activities.sql",
        {"set attempt = j.attempt + 1,": "set attempt = greatest(j.attempt, 1),"},
        ["tests/sql/test_leases.py::test_a_lease_that_ran_out_is_taken_over_with_a_new_token"],
    ),
    Bug(
        "strikes are not counted",
        f"{_FUNCTIONS}/postpone_turn.sql",
        {"update set attempt = jobs.attempt + 1\n": "update set attempt = jobs.attempt\n"},
        ["tests/sql/test_leases.py::test_a_turn_that_is_put_off_comes_later_with_a_strike"],
    ),
    Bug(
        "a cancelled workflow keeps its activities",
        f"{_FUNCTIONS}/cancel_workflow.sql",
        {
            "delete from jobs where workflow_id = cancel_workflow.id;": (
                "delete from jobs where workflow_id = cancel_workflow.id and kind = 'decide';"
            )
        },
        ["tests/sql/test_cancel_workflow.py::test_all_its_jobs_go_and_those_of_others_stay"],
    ),
    Bug(
        "a second start with the same key is not expected",
        f"{_FUNCTIONS}/start_workflow.sql",
        {"    on conflict do nothing\n": ""},
        ["tests/sql/test_start_workflow.py::test_the_same_key_gives_the_same_workflow"],
    ),
    Bug(
        "nobody is woken by a start",
        f"{_FUNCTIONS}/start_workflow.sql",
        {"    perform wake_workers();\n": ""},
        ["tests/sql/test_start_workflow.py::test_idle_workers_are_notified_and_others_are_not"],
    ),
    Bug(
        "a snapshot's last event is read once more",
        f"{_FUNCTIONS}/histories_of.sql",
        {"e.seq > coalesce(s.seq, 0)": "e.seq >= coalesce(s.seq, 0)"},
        [
            "tests/worker/test_correspondence.py"
            "::test_a_history_of_thousands_goes_on_from_its_snapshot_in_another_process"
        ],
    ),
]
