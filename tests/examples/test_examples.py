"""The example documents compile, run, and end with what they promise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from aiohttp import ClientSession
from psycopg.types.json import Jsonb

from examples.shop import STOCK, Shop
from pgworker.dsl.compile import compile_document
from pgworker.dsl.load import load
from pgworker.engine import events
from pgworker.engine.decide import decide
from pgworker.engine.events import Event
from pgworker.engine.evolve import replay
from pgworker.engine.inputs import TimerDue
from pgworker.engine.state import State, Status
from pgworker.settings import Settings
from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from pgworker.types import JsonObject, JsonValue
from pgworker.worker.service import serve
from tests.support.serving import serving

EXAMPLES = Path(__file__).parents[2] / "examples"
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def test_every_document_compiles_without_a_warning_under_its_own_name() -> None:
    documents = sorted(EXAMPLES.glob("*.yaml"))
    assert len(documents) >= 5
    for path in documents:
        compiled = compile_document(load(path.read_bytes(), path.name))
        assert compiled.warnings == ()
        assert compiled.plan.name == path.stem


@pytest.mark.parametrize(
    ("name", "given", "output"),
    [
        ("hello", {"name": "Ada"}, {"greeting": "Hello, Ada!"}),
        ("hello", {}, {"greeting": "Hello, world!"}),
        ("countdown", {"from": 2}, {"said": [2, 1, "lift-off"]}),
        ("countdown", {}, {"said": [3, 2, 1, "lift-off"]}),
        (
            "loop",
            {},
            {
                "taken": [{"place": 0, "number": 3}, {"place": 1, "number": 4}, {"place": 2, "number": 5}],
                "total": 12,
            },
        ),
        ("loop", {"numbers": [], "limit": 5}, {"taken": [], "total": 0}),
        ("long-wait", {"question": "Tea?"}, {"answer": "Tea? Yes."}),
    ],
)
def test_an_example_ends_with_its_output(name: str, given: JsonObject, output: JsonValue) -> None:
    assert _run(name, given).output == output


def test_a_name_that_is_no_text_is_refused_by_the_schema() -> None:
    error = _run("hello", {"name": 7}).error
    assert error is not None
    assert str(error["type"]).endswith("/validation")


def test_the_long_wait_is_due_after_thirty_days() -> None:
    state = _begun({})
    plan = compile_document(load((EXAMPLES / "long-wait.yaml").read_bytes())).plan
    record = decide("w", plan, state, NOON)
    timers = [event for event in record.events if event.type == events.TIMER_SET]
    assert [event.data["due_at"] for event in timers] == [(NOON + timedelta(days=30)).isoformat()]


async def test_an_order_is_reserved_paid_and_shipped_once(database_url: str) -> None:
    async with _shop() as (shop, url), _worker(database_url):
        status, output, _ = await _order(database_url, url, [("book", 2), ("pen", 3)])
    assert status == "COMPLETED"
    assert output == {"paid": 30, "payment": 3, "tracking": "T000004"}
    assert shop.effects == [
        "reserved 2 of book",
        "reserved 3 of pen",
        "charged Ada 30",
        "shipped [1, 2] to Ada",
    ]


async def test_an_order_of_more_than_there_is_fails_before_it_is_charged(database_url: str) -> None:
    async with _shop() as (shop, url), _worker(database_url):
        status, _, error = await _order(database_url, url, [("pen", 1), ("lamp", 1)])
    assert status == "FAILED"
    assert isinstance(error, dict)
    assert error["type"] == "https://example.com/errors/out-of-stock"
    assert error["detail"] == "1 of lamp were ordered, and 0 are left"
    assert shop.effects == ["reserved 1 of pen"]


async def test_the_shop_does_nothing_twice_for_one_key() -> None:
    async with _shop() as (shop, url), ClientSession(url) as session:
        asked = {"json": {"sku": "book", "quantity": 1}, "headers": {"Idempotency-Key": "k"}}
        answers = []
        for _ in range(2):
            async with session.post("/reservations", **asked) as response:
                answers.append((response.status, await response.json()))
        async with session.post("/payments", **asked) as response:
            assert response.status == 422
        async with session.get("/stock/book") as response:
            left = (await response.json())["available"]
    assert answers[0] == answers[1]
    assert left == STOCK["book"][0] - 1
    assert shop.effects == ["reserved 1 of book"]


def _begun(given: JsonObject) -> State:
    return replay([Event(1, events.WORKFLOW_STARTED, None, {"input": given}, NOON)])


def _run(name: str, given: JsonObject) -> State:
    """The state at the end of a workflow that needs nothing but time."""
    plan = compile_document(load((EXAMPLES / f"{name}.yaml").read_bytes(), name)).plan
    state = _begun(given)
    decide("w", plan, state, NOON)
    while not state.status.is_terminal:
        timers = list(state.timers)
        assert timers, "the workflow waits for something other than time"
        decide("w", plan, state, NOON, inputs=[TimerDue(timer) for timer in timers])
    assert state.status in (Status.COMPLETED, Status.FAILED)
    return state


@asynccontextmanager
async def _shop() -> AsyncIterator[tuple[Shop, str]]:
    shop = Shop(lambda effect: None)
    async with serving(shop.application()) as port:
        yield shop, f"http://127.0.0.1:{port}"


@asynccontextmanager
async def _worker(database_url: str) -> AsyncIterator[None]:
    settings = Settings(database_url=database_url, http_allow_private="127.0.0.0/8", poll_seconds=0.2)
    await asyncio.to_thread(migrate, Database(settings.database, settings.db_schema))
    stop = asyncio.Event()
    worker = asyncio.create_task(serve(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await worker


async def _order(
    database_url: str, shop: str, items: list[tuple[str, int]]
) -> tuple[str, JsonValue, JsonValue]:
    """Starts an order and waits for its end: status, output and error."""
    document = load((EXAMPLES / "order.yaml").read_bytes()).value
    given = {"shop": shop, "customer": "Ada", "items": [{"sku": sku, "quantity": n} for sku, n in items]}
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("select pgworker.define_workflow(%s)", [Jsonb(document)])
        cursor = await connection.execute("select pgworker.start_workflow('order', %s)", [Jsonb(given)])
        (workflow_id,) = await cursor.fetchone() or (None,)
        async with asyncio.timeout(20):
            while True:
                cursor = await connection.execute(
                    "select status, output, error from pgworker.workflows where id = %s", [workflow_id]
                )
                status, output, error = await cursor.fetchone() or ("", None, None)
                if status in ("COMPLETED", "FAILED", "CANCELLED"):
                    return status, output, error
                await asyncio.sleep(0.02)
