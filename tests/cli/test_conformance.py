"""``pgworker conformance``: scenarios run on the engine, each by itself, and are told as they went."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command

HEADER = "    document: {dsl: '1.0.3', namespace: default, name: same, version: '1.0.0'}\n"


def _scenario(name: str, task: str, *then: str, given: str = "{}") -> str:
    return (
        f"  Scenario: {name}\n"
        f'    Given a workflow with definition:\n    """yaml\n{HEADER}'
        f'    do:\n      - only: {task}\n    """\n'
        f'    And given the workflow input is:\n    """yaml\n    {given}\n    """\n'
        "    When the workflow is executed\n"
    ) + "".join(f"    {line}\n" for line in then)


def _feature(command: Command, *scenarios: str, name: str = "kit/a.feature") -> None:
    path = command.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("Feature: Kit\n" + "\n".join(scenarios))


GOOD = _scenario("Good", "{set: {a: '${ .b }'}}", "Then the workflow should complete", given="{b: 1}")
BAD = _scenario("Bad", "{set: {a: 2}}", "Then the workflow should fault")


def test_all_scenarios_that_pass_are_told_in_a_table(pgworker):
    _feature(pgworker, GOOD)
    answer = pgworker("conformance", "kit", "-o", "table")
    assert answer.code == 0
    header, row = answer.out.splitlines()
    assert header.split() == ["feature", "scenario", "result", "reason"]
    assert row.split() == ["Kit", "Good", "passed"]
    assert answer.err == "1 of 1 scenarios passed\n"


def test_one_that_fails_makes_the_command_fail_and_is_told_with_its_reason(pgworker):
    _feature(pgworker, GOOD, BAD)
    answer = pgworker("conformance", "kit", "-o", "table")
    assert answer.code == 1
    assert "1 of 2 scenarios passed" in answer.err
    row = answer.out.splitlines()[2]
    assert row.split(maxsplit=3) == ["Kit", "Bad", "failed", "the workflow is COMPLETED, and not FAILED"]


def test_the_verdicts_are_told_as_json_with_file_and_line(pgworker):
    _feature(pgworker, GOOD, BAD)
    verdicts = pgworker("conformance", "kit", "-o", "json").value
    assert [(one["scenario"], one["result"]) for one in verdicts] == [("Good", "passed"), ("Bad", "failed")]
    bad = verdicts[1]
    lines = (pgworker.folder / bad["file"]).read_text().splitlines()
    assert "should fault" in lines[bad["line"] - 1]
    assert set(bad) == {"feature", "scenario", "result", "reason", "file", "line", "duration"}
    assert [row["result"] for row in pgworker("conformance", "kit").rows] == ["passed", "failed"]


def test_scenarios_do_not_stop_one_another_whatever_becomes_of_them(pgworker, connection):
    _feature(
        pgworker,
        _scenario("Refused", "{sett: {}}", "Then the workflow should complete"),
        _scenario("Endless", "{wait: {hours: 1}}", "Then the workflow should complete"),
        _scenario("Unknown", "{set: {}}", "Then the workflow should be fine"),
        _scenario("Silent", "{set: {}}"),
        "  Scenario: Undefined\n    When the workflow is executed\n    Then the workflow should fault\n",
        "  Scenario: Unexecuted\n    Then the workflow should fault\n",
        "  Scenario: Empty\n",
        GOOD,
    )
    answer = pgworker("conformance", "kit", "--timeout", "2", "-o", "jsonl")
    assert answer.code == 1
    told = {row["scenario"]: row["reason"] for row in answer.rows}
    assert told.pop("Good") is None
    assert told.pop("Refused").startswith("the definition is refused: /do/0/only")
    assert "is still RUNNING after 2 s" in told.pop("Endless")
    assert told == {
        "Unknown": "`the workflow should be fine` is no step of the kit",
        "Silent": "the scenario does not end with an expectation, so it could not fail",
        "Undefined": "no workflow was defined before this step",
        "Unexecuted": "no workflow was executed before this step",
        "Empty": "the scenario does not end with an expectation, so it could not fail",
    }
    statuses = connection.execute("select status from pgworker.workflows order by created_at").fetchall()
    assert statuses == [("CANCELLED",), ("COMPLETED",)]


def test_the_order_and_the_ends_of_real_tasks_are_judged(pgworker):
    boom = "{boom: {raise: {error: {type: 'https://example.com/b', status: 418}}}}"
    tasks = "{try: [" + boom + "], catch: {do: [{mend: {set: '${ {a: 3} }'}}]}}"
    _feature(
        pgworker,
        _scenario(
            "Right",
            tasks,
            "Then only should run first",
            "And mend should run last",
            "And boom should run before mend",
            "And mend should run after boom",
            "And boom should fault with error:",
            '"""yaml\n    status: 418\n    """',
            "And mend should complete with output:",
            '"""yaml\n    a: 3\n    """',
        ),
        _scenario("Wrong", tasks, "Then boom should run after mend"),
        _scenario(
            "Cancelled",
            "{fork: {compete: true, branches: [{slow: {wait: {hours: 1}}}, {fast: {set: {a: 1}}}]}}",
            "Then slow should cancel",
            "And fast should complete",
        ),
    )
    rows = pgworker("conformance", "kit").rows
    assert [row["reason"] for row in rows] == [
        None,
        "the task `mend` did not begin before the task `boom`",
        None,
    ]


def test_the_same_definition_is_stored_once_however_often_it_is_run(pgworker, connection):
    _feature(pgworker, GOOD, BAD, GOOD.replace("Good", "Again"))
    for _ in range(2):
        assert pgworker("conformance", "kit").code == 1
    (stored,) = connection.execute("select count(*) from pgworker.definitions").fetchone()
    assert stored == 2
    kept = connection.execute("select name, version from pgworker.definitions where namespace = 'default'")
    assert kept.fetchall() == []


@pytest.mark.parametrize("folder", ["empty", "missing", "hello.yaml"])
def test_a_folder_without_features_is_a_usage_error(bare, folder):
    (bare.folder / "empty").mkdir()
    answer = bare("conformance", folder)
    assert answer.code == 2
    assert folder in answer.err


def test_a_broken_feature_file_is_one_error_with_file_and_line(bare):
    _feature(bare, "  Scenario: S\n    Given a\n    Gibberish\n", "    More gibberish\n")
    answer = bare("conformance", "kit")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("pgworker: kit/a.feature:4: ")
    assert answer.err.count("pgworker: ") == 1


def test_a_database_that_is_not_there_is_told(bare):
    _feature(bare, GOOD)
    answer = bare("conformance", "kit", PGWORKER_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert (answer.code, answer.out) == (1, "")
    assert "127.0.0.1" in answer.err


def test_a_worker_that_cannot_work_is_told(pgworker):
    _feature(pgworker, GOOD)
    answer = pgworker("conformance", "kit", PGWORKER_CA_FILE="missing.pem")
    assert (answer.code, answer.out) == (1, "")
    assert "PGWORKER_CA_FILE" in answer.err
