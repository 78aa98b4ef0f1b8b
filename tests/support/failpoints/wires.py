"""Failpoints of the database: every call that a worker makes, by the name of the function that it calls.

The driver's connection is wrapped, so what happens is what the driver makes of a real failure. Within a
pipeline everything before a point is brought to the server and carried out first: there, too, each statement
has a before and an after of its own.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakSet

import psycopg
from psycopg import AsyncConnection, AsyncTransaction, pq, sql
from psycopg.conninfo import make_conninfo

from tests.support.failpoints.points import COMMIT, Fault, When
from tests.support.failpoints.trigger import Trigger, cut

_REFUSED = "do $$ begin raise exception 'not now' using errcode = '57014'; end $$"
"""What the server is asked for in place of a call that it is to refuse."""

_OTHERS = {
    "begin": "begin of a turn",
}
_RELATIONS = {"resources": "definition", "definitions": "document of a schedule"}

T = TypeVar("T")


class Wires:
    """The wrapped driver of one process."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._turning: WeakSet[AsyncConnection] = WeakSet()
        self._connect = AsyncConnection.connect.__func__
        self._execute = AsyncConnection.execute
        self._enter = AsyncTransaction.__aenter__
        self._exit = AsyncTransaction.__aexit__

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Stands between whatever runs in this process and the driver, for as long as this lasts."""
        self.install()
        try:
            yield
        finally:
            AsyncConnection.connect = classmethod(self._connect)
            AsyncConnection.execute = self._execute
            AsyncTransaction.__aenter__ = self._enter
            AsyncTransaction.__aexit__ = self._exit

    def install(self) -> None:
        """Puts itself between the worker and the driver."""
        wires = self

        async def connect(cls: Any, conninfo: str = "", **more: Any) -> Any:
            return await wires.connect(cls, conninfo, **more)

        async def execute(connection: Any, query: Any, params: Any = None, **more: Any) -> Any:
            name = wires.name_of(connection, query)
            return await wires.call(
                connection, name, lambda: wires._execute(connection, query, params, **more)
            )

        async def enter(transaction: Any) -> Any:
            connection = transaction.connection
            return await wires.call(connection, "begin of a round", lambda: wires._enter(transaction))

        async def leave(transaction: Any, *error: Any) -> Any:
            return await wires.leave(transaction, *error)

        AsyncConnection.connect = classmethod(connect)
        AsyncConnection.execute = execute
        AsyncTransaction.__aenter__ = enter
        AsyncTransaction.__aexit__ = leave

    async def connect(self, cls: Any, conninfo: str, **more: Any) -> Any:
        """A connection that is watched from then on."""
        name = f"connect the {_role(more.get('application_name'))}"
        turn = self._trigger.enter(name)
        if fault := self._trigger.fault(name, turn, When.BEFORE):
            self._trigger.fire(fault)
            conninfo = make_conninfo(conninfo, port=1)  # where nobody answers
        connection = await self._connect(cls, conninfo, **more)
        self._trigger.connections.add(connection)
        if fault := self._trigger.fault(name, turn, When.AFTER):
            self._trigger.fire(fault)
            cut(connection)
        return connection

    def name_of(self, connection: AsyncConnection, query: sql.Composable | str) -> str:
        """What a statement is called: its function, else what it is for."""
        text = (query.as_string(connection) if isinstance(query, sql.Composable) else query).strip()
        if found := re.search(r'"[^"]+"\.(\w+)', text):
            name = found[1]
            if name == "commit_turn":
                self._turning.add(connection)
            return _RELATIONS.get(name, name)
        if text == "commit":
            if connection not in self._turning:
                return "end of a look"
            self._turning.discard(connection)
            return COMMIT
        if "pg_backend_pid()" in text:
            return f"prepare the {_role(connection.info.get_parameters().get('application_name'))}"
        if text.startswith("show "):
            is_listener = _role(connection.info.get_parameters().get("application_name")) == "listener"
            return "ask the listener" if is_listener else "check a pooled connection"
        return _OTHERS.get(text, text.split(" ")[0])

    async def call(self, connection: AsyncConnection, name: str, carry_out: Callable[[], Awaitable[T]]) -> T:
        """Carries a call out, or has the fault that is due."""
        turn = self._trigger.enter(name)
        if fault := self._trigger.fault(name, turn, When.BEFORE):
            await _settle(connection)
            self._trigger.fire(fault)
            if fault is Fault.REFUSAL:
                return await self._execute(connection, _REFUSED)
            cut(connection)
        result = await carry_out()
        if fault := self._trigger.fault(name, turn, When.AFTER):
            await _settle(connection)
            self._trigger.fire(fault)
            cut(connection)
            if fault is Fault.LOST:
                await self._lose(connection)
        return result

    async def leave(
        self,
        transaction: AsyncTransaction,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """The end of a round's transaction, which is a call of its own if it commits."""
        if kind is not None:
            return await self._exit(transaction, kind, error, trace)
        try:
            return await self.call(
                transaction.connection,
                "commit of a round",
                lambda: self._exit(transaction, None, None, None),
            )
        except psycopg.errors.QueryCanceled as refused:
            await self._exit(transaction, type(refused), refused, refused.__traceback__)
            raise

    async def _lose(self, connection: AsyncConnection) -> None:
        """Raises what the driver raises when the answer does not come: the connection is broken by now."""
        await self._execute(connection, "select 1")
        await _settle(connection)
        raise AssertionError("the connection was to be broken")


def _role(application_name: object) -> str:
    return str(application_name).removeprefix("pgworker ")


async def _settle(connection: AsyncConnection) -> None:
    """Has everything carried out that was sent so far."""
    if connection.info.pipeline_status is not pq.PipelineStatus.OFF:
        async with connection.pipeline():
            pass
