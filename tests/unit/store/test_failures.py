"""What each SQLSTATE means to us: all those of PostgreSQL's Appendix A, class by class."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from pgworker.errors import (
    Conflict,
    DatabaseUnavailable,
    NotFound,
    PgworkerError,
    StoreRefused,
    WaitTimedOut,
    WorkflowFailed,
)
from pgworker.store.failures import SchemaMissing, TurnOvertaken, ValueRejected, is_transient, translate

PASS = {
    "08": "connection exception",
    "40": "transaction rollback",
    "53": "insufficient resources",
    "55": "object not in prerequisite state",
    "57": "operator intervention",
    "58": "system error",
    "F0": "configuration file error",
    "XX": "internal error",
}
"""Classes whose errors pass, or are mended by an operator: no workflow has anything to do with them."""

SINGLE = {
    "25006": "a primary became read-only",
    "25P03": "a transaction was idle for too long",
    "25P04": "a transaction took too long",
    "26000": "a prepared statement is on another connection",
    "42P05": "a prepared statement was left on this connection",
    "72000": "a snapshot was too old",
}
"""Those that pass among classes that do not."""

STATES = sorted(
    {
        error.sqlstate
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, psycopg.Error) and error.sqlstate
    }
)


def _error(state: str) -> psycopg.Error:
    return errors.lookup(state)("told by the database")


def test_appendix_a_is_known() -> None:
    assert len(STATES) > 240
    assert {state[:2] for state in STATES} >= PASS.keys()
    assert set(STATES) >= SINGLE.keys()


@pytest.mark.parametrize("state", STATES)
def test_what_infrastructure_causes_passes_and_nothing_else_does(state: str) -> None:
    passes = state[:2] in PASS or state in SINGLE
    assert is_transient(_error(state)) is passes
    assert isinstance(translate(_error(state)), DatabaseUnavailable) is passes


@pytest.mark.parametrize("state", [state for state in STATES if state[:2] in ("22", "23", "54")])
def test_what_is_wrong_with_a_value_is_told_apart(state: str) -> None:
    assert type(translate(_error(state))) is ValueRejected


@pytest.mark.parametrize("state", ["42501", "42601", "0A000", "P0001"])
def test_what_is_wrong_with_a_statement_is_refused_and_names_its_state(state: str) -> None:
    refused = translate(_error(state))
    assert type(refused) is StoreRefused
    assert state in refused.message


@pytest.mark.parametrize("state", ["42883", "42P01", "42703", "3F000"])
def test_a_database_without_the_schema_says_what_to_do(state: str) -> None:
    refused = translate(_error(state))
    assert type(refused) is SchemaMissing
    assert "pgworker migrate" in (refused.hint or "")


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), psycopg.InterfaceError("closed")])
def test_a_connection_that_is_gone_has_no_state_and_passes(error: psycopg.Error) -> None:
    assert isinstance(translate(error), DatabaseUnavailable)


@pytest.mark.parametrize("error", [psycopg.ProgrammingError("odd"), psycopg.DataError("odd")])
def test_what_the_driver_refuses_does_not_pass(error: psycopg.Error) -> None:
    assert not is_transient(error)
    assert isinstance(translate(error), StoreRefused)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("PW001", StoreRefused),
        ("PW002", NotFound),
        ("PW003", Conflict),
        ("PW004", Conflict),
        ("PW005", WorkflowFailed),
        ("PW006", WorkflowFailed),
        ("PW007", WaitTimedOut),
        ("PW008", TurnOvertaken),
    ],
)
def test_our_own_states_are_our_own_exceptions(state: str, expected: type[PgworkerError]) -> None:
    error = psycopg.DatabaseError("told by a function")
    error.sqlstate = state
    assert type(translate(error)) is expected
    assert not is_transient(error)
