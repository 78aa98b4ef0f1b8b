"""Bugs in deciding and folding."""

from __future__ import annotations

from tests.seeded.bug import Bug

ENGINE_BUGS = [
    Bug(
        "an event that does not follow is passed over",
        "pgworker/engine/evolve.py",
        {'raise ValueError(f"event {event.seq} does not follow event {state.seq}")': "return"},
        ["tests/unit/engine/test_decisions.py::test_an_event_out_of_turn_is_refused"],
    ),
    Bug(
        "a loop leaves the last item out",
        "pgworker/engine/tasks/loop.py",
        {"wanted = index < len(frame.items or ())": "wanted = index < len(frame.items or ()) - 1"},
        ["tests/unit/engine/test_loops.py::test_the_body_runs_once_for_each_item_on_what_the_last_left"],
    ),
    Bug(
        "a task is tried once less than it should be",
        "pgworker/engine/tasks/trying.py",
        {"frame.attempt > policy.most_retries:": "frame.attempt >= policy.most_retries:"},
        ["tests/unit/engine/test_tries.py::test_how_often_and_when_it_is_tried_again"],
    ),
    Bug(
        "the branches that lost a competition go on",
        "pgworker/engine/tasks/forking.py",
        {"        return\n    cancel_inside(run.decision, frame)\n": "        return\n"},
        [
            "tests/unit/engine/test_forks.py"
            "::test_the_first_branch_to_complete_wins_a_competition_and_cancels_the_others"
        ],
    ),
    Bug(
        "two listens of a workflow take the same event",
        "pgworker/engine/tasks/listening.py",
        {"    run.decision.consumed.add(told.event_id)\n": ""},
        ["tests/unit/engine/test_listens.py::test_two_listens_at_once_do_not_consume_the_same_event"],
    ),
]
