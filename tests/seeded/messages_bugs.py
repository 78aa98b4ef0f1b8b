"""Bugs in how the database brings CloudEvents to listeners, and ends to parents."""

from __future__ import annotations

from tests.seeded.bug import Bug

_FUNCTIONS = "sql/functions"

MESSAGE_BUGS = [
    Bug(
        "who begins to listen does not take the lock of correlation",
        f"{_FUNCTIONS}/subscribe.sql",
        {"    perform lock_correlation(p_alone => false);\n": ""},
        ["tests/sql/test_listening.py::test_an_event_that_is_correlated_while_a_listen_begins_is_found"],
    ),
    Bug(
        "what a listen consumes is not recorded",
        f"{_FUNCTIONS}/consume_events.sql",
        {"as u (workflow_id, seq, event_id);": "as u (workflow_id, seq, event_id) where false;"},
        ["tests/sql/test_listening.py::test_a_consumed_event_is_found_by_no_other_listen_of_the_workflow"],
    ),
    Bug(
        "who begins to listen is not told of what is there already",
        f"{_FUNCTIONS}/subscribe.sql",
        {"    perform tell_listeners(p_workflows, p_seqs);\n": ""},
        ["tests/sql/test_listening.py::test_a_correlation_that_others_know_is_found_at_once"],
    ),
    Bug(
        "who wants more is not told that there is more",
        f"{_FUNCTIONS}/consume_events.sql",
        {"    perform tell_listeners(p_look, p_look_in);\n": ""},
        [
            "tests/sql/test_listening.py::test_who_has_looked_at_everything_is_told_nothing_and_who_has_more_is_told"
        ],
    ),
    Bug(
        "correlating moves the clock by one, however many events there are",
        f"{_FUNCTIONS}/correlate_events.sql",
        {
            "set position = position + cardinality(p_events)\n": "set position = position + 1\n",
            "returning position - cardinality(p_events)": "returning position - 1",
        },
        ["tests/sql/test_listening.py::test_events_are_found_oldest_first"],
    ),
    Bug(
        "correlating overlooks a correlation that has just become known",
        f"{_FUNCTIONS}/correlate_events.sql",
        {" and c.id <> all (p_known)) then": " and false) then"},
        [
            "tests/sql/test_listening.py::test_a_correlation_that_is_new_since_the_values_were_read_is_asked_for"
        ],
    ),
    Bug(
        "the end of a child is not told",
        f"{_FUNCTIONS}/workflows_ended.sql",
        {"w.id = any (p_ids) and w.parent_waits": "w.id = any (p_ids) and not w.parent_waits"},
        ["tests/sql/test_children.py::test_a_parent_that_waits_is_told_how_it_ended"],
    ),
    Bug(
        "ended workflows go on listening",
        f"{_FUNCTIONS}/workflows_ended.sql",
        {"    delete from subscriptions s where s.workflow_id = any (p_ids);\n": ""},
        ["tests/sql/test_listening.py::test_a_cancelled_workflow_listens_no_more_and_keeps_what_it_consumed"],
    ),
    Bug(
        "children outlive the parent that waits for them",
        f"{_FUNCTIONS}/workflows_ended.sql",
        {"where c.parent_waits and c.status not in": "where not c.parent_waits and c.status not in"},
        ["tests/sql/test_children.py::test_cancelling_a_parent_asks_those_it_waits_for_to_end"],
    ),
    Bug(
        "a schedule is not told of the end that it waits for",
        f"{_FUNCTIONS}/workflows_ended.sql",
        {"and s.schedule ? 'after'": "and s.schedule ? 'every'"},
        [
            "tests/sql/test_schedules.py::test_the_end_of_the_last_workflow_is_told_to_a_schedule_that_waits_for_it"
        ],
    ),
]
