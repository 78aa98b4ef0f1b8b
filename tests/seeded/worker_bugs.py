"""Bugs in the worker, and in how it talks to the database."""

from __future__ import annotations

from tests.seeded.bug import Bug

WORKER_BUGS = [
    Bug(
        "time is what the worker's clock says",
        "pgworker/store/turns.py",
        {"now=rows[0][-1].astimezone(UTC)": "now=datetime.now(UTC)"},
        ["tests/store/test_event_store.py::test_the_time_of_a_turn_is_that_of_its_transaction"],
    ),
    Bug(
        "a listen is taken to have seen all up to the last event that it looked at",
        "pgworker/worker/turn.py",
        {"return min(positions[place:], default=max(positions) + 1) - 1\n": "return positions[place - 1]\n"},
        [
            "tests/worker/test_bad_listeners.py"
            "::test_what_a_listen_has_not_looked_at_is_not_lost_even_if_it_was_correlated_before"
        ],
    ),
    Bug(
        "a workflow gets a fourth strike",
        "pgworker/worker/turn.py",
        {"if claim.strikes >= MAX_STRIKES:": "if claim.strikes > MAX_STRIKES:"},
        [
            "tests/worker/test_broken.py::test_a_workflow_that_breaks_the_engine_fails_after_three_strikes_and_alone"
        ],
    ),
    Bug(
        "a snapshot is written down as one of the event after it",
        "pgworker/worker/turn.py",
        {"Snapshot(claim.workflow_id, known.state.seq,": "Snapshot(claim.workflow_id, known.state.seq + 1,"},
        [
            "tests/worker/test_correspondence.py"
            "::test_a_history_of_thousands_goes_on_from_its_snapshot_in_another_process"
        ],
    ),
    Bug(
        "a state that others have left behind is folded on",
        "pgworker/worker/turn.py",
        {"elif known is None or claim.folded_seq == 0:": "elif known is None:"},
        ["tests/worker/test_states.py::test_a_state_that_another_worker_has_left_behind_is_rebuilt"],
    ),
    Bug(
        "a state that is not in memory any more is missed",
        "pgworker/worker/wheel.py",
        {"if not c.is_long and c.folded_seq not in (0, self._cache.seq_of(c.workflow_id))\n": "if False\n"},
        ["tests/worker/test_states.py::test_a_state_for_which_there_was_no_memory_is_read_anew"],
    ),
    Bug(
        "activities begin before the turn is committed",
        "pgworker/worker/wheel.py",
        {
            "        turn.leases = self._free_slots() - len(turn.performances)\n": (
                "        turn.leases = self._free_slots() - len(turn.performances)\n"
                "        for performance in turn.performances:\n"
                "            self._performer.begin(performance)\n"
            ),
            "in turn.performances:\n            self._performer.begin(performance)\n        if turn": (
                "in ():\n            pass\n        if turn"
            ),
        },
        [
            "tests/worker/test_broken.py::test_an_activity_of_a_turn_that_the_database_refuses_is_not_performed"
        ],
    ),
    Bug(
        "a turn that was refused is taken for committed",
        "pgworker/worker/wheel.py",
        {
            "            return await self._recover(connection, claimed, error)\n": (
                "            activities, following = [], await self._recover(connection, claimed, error)\n"
            )
        },
        ["tests/worker/test_broken.py::test_a_result_that_the_database_refuses_fails_its_workflow"],
    ),
    Bug(
        "attempts that were lost are allowed once more",
        "pgworker/worker/wheel.py",
        {"if lost < self._settings.max_attempts:": "if lost <= self._settings.max_attempts:"},
        ["tests/worker/test_activities.py::test_an_activity_that_was_lost_too_often_fails_and_says_so"],
    ),
    Bug(
        "a worker that stops goes on claiming",
        "pgworker/worker/wheel.py",
        {"batch = 0 if self._stopping else self._most": "batch = self._settings.batch"},
        ["tests/worker/test_activities.py::test_a_draining_worker_claims_nothing_new"],
    ),
    Bug(
        "a result is offered again after it was recorded",
        "pgworker/worker/performer.py",
        {"in keys:\n            self._forget(key)": "in keys:\n            self._finished.get(key)"},
        [
            "tests/worker/test_activities.py::test_a_stopping_worker_finishes_what_ends_within_the_grace_period"
        ],
    ),
    Bug(
        "the idempotency key changes with the attempt",
        "pgworker/worker/performances.py",
        {':{self.lease.seq}"': ':{self.lease.seq}:{self.lease.attempt}"'},
        [
            "tests/worker/test_http_calls.py"
            "::test_the_idempotency_key_names_the_workflow_and_the_event_that_scheduled_the_call"
        ],
    ),
    Bug(
        "activities that have lost their lease go on",
        "pgworker/worker/keeper.py",
        {"            performer.lost(lost)\n": ""},
        ["tests/worker/test_activities.py::test_cancelling_ends_a_slow_call_at_the_next_heartbeat"],
    ),
    Bug(
        "a worker that others have forgotten does not come back",
        "pgworker/worker/keeper.py",
        {"            if not known:\n                forgotten()\n": ""},
        ["tests/worker/test_starts.py::test_a_worker_that_others_took_for_dead_is_still_woken"],
    ),
    Bug(
        "a stopping worker keeps its leases",
        "pgworker/worker/service.py",
        {"                await leases.release(held)\n": ""},
        ["tests/worker/test_activities.py::test_a_stopping_worker_gives_back_what_takes_longer"],
    ),
    Bug(
        "there are notifications and no poll",
        "pgworker/worker/rest.py",
        {
            "pause = min(poll, (outlook.work if outlook.has_round else outlook.soonest) + _MARGIN)": (
                "pause = poll * 0 + (outlook.work if outlook.has_round else outlook.soonest) + _MARGIN"
            )
        },
        ["tests/worker/test_starts.py::test_a_lost_notification_costs_no_more_than_a_poll"],
    ),
]
