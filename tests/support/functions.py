"""Python functions that documents of tests call: `PGWORKER_FUNCTIONS=tests.support.functions`."""

from __future__ import annotations

import asyncio
import os
import time
import urllib.request
from pathlib import Path

from pgworker import Worker, current_call
from pgworker.errors import Fault, FaultKind

worker = Worker()


def note(place: str, text: str) -> None:
    """One more line in a file, whole."""
    with Path(place).open("a") as file:
        file.write(f"{text}\n")


@worker.function("score")
async def score(customer: str, amount: int = 10) -> dict[str, object]:
    """A number for a customer."""
    return {"customer": customer, "score": amount % 7}


@worker.function("identify")
def identify() -> dict[str, object]:
    """What a function knows of its call, and where it runs."""
    call = current_call()
    return {
        "function": call.function,
        "workflow": call.workflow_id,
        "key": call.idempotency_key,
        "attempt": call.attempt,
        "pid": os.getpid(),
    }


@worker.function("first-hangs")
async def first_hangs(begun: str) -> int:
    """Never ends at the first attempt."""
    note(begun, f"{os.getpid()} {current_call().idempotency_key}")
    if current_call().attempt == 1:
        await asyncio.sleep(600)
    return current_call().attempt


@worker.function("linger")
async def linger(begun: str) -> None:
    """Takes an hour, and tells if it is cancelled."""
    note(begun, "begun")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        note(begun, "cancelled")
        raise


@worker.function("block")
def block(until: str) -> str:
    """Blocks its thread until there is a file."""
    while not Path(until).exists():
        time.sleep(0.02)
    return "done"


@worker.function("block-loop")
async def block_loop() -> None:
    """Blocks the whole process, as no coroutine should."""
    time.sleep(3600)  # noqa: ASYNC251 - that is what it is for


@worker.function("raise")
def raise_(how: str, said: str = "no such customer") -> None:
    """Raises something."""
    match how:
        case "value":
            raise ValueError(said)
        case "exit":
            raise SystemExit(3)
        case "problem":
            raise Fault(FaultKind.AUTHORIZATION, said, status=418, title="Teapot")


@worker.function("give")
async def give(what: str) -> object:
    """Returns something that is no JSON."""
    return {"set": {"found": [{1}]}, "nan": {"found": float("nan")}, "bytes": b"x"}[what]


@worker.function("repeat")
def repeat(text: str) -> str:
    """Returns what it was given, and says it in an error if that is long."""
    if len(text) > 30:
        raise ValueError(f"too long: {text}")
    return text


@worker.function("much")
def much(rows: int, letters: int) -> list[str]:
    """Returns so many texts of so many letters."""
    return ["x" * letters] * rows


@worker.function("tell")
def tell(url: str, activity: str) -> int:
    """Calls a service as a worker does, by the key of its own call."""
    headers = {"Idempotency-Key": current_call().idempotency_key, "X-Activity": activity}
    with urllib.request.urlopen(urllib.request.Request(url, b"", headers)) as answer:
        return answer.status
