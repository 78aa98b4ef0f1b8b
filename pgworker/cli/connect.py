"""Which database a command talks to, and with which settings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pgworker.client import Client
    from pgworker.settings import Settings

T = TypeVar("T")


def load_settings() -> Settings:
    """The settings of this environment; raises ``SettingsError``."""
    from pgworker.settings import Settings

    return Settings.load()


def ask(question: Callable[[Client], Awaitable[T]]) -> T:
    """What the question gets from a client of the database in the settings."""
    from pgworker.client import Client

    async def asking() -> T:
        async with Client() as client:
            return await question(client)

    load_settings()  # a wrong one is told before anything is tried
    return asyncio.run(asking())


@contextmanager
def own_database(settings: Settings) -> Iterator[Settings]:
    """Settings with a prepared database: the one that they name, or else the embedded one.

    A named database that lacks the schema is given it; one whose schema is older is not touched.
    """
    if settings.has_database:
        if not check_schema(settings):
            _migrate(settings)
        yield settings
        return
    from pgworker.store.embedded import default_folder, embedded_database

    with embedded_database(settings.embedded_dir or default_folder()) as url:
        embedded = settings.model_copy(update={"database_url": url, "listen_url": None})
        if _revision(embedded) != _newest_revision():
            _migrate(embedded)
        yield embedded


def check_schema(settings: Settings) -> bool:
    """Whether the schema is there; raises ``StoreRefused`` if it is not the one of this version."""
    from pgworker.errors import StoreRefused

    found = _revision(settings)
    if found and found != (newest := _newest_revision()):
        raise StoreRefused(
            f"the schema {settings.db_schema} is at revision {found}, and this version works with {newest}",
            hint="Run `pgworker migrate`, or use the version that migrated it.",
        )
    return found is not None


def _revision(settings: Settings) -> str | None:
    from pgworker.store.database import Database
    from pgworker.store.readiness import revision

    return asyncio.run(revision(Database(settings.database, settings.db_schema)))


def _newest_revision() -> str:
    from pgworker.store.readiness import newest_revision

    return newest_revision()


def _migrate(settings: Settings) -> None:
    from pgworker.store.database import Database
    from pgworker.store.migrations import migrate

    migrate(Database(settings.database, settings.db_schema))
