"""``pgworker verify``."""

from __future__ import annotations

import psycopg

from tests.cli.conftest import Command
from tests.support.workflows import define, start


def test_a_sound_database_is_verified_with_exit_code_0(
    pgworker: Command, connection: psycopg.Connection
) -> None:
    define(connection)
    for _ in range(3):
        start(connection)
    answer = pgworker("verify")
    assert (answer.code, answer.out, answer.err) == (0, "", "3 workflows verified: nothing is wrong\n")


def test_what_is_wrong_is_listed_with_exit_code_1(pgworker: Command, connection: psycopg.Connection) -> None:
    define(connection)
    sound, broken = start(connection), start(connection)
    connection.execute("delete from pgworker.jobs where workflow_id = %s", [broken])
    answer = pgworker("verify", "-o", "jsonl")
    assert answer.code == 1
    assert answer.err == "2 workflows verified: 1 flaws\n"
    (flaw,) = answer.rows
    assert flaw["workflow_id"] == broken
    assert str(flaw["problem"]).startswith("nothing will ever move this workflow")
    assert pgworker("verify", sound).code == 0
    assert pgworker("verify", broken).code == 1


def test_a_workflow_that_is_not_there_is_an_error(pgworker: Command, connection: psycopg.Connection) -> None:
    answer = pgworker("verify", "00000000-0000-0000-0000-000000000001")
    assert answer.code == 4
    assert "there is no workflow" in answer.err
