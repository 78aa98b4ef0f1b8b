"""``pgworker doctor``: what keeps an installation from working, one line a finding."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from pgworker.cli.connect import load_settings
from pgworker.cli.operate import write_rows
from pgworker.cli.output import OutputOption
from pgworker.errors import PgworkerError
from pgworker.findings import finding

if TYPE_CHECKING:
    from pgworker.settings import Settings
    from pgworker.store.operations import Row


def doctor(output: OutputOption = None) -> None:
    """Look for what keeps pgworker from working; the exit code is 1 if anything is bad."""
    findings = list(_findings())
    write_rows(findings, ("topic", "state", "value", "advice"), output)
    if any(found["state"] == "bad" for found in findings):
        raise typer.Exit(1)


def _findings() -> Sequence[Row]:
    try:
        settings = load_settings()
    except PgworkerError as error:
        return [_bad("settings", error)]
    from pgworker.client.health import schema_version

    found = [_settings(settings)]
    try:
        server, revision, newest = asyncio.run(_database(settings))
    except PgworkerError as error:
        return [*found, _bad("database", error)]
    found.append(_server(server))
    schema = schema_version(revision, newest)
    if schema["state"] == "bad":
        return [*found, schema]
    return [*found, asyncio.run(_listening(settings)), *asyncio.run(_health(settings))]


async def _database(settings: Settings) -> tuple[int, str | None, str]:
    from pgworker.store.database import Database
    from pgworker.store.readiness import newest_revision, revision, server_version

    database = Database(settings.database, settings.db_schema)
    return await server_version(database), await revision(database), newest_revision()


def _settings(settings: Settings) -> Row:
    strangers = type(settings).strangers(os.environ)
    if not strangers:
        return finding("settings", "ok", f"schema {settings.db_schema}")
    meant = [f"did you mean {name}?" for name in strangers.values() if name]
    return finding(
        "settings",
        "warning",
        f"unknown: {', '.join(strangers)}",
        " ".join(meant) or "see the list of settings",
    )


def _server(version: int) -> Row:
    shown = f"{version // 10000}.{version % 10000}"
    if version < 150000:
        return finding("server", "bad", f"PostgreSQL {shown}", "PostgreSQL 15 or newer is needed")
    return finding("server", "ok", f"PostgreSQL {shown}")


async def _listening(settings: Settings) -> Row:
    from pgworker.store.database import Database
    from pgworker.store.listening import NotHeard, prove_listening

    database = Database(settings.database, settings.db_schema, settings.listen_url)
    try:
        await prove_listening(database)
    except NotHeard as error:
        return finding("notifications", "warning", error.message, error.hint)
    except PgworkerError as error:
        return _bad("notifications", error)
    return finding("notifications", "ok", "workers can listen")


async def _health(settings: Settings) -> Sequence[Row]:
    from pgworker.client import Client

    async with Client(settings.database, settings.db_schema) as client:
        return await client.health()


def _bad(topic: str, error: PgworkerError) -> Row:
    return finding(topic, "bad", error.message, error.hint)
