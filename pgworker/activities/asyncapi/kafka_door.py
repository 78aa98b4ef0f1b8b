"""The door of a Kafka client: each of its connections is checked as it is made, wherever it leads.

A client is told one broker and asks it where the others are, so the answer to that decides where it connects.
aiokafka makes every connection by one function of its module, which is led through the door here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, TypeVar

from pgworker.activities.asyncapi.broker import client_of, communication, reach_host
from pgworker.activities.policy import HttpPolicy
from pgworker.errors import Fault, FaultKind

if TYPE_CHECKING:
    from aiokafka.conn import AIOKafkaConnection

T = TypeVar("T")

_Make = Callable[..., Awaitable["AIOKafkaConnection"]]


class Door:
    """What a client does goes through it, and fails as soon as one of its connections is refused.

    The client itself would only try elsewhere, again and again.
    """

    def __init__(self, policy: HttpPolicy, *, encrypted: bool) -> None:
        self._policy = policy
        self._encrypted = encrypted
        self._errors = client_of("aiokafka.errors", "kafka")
        self._refused: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
        self._last: str | None = None
        self._context = copy_context()
        self._context.run(_DOOR.set, self)
        _guard()

    @property
    def last(self) -> str | None:
        """Why the last connection that failed did."""
        return self._last

    def begin(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        """Begins something that a client does; all that it begins in turn belongs to this door as well."""
        return asyncio.create_task(work, context=self._context)

    async def settled(self, task: asyncio.Task[T]) -> T:
        """What was begun, once it is done; raises ``Fault`` for a connection that is refused meanwhile."""
        both: list[asyncio.Task[T] | asyncio.Future[Fault]] = [task, self._refused]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if self._refused.done():
            raise self._refused.result()
        return task.result()

    async def through(self, work: Coroutine[None, None, T]) -> T:
        """Does something, or nothing of it any more when it is refused or cancelled."""
        task = self.begin(work)
        try:
            return await self.settled(task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def open(self, make: _Make, host: str, port: int, options: dict[str, object]) -> AIOKafkaConnection:
        """A connection to where a host leads; raises what makes the client try elsewhere."""
        try:
            place = await reach_host(host, port, self._policy, encrypted=self._encrypted)
            async with asyncio.timeout(self._policy.connect_timeout):
                return await make(place.address, place.port, **options | {"ssl_context": place.tls})
        except Fault as fault:
            self._note(fault, is_final=fault.kind is not FaultKind.COMMUNICATION)
            raise OSError(fault.detail) from fault
        except self._errors.KafkaError as error:
            is_login = isinstance(error, self._logins)
            kind = FaultKind.AUTHENTICATION if is_login else FaultKind.COMMUNICATION
            detail = communication(f"the broker {host}:{port}", error).detail
            self._note(Fault(kind, detail), is_final=is_login)
            raise
        except OSError as error:
            # another certificate will not be there the next time, as another broker may be
            is_final = isinstance(error, ssl.SSLCertVerificationError)
            self._note(communication(f"the broker {host}:{port}", error), is_final=is_final)
            raise

    @property
    def _logins(self) -> tuple[type[Exception], ...]:
        """The errors of brokers that do not let one in; others may be there the next time."""
        errors = self._errors
        return (
            errors.SaslAuthenticationFailed,
            errors.AuthenticationFailedError,
            errors.UnsupportedSaslMechanismError,
            errors.IllegalSaslStateError,
        )

    def _note(self, fault: Fault, *, is_final: bool) -> None:
        self._last = fault.detail
        if is_final and not self._refused.done():
            self._refused.set_result(fault)


_DOOR: ContextVar[Door | None] = ContextVar("door", default=None)
"""That of the client that is at work here; None for clients of others, such as a user's functions."""


class _Guarded:
    """Makes connections as the client's own function does, those of our clients by their doors."""

    def __init__(self, make: _Make) -> None:
        self._make = make

    async def __call__(self, host: str, port: int, **options: object) -> AIOKafkaConnection:
        door = _DOOR.get()
        if door is None:
            return await self._make(host, port, **options)
        return await door.open(self._make, host, port, options)


def _guard() -> None:
    module = client_of("aiokafka.client", "kafka")
    if not isinstance(module.create_conn, _Guarded):
        module.__dict__["create_conn"] = _Guarded(module.create_conn)
