"""Packages that only some calls need: missing ones are told by the name of the extra that brings them."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, sys
sys.modules[{missing!r}] = None
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.registry import Activities
from pgworker.errors import Fault

async def main():
    async with Activities(HttpPolicy()) as activities:
        for _ in range(2):
            try:
                await activities.perform({kind!r}, {arguments!r}, idempotency_key="w:7")
            except Fault as fault:
                print(fault.kind, fault.detail)

asyncio.run(main())
"""
SERVICE = {"name": "n", "host": "h"}


@pytest.mark.parametrize(
    ("kind", "missing", "arguments"),
    [
        ("grpc", "grpc", {"proto": {"endpoint": "file://a.proto"}, "service": SERVICE, "method": "m"}),
        (
            "grpc",
            "google.protobuf",
            {"proto": {"endpoint": "file://a.proto"}, "service": SERVICE, "method": "m"},
        ),
        ("mcp", "mcp", {"method": "tools/list", "http": {"endpoint": "https://x"}}),
        ("mcp", "anyio", {"method": "tools/list", "http": {"endpoint": "https://x"}}),
    ],
)
def test_a_call_whose_packages_are_missing_fails_and_names_the_extra(kind, missing, arguments) -> None:
    program = PROGRAM.format(kind=kind, missing=missing, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        assert line.startswith(f"configuration this worker cannot perform `call: {kind}`: {missing}")
        assert f"the extra `{kind}` of pgworker-engine" in line
    assert len(done.stdout.splitlines()) == 2
