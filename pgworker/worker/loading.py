"""Loading: finds the workers' functions in modules of the user's own."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from pgworker.activities.functions.library import Functions
from pgworker.errors import FunctionRefused, PgworkerError, SettingsError
from pgworker.worker.worker import LOADING, Worker


def load_functions(places: str) -> Functions:
    """The functions of all places, a list of ``module`` or ``module:attribute`` separated by commas.

    An attribute is a ``Worker``; without one all workers of the module count. Modules are looked for in the
    working directory, too. Raises ``SettingsError`` that names the place.
    """
    functions = Functions()
    for place in filter(None, (part.strip() for part in places.split(","))):
        for worker in _workers(place):
            try:
                functions.update(worker.functions)
            except FunctionRefused as error:
                raise _wrong(place, error.message) from error
    return functions


def _workers(place: str) -> list[Worker]:
    name, _, attribute = place.partition(":")
    module = _imported(place, name)
    if attribute:
        worker = getattr(module, attribute, None)
        if not isinstance(worker, Worker):
            raise _wrong(place, f"the module {name} has no Worker called {attribute}")
        return [worker]
    found = {id(value): value for value in vars(module).values() if isinstance(value, Worker)}
    if not found:
        raise _wrong(place, f"the module {name} has no Worker, such as `worker = pgworker.Worker()`")
    return list(found.values())


def _imported(place: str, name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    token = LOADING.set(True)
    try:
        return importlib.import_module(name)
    except PgworkerError as error:
        raise SettingsError(f"{place} cannot be loaded: {error.message}", hint=error.hint) from error
    except Exception as error:  # it is the user's module: whatever it raises is told to the user
        raise _wrong(place, f"{type(error).__name__}: {error}") from error
    finally:
        LOADING.reset(token)


def _wrong(place: str, reason: str) -> SettingsError:
    return SettingsError(
        f"{place} cannot be loaded: {reason}",
        hint="--functions and PGWORKER_FUNCTIONS are MODULE or MODULE:WORKER, as Python finds it from here.",
    )
