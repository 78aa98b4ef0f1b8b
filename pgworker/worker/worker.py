"""A worker with Python functions of the user's own, as a program of theirs runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from pgworker.activities.functions.library import Functions
from pgworker.errors import DatabaseUnavailable, PgworkerError, SettingsError
from pgworker.settings import Settings
from pgworker.store.database import Database
from pgworker.store.readiness import check_prepared
from pgworker.telemetry import configure_logging, log
from pgworker.worker.memory import limit_memory
from pgworker.worker.service import serve
from pgworker.worker.stopping import asked_to_stop

F = TypeVar("F", bound=Callable[..., object])

LOADING: ContextVar[bool] = ContextVar("loading", default=False)
"""Whether a module is imported only for the functions in it."""


class Worker:
    """Python functions, and a worker that performs them beside all else.

    Without ``settings`` those of the environment count, as they are when it begins to work.

    >>> worker = Worker()
    >>> @worker.function("score")
    ... async def score(customer: str, amount: int) -> dict[str, int]:
    ...     return {"score": amount % 100}
    >>> worker.functions.names
    ('score',)
    >>> worker.run()  # doctest: +SKIP
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self.functions = Functions()

    def function(self, name: str) -> Callable[[F], F]:
        """Registers the function below it: documents call it as ``call: NAME``, arguments by name.

        A coroutine function runs on the worker's loop, any other in a thread of its own. Raises
        ``FunctionRefused`` for a name or a signature that no call can have.
        """

        def register(function: F) -> F:
            self.functions.add(name, function)
            return function

        return register

    def run(self) -> None:
        """Works in this process until SIGTERM or SIGINT, then finishes what is under way or gives it back.

        A second signal ends the process at once. Raises ``SettingsError``, and ``StoreRefused`` for a
        database without the schema.
        """
        if LOADING.get():
            raise PgworkerError(
                "the module runs its worker as it is imported",
                hint='Put `worker.run()` below `if __name__ == "__main__":`.',
            )
        settings = self._settings or Settings.load()
        if settings.processes > 1:
            raise SettingsError(
                f"PGWORKER_PROCESSES is {settings.processes}, and this program is one process",
                hint="Run several by `pgworker worker --functions MODULE`, where MODULE is this program.",
            )
        configure_logging(settings.log_level, settings.log_format)
        limit_memory(settings.memory_megabytes)
        asyncio.run(self._run(settings))

    async def serve(self, stop: asyncio.Event) -> None:
        """Works inside a running loop until ``stop`` is set; raises what ``run`` does."""
        settings = self._settings or Settings.load()
        try:
            await check_prepared(Database(settings.database, settings.db_schema))
        except DatabaseUnavailable as error:
            log.warning("the database is not there yet", reason=error.message)
        await serve(settings, stop, functions=self.functions)

    async def _run(self, settings: Settings) -> None:
        self._settings = settings
        with asked_to_stop() as stop:
            await self.serve(stop.event)
