"""The trigger inside of a worker process: it counts the points that are passed, and fires at the one."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from weakref import WeakSet

import psycopg

from tests.support.failpoints.points import FIRED, Failpoint, Fault, When


class Unforeseen(Exception):
    """An error that nobody handles, because nobody can know of it."""


class Trigger:
    """Counts, reports and fires; knows the process's connections to the database."""

    def __init__(self, failpoint: Failpoint) -> None:
        self._failpoint = failpoint
        self._report = os.open(failpoint.report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._passed: Counter[str] = Counter()
        self._fired = False
        self.connections: WeakSet[psycopg.AsyncConnection] = WeakSet()

    def enter(self, name: str) -> int:
        """A point is passed: for which time."""
        self._passed[name] += 1
        return self._passed[name]

    def fault(self, name: str, turn: int, when: When) -> Fault | None:
        """The fault that is to be had here and now, if any."""
        one = self._failpoint
        if one.fault is None:
            os.write(self._report, f"{name}|{when}|{turn}\n".encode())
        here = not self._fired and (one.name, one.turn, one.when) == (name, turn, when)
        return one.fault if here else None

    def fire(self, fault: Fault) -> None:
        """Reports the fault, and has it if it is one of the process; those of calls are the caller's."""
        self._fired = True
        os.write(self._report, f"{FIRED}\n".encode())
        if fault is Fault.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault is Fault.EXCEPTION:
            raise Unforeseen("a failpoint")

    def cut_all(self) -> None:
        """Breaks all connections to the database."""
        for connection in self.connections:
            if not connection.closed:
                cut(connection)


def cut(connection: psycopg.AsyncConnection) -> None:
    """Breaks a connection under the driver, which comes to know of it when it reads or writes."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
