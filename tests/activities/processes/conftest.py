"""Whoever runs processes, with limits that a test reaches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from pgworker.activities.policy import HttpPolicy
from pgworker.activities.processes.policy import ProcessPolicy
from pgworker.activities.registry import Activities
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault
from pgworker.types import JsonObject, JsonValue
from tests.support.containers.engine import FakeEngine

OUTPUT_BYTES = 10_000
GRACE = 0.5


class Run:
    """Runs a process by its kind and arguments."""

    def __init__(self, activities: Activities, key: str = "w:7") -> None:
        self.activities = activities
        self.key = key

    async def __call__(
        self, kind: str, returns: str = "stdout", *, waits: bool = True, **process: JsonValue
    ) -> JsonValue:
        arguments: JsonObject = {**process, "await": waits, "return": returns}
        return await self.activities.perform(kind, arguments, idempotency_key=self.key)

    async def shell(self, command: str, returns: str = "stdout", **process: JsonValue) -> JsonValue:
        """Runs a shell command."""
        return await self("shell", returns, command=command, **process)

    async def fault(self, kind: str, returns: str = "stdout", **process: JsonValue) -> Fault:
        """The fault that running it raises."""
        with pytest.raises(Fault) as caught:
            await self(kind, returns, **process)
        return caught.value


OpenRun = Callable[..., Awaitable[Run]]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    async with FakeEngine().open(tmp_path) as engine:
        yield engine


@pytest.fixture
def policy(tmp_path: Path) -> ProcessPolicy:
    return ProcessPolicy(
        frozenset({"shell", "script", "container"}),
        output_bytes=OUTPUT_BYTES,
        grace=GRACE,
        background=2,
        container_host=f"unix://{tmp_path}/engine.sock",
    )


@pytest.fixture
async def run(policy: ProcessPolicy, tmp_path: Path) -> AsyncIterator[Run]:
    secrets = StoredSecrets(environment={"PGWORKER_SECRET_PIN": "secret-of-the-pin"})
    async with Activities(HttpPolicy(), secrets, tmp_path, policy) as activities:
        yield Run(activities)
