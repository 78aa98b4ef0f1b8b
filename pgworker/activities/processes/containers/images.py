"""Images: there, or pulled as the pull policy says."""

from __future__ import annotations

import orjson

from pgworker.activities.media import printable
from pgworker.activities.processes.containers.engine import Engine, EngineRefused
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue


async def provide(engine: Engine, image: str, pull_policy: JsonValue) -> JsonObject:
    """The configuration of an image that is there afterwards.

    Raises ``Fault``: configuration if it is not there and must not be pulled, communication if it cannot be.
    """
    found = None if pull_policy == "always" else await _inspect(engine, image)
    if found is None and pull_policy == "never":
        raise Fault(
            FaultKind.CONFIGURATION, f"there is no image {image[:200]!r} here, and `pullPolicy` is never"
        )
    if found is None:
        await _pull(engine, image)
        found = await _inspect(engine, image)
    if found is None:
        raise Fault(FaultKind.COMMUNICATION, f"the image {image[:200]!r} was pulled, and is not there")
    return found


async def _inspect(engine: Engine, image: str) -> JsonObject | None:
    try:
        answer = await engine.ask("GET", f"/images/{image}/json")
    except EngineRefused as refused:
        if refused.status == 404:
            return None
        raise refused.fault() from refused
    config = answer.get("Config") if isinstance(answer, dict) else None
    return config if isinstance(config, dict) else {}


async def _pull(engine: Engine, image: str) -> None:
    """The engine tells its progress, and what goes wrong after its first words, in lines of JSON."""
    query = {"fromImage": image} if _is_exact(image) else {"fromImage": image, "tag": "latest"}
    try:
        async with engine.stream("POST", "/images/create", query) as response:
            async for line in response.content:
                told = orjson.loads(line) if line.strip() else None
                if isinstance(told, dict) and "error" in told:
                    raise Fault(
                        FaultKind.COMMUNICATION,
                        f"the image {image[:200]!r} cannot be pulled: {printable(str(told['error']))}",
                    )
    except EngineRefused as refused:
        raise Fault(
            FaultKind.COMMUNICATION,
            f"the image {image[:200]!r} cannot be pulled: {refused.message}",
            status=refused.status,
        ) from refused


def _is_exact(image: str) -> bool:
    """Whether a tag or digest is given; without one the engine would pull every tag."""
    return "@" in image or ":" in image.rpartition("/")[2]
