"""What is imported when it is first used: the packages that only some calls need."""

from __future__ import annotations

import asyncio
import importlib
import sys

from pgworker.errors import Fault, FaultKind


async def ready(module: str, extra: str, call: str) -> None:
    """Imports a module of ours that needs the packages of an extra, beside the event loop.

    Raises ``Fault`` (configuration) that names the extra if they are not there.
    """
    if module in sys.modules:
        return
    try:
        await asyncio.to_thread(importlib.import_module, module)
    except ModuleNotFoundError as error:
        raise Fault(
            FaultKind.CONFIGURATION,
            f"this worker cannot perform `call: {call}`: the package {error.name} is not installed; "
            f"the extra `{extra}` of pgworker-engine brings it",
        ) from error
