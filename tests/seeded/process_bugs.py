"""Bugs in how processes are run and ended."""

from __future__ import annotations

from tests.seeded.bug import Bug

_PROCESSES = "pgworker/activities/processes"
_TESTS = "tests/activities/processes"

PROCESS_BUGS = [
    Bug(
        "a launcher does not mind that its worker is gone",
        f"{_PROCESSES}/launcher.py",
        {"            heard_from = [wake]\n            kill_at = 0\n": "            heard_from = [wake]\n"},
        [
            "tests/worker/test_processes.py"
            "::test_a_killed_worker_takes_its_processes_along_and_another_runs_them_again"
        ],
    ),
    Bug(
        "what has left its process group is forgotten",
        f"{_PROCESSES}/launcher.py",
        {"    _kill_orphans()\n": ""},
        [f"{_TESTS}/test_shell.py::test_what_a_command_leaves_behind_ends_with_it"],
    ),
    Bug(
        "processes get the environment of their worker",
        f"{_PROCESSES}/command.py",
        {"for name in _INHERITED if name in os.environ": "for name in os.environ"},
        [f"{_TESTS}/test_shell.py::test_nothing_of_the_workers_environment_is_seen"],
    ),
    Bug(
        "what is allowed is not asked for before a script is run",
        f"{_PROCESSES}/runner.py",
        {'        self._policy.check("script")\n': ""},
        [f"{_TESTS}/test_shell.py::test_what_is_not_allowed_is_refused_and_the_setting_named"],
    ),
    Bug(
        "the container of an earlier attempt goes on",
        f"{_PROCESSES}/containers/runner.py",
        {"        await remove_earlier(engine, key)\n": ""},
        [f"{_TESTS}/test_containers.py::test_another_attempt_ends_what_the_first_has_left"],
    ),
]
