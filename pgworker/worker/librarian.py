"""The librarian: loads what definitions refer to outside of themselves, while their workflows wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pgworker.activities.resources import ResourceLoader
from pgworker.dsl.v1_0.names import Wanted
from pgworker.errors import (
    DatabaseUnavailable,
    DocumentError,
    Fault,
    Problem,
    StoreRefused,
    ValueRefused,
)
from pgworker.store.resources import StoredResources
from pgworker.telemetry import log
from pgworker.types import JsonValue
from pgworker.values import canonical
from pgworker.worker.plans import DefinitionKey, Incomplete, PlanCache

_TRIES = 3
_PAUSE_SECONDS = 0.5
_REMEMBER_SECONDS = 30.0
"""How long a definition is taken for broken of which something could not be loaded."""


class Librarian:
    """Completes definitions in a cache of plans; calls ``loaded`` whenever there is something new in it."""

    def __init__(
        self,
        loader: ResourceLoader,
        store: StoredResources,
        plans: PlanCache,
        loaded: Callable[[], None],
    ) -> None:
        self._loader = loader
        self._store = store
        self._plans = plans
        self._loaded = loaded
        self._loading: dict[DefinitionKey, asyncio.Task[None]] = {}

    def complete(self, key: DefinitionKey, incomplete: Incomplete) -> None:
        """Begins to load what a definition wants; does nothing if that is under way."""
        if key not in self._loading:
            task = asyncio.create_task(self._complete(key, incomplete))
            self._loading[key] = task
            task.add_done_callback(lambda _: self._loading.pop(key, None))

    async def _complete(self, key: DefinitionKey, incomplete: Incomplete) -> None:
        contents: dict[str, JsonValue] = {}
        try:
            for wanted in incomplete.wanted:
                contents[wanted.uri] = canonical(await self._load(wanted))
            await self._store.keep(key, contents)
            self._plans.forget(key)  # what another worker has kept counts more than what was loaded here
        except (Fault, StoreRefused, ValueRefused) as error:
            log.warning("a definition cannot be completed", definition="/".join(key), reason=error.message)
            problem = Problem("", f"something that the document refers to cannot be had: {error.message}")
            self._plans.put(key, DocumentError([problem]))
            asyncio.get_running_loop().call_later(_REMEMBER_SECONDS, self._plans.forget, key)
        except DatabaseUnavailable as error:
            reason = error.message
            log.warning("a definition cannot be completed now", definition="/".join(key), reason=reason)
            self._plans.forget(key)
        except Exception:
            # Whatever it is, it is tried again: else the definition's workflows would wait for ever.
            log.exception("completing a definition broke", definition="/".join(key))
            await asyncio.sleep(_PAUSE_SECONDS)
            self._plans.forget(key)
        self._loaded()

    async def _load(self, wanted: Wanted) -> JsonValue:
        for attempt in range(1, _TRIES):
            try:
                return await self._loader.load(wanted.uri, wanted.authentication)
            except Fault:
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
        return await self._loader.load(wanted.uri, wanted.authentication)
