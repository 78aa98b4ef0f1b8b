"""version_order: versions sort as semantic versioning orders them."""

from __future__ import annotations

import random

import psycopg
import pytest

from tests.support.workflows import define, start, workflow

IN_ORDER = [
    "0.9.0",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-11",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.1.1",
    "1.0.0-alpha.beta",
    "1.0.0-alpha-x",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
    "10.0.0",
    "20261123.0.0",
]


def _sorted(connection: psycopg.Connection, versions: list[str]) -> list[str]:
    rows = connection.execute(
        'select v from unnest(%s::text[]) v order by pgworker.version_order(v) collate "C"', [versions]
    )
    return [version for (version,) in rows]


def test_versions_sort_as_semantic_versioning_says(connection: psycopg.Connection) -> None:
    shuffled = random.Random(1).sample(IN_ORDER, len(IN_ORDER))
    assert _sorted(connection, shuffled) == IN_ORDER


@pytest.mark.parametrize(("one", "same"), [("1", "1.0.0"), ("1.2", "1.2.0"), ("1.0.0+build.7", "1.0.0")])
def test_what_makes_no_difference_sorts_alike(connection: psycopg.Connection, one: str, same: str) -> None:
    row = connection.execute(
        "select pgworker.version_order(%s) = pgworker.version_order(%s)", [one, same]
    ).fetchone()
    assert row == (True,)


def test_any_text_is_a_version(connection: psycopg.Connection) -> None:
    assert _sorted(connection, ["b", "a", "v2", "1" * 40]) == ["1" * 40, "a", "b", "v2"]


def test_the_newest_version_is_started_whatever_was_defined_last(connection: psycopg.Connection) -> None:
    for version in ("1.10.0", "1.9.0", "2.0.0-rc.1"):
        define(connection, version=version)
    assert workflow(connection, start(connection))["version"] == "2.0.0-rc.1"
    define(connection, version="2.0.0")
    define(connection, version="1.0.0")
    assert workflow(connection, start(connection))["version"] == "2.0.0"
    assert workflow(connection, start(connection, version="latest"))["version"] == "2.0.0"
    assert workflow(connection, start(connection, version="1.9.0"))["version"] == "1.9.0"


def test_a_workflow_keeps_the_version_that_it_was_started_with(connection: psycopg.Connection) -> None:
    define(connection, version="1.0.0")
    started = start(connection)
    define(connection, version="2.0.0")
    assert workflow(connection, started)["version"] == "1.0.0"
