"""What the database's errors mean to us: each SQLSTATE becomes one of our exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import psycopg

from pgworker.errors import (
    Conflict,
    DatabaseUnavailable,
    NotFound,
    PgworkerError,
    StoreRefused,
    WaitTimedOut,
    WorkflowFailed,
)

_TRANSIENT_CLASSES = ("08", "40", "53", "55", "57", "58", "F0", "XX")
"""Connections, rollbacks, resources, locks, operators' interventions, the system, its configuration, its
inner troubles and damaged files: all of them pass, or are mended without the workflows' doing."""

_TRANSIENT = frozenset({"25006", "25P03", "25P04", "26000", "42P05", "72000"})
"""A primary that became read-only, time-outs of idle or long transactions, prepared statements that went with
another connection or were left on this one, a snapshot that was kept for too long."""

_FULL_QUEUE = "54000", "PreCommit_Notify"
"""The queue of notifications is full: the limit that is exceeded has nothing to do with any value."""

_OUTDATED_PLAN = "0A000", "RevalidateCachedQuery"
"""What was prepared gives other columns since a migration; a new connection prepares it anew."""

_SCHEMA = frozenset({"42883", "42P01", "42703", "3F000"})
"""Functions, tables, columns and schemas that are not there."""

_LOCK_TIMED_OUT = "55P03"
"""A lock was not to be had within the time for it."""

_FORBIDDEN = "42501"
"""The login lacks a right."""

_VALUES_CLASSES = ("22", "23", "54")
"""Data, integrity, and limits such as the longest text that an index takes: it is the values' fault."""


class TurnOvertaken(PgworkerError):
    """A workflow was not where the turn found it; the turn was not committed."""


class Occupied(DatabaseUnavailable):
    """Another transaction kept for too long what a call had to lock; it may end any moment, or in hours."""


class SchemaMissing(StoreRefused):
    """The schema, or something in it, is not what this version works with: it is no workflow's fault."""


class ValueRejected(StoreRefused):
    """The database could not take a value in; which workflow's it was is not known."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises our exceptions in place of the driver's."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error
    except UnicodeEncodeError as error:
        raise ValueRejected(
            f"a text holds half a character, {error.object[error.start]!r}, which no database takes"
        ) from error


def translate(error: psycopg.Error) -> PgworkerError:
    """Our exception for an error of the driver."""
    state = error.sqlstate
    message = (error.diag.message_primary or str(error)).strip()
    hint = error.diag.message_hint
    match state:
        case "PW001":
            return StoreRefused(message, hint=hint)
        case "PW002":
            return NotFound(message, hint=hint)
        case "PW003" | "PW004":
            return Conflict(message, hint=hint)
        case "PW005" | "PW006":
            detail = error.diag.message_detail
            problem = orjson.loads(detail) if detail else None
            return WorkflowFailed(message, problem, cancelled=state == "PW006")
        case "PW007":
            return WaitTimedOut(message, hint=hint)
        case "PW008":
            return TurnOvertaken(message)
        case _:
            return _unnamed(error, message)


def _unnamed(error: psycopg.Error, message: str) -> PgworkerError:
    hint = error.diag.message_hint
    if error.sqlstate == _LOCK_TIMED_OUT:
        return Occupied(_connection_message(message))
    if is_transient(error):
        return DatabaseUnavailable(_connection_message(message))
    if error.sqlstate in _SCHEMA:
        return SchemaMissing(
            message,
            hint="The database is not prepared for this version: run `pgworker migrate`, or use the version"
            " that migrated it.",
        )
    if error.sqlstate == _FORBIDDEN:
        return StoreRefused(
            f"{message} (SQLSTATE {_FORBIDDEN})",
            hint="Grant this login the role that it takes: pgworker_client to start and steer workflows,"
            " pgworker_reader to read them, pgworker_worker to work.",
        )
    if (error.sqlstate or "")[:2] in _VALUES_CLASSES:
        return ValueRejected(message, hint=hint)
    return StoreRefused(f"{message} (SQLSTATE {error.sqlstate})", hint=hint)


def is_transient(error: psycopg.Error) -> bool:
    """Whether the same call may succeed later, perhaps on a new connection."""
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if state[:2] in _TRANSIENT_CLASSES or state in _TRANSIENT:
        return True
    return (state, error.diag.source_function) in (_FULL_QUEUE, _OUTDATED_PLAN)


def is_outdated(error: psycopg.Error) -> bool:
    """Whether a connection has prepared what a migration has changed since; it would go on to refuse it."""
    return (error.sqlstate, error.diag.source_function) == _OUTDATED_PLAN


def _connection_message(message: str) -> str:
    return f"the database cannot be used now: {message}"
