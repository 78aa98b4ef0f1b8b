"""What is imported when it is first used: the packages that only some calls need."""

from __future__ import annotations

import asyncio
import importlib

from pgworker.errors import Fault, FaultKind

_READY: set[str] = set()
"""Modules that are wholly imported; `sys.modules` has them sooner."""


async def ready(module: str, extra: str, call: str) -> None:
    """Imports a module of ours that needs the packages of an extra, beside the event loop.

    Raises ``Fault`` (configuration) that names the extra if they are not there.
    """
    if module in _READY:
        return
    try:
        await asyncio.to_thread(importlib.import_module, module)
    except ImportError as error:
        raise Fault(
            FaultKind.CONFIGURATION,
            f"this worker cannot perform `call: {call}`: {error.name or 'a package'} is not installed as it "
            f"is needed; the extra `{extra}` of pgworker-engine brings it",
        ) from error
    _READY.add(module)
