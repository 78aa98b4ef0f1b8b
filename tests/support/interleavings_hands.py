"""Hands: connections that may each be in the middle of a transaction, or wait for a lock of another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg

from tests.support.interleavings_model import Key, Model
from tests.support.turns import Turns, make_known

Step = Callable[[], Any]
Then = Callable[[Any], None]
Effect = Callable[[Model], None]

_STUCK_SECONDS = 60.0
_LOOK_SECONDS = 0.004


@dataclass
class Transaction:
    """What is open on a hand: whose part it plays, what is still to be sent, and what a commit changes."""

    role: str
    todo: list[tuple[str, Step, Then]] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    claimed: Any = None
    rank: tuple[int, str] = (0, "")
    keys: dict[str, str] = field(default_factory=dict)


class Hand:
    """A connection, the worker that it stands for, and the statement that it may be waiting for."""

    def __init__(self, place: int, connect: Callable[[], psycopg.Connection]) -> None:
        self.worker = f"hand-{place}"
        self._connect = connect
        self._thread = ThreadPoolExecutor(1)
        self.open()

    def open(self) -> None:
        """A new connection, with no past."""
        self.connection = self._connect()
        self.connection.execute("set deadlock_timeout = '40ms'")
        self.pid = self.connection.info.backend_pid
        self.begin_anew()

    def begin_anew(self) -> None:
        """A worker that knows nothing."""
        self.session = str(uuid4())
        self.turns = Turns(self.connection, self.worker, self.session, lease="1 hour")
        self.transaction: Transaction | None = None
        self.leases: dict[Key, str] = {}
        self.waiting: tuple[str, Future[Any], Then] | None = None
        make_known(self.connection, self.worker)

    @property
    def opened(self) -> Transaction:
        """The transaction that is open."""
        assert self.transaction is not None
        return self.transaction

    def within(self, step: Step) -> Step:
        """The step, which begins the transaction if it is the first."""

        def begin_and_do() -> Any:
            if not self.connection.info.transaction_status:
                self.connection.execute("begin")
            return step()

        return begin_and_do

    def ask(self, name: str, step: Step, then: Then) -> None:
        """Sends a statement from a thread, as it may have to wait for a lock."""
        assert self.waiting is None
        self.waiting = (name, self._thread.submit(step), then)

    def take(self) -> None:
        """Takes the answer in. Any error is a failure, a deadlock above all, or an overtaken turn."""
        assert self.waiting is not None
        (name, future, then), self.waiting = self.waiting, None
        error = future.exception()
        if isinstance(error, psycopg.Error) and error.sqlstate == "PW004":
            self.turns.rollback()  # the workflow has ended: the transaction is over, too
            self.transaction = None
            return
        assert error is None, f"{name} of {self.worker}: {error}"
        then(future.result())

    def drop(self) -> None:
        """Forgets a connection that was ended from outside, and opens another."""
        if self.waiting is not None:
            wait([self.waiting[1]])
            self.waiting = None
        self.connection.close()
        self.open()

    def close(self) -> None:
        """The end."""
        self._thread.shutdown()
        self.connection.close()


def settle(hands: Sequence[Hand], probe: psycopg.Connection) -> None:
    """Lets statements run until each has been answered, or waits for somebody who has nothing to send.

    Those who wait in a circle are let be until the database ends one of them.
    """
    began = monotonic()
    while busy := [hand for hand in hands if hand.waiting is not None]:
        futures = [hand.waiting[1] for hand in busy if hand.waiting is not None]
        if wait(futures, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED).done:
            for hand in busy:
                if hand.waiting is not None and hand.waiting[1].done():
                    hand.take()
        elif _all_wait_for_the_idle([hand.pid for hand in busy], probe):
            return
        assert monotonic() - began < _STUCK_SECONDS, f"{busy[0].waiting} never comes back"


def _all_wait_for_the_idle(pids: Sequence[int], probe: psycopg.Connection) -> bool:
    rows = probe.execute("select p, pg_blocking_pids(p) from unnest(%s::integer[]) p", [list(pids)])
    blockers: dict[int, list[int]] = dict(rows.fetchall())
    waiting = set(pids)
    while waiting:
        free = {pid for pid in waiting if blockers[pid] and not waiting.intersection(blockers[pid])}
        if not free:
            return False  # somebody runs, or they wait in a circle
        waiting -= free
    return True
