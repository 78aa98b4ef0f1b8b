"""Lanes side by side: databases made from one template, and cells that are tried in all of them at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from pgworker.store.database import Database
from pgworker.store.migrations import migrate
from tests.support.failpoints.cells import Cell, Passed
from tests.support.failpoints.flow_kinds import REFUSED
from tests.support.failpoints.kinds import Kind
from tests.support.failpoints.lane import Forks, Lane
from tests.support.failpoints.trials import attempt, record
from tests.support.failpoints.world import define_kinds
from tests.support.lease_audit import audit_leases
from tests.support.processes import Zygote
from tests.support.server import Server
from tests.support.stub import Stub

_REFUSE = f"""
    create function audit.refuse() returns trigger language plpgsql as
        $$ begin raise exception 'a value is wrong' using errcode = '22P05'; end $$;
    create trigger refuse_some before insert on pgworker.events
        for each row when (new.data -> 'output' = '{REFUSED}') execute function audit.refuse()
"""
"""Lets the database find something wrong with one output, as it does with what JSON cannot hold."""

_TEMPLATE = f"failpoints_{os.getpid()}"

T = TypeVar("T")
R = TypeVar("R")


class Lanes:
    """Records kinds and tries cells, as many at a time as there are lanes."""

    def __init__(self, lanes: Sequence[Lane], kinds: Mapping[str, Kind]) -> None:
        self._lanes = lanes
        self._kinds = kinds

    def record(self) -> dict[str, Passed]:
        """The points that each kind passes."""
        names = list(self._kinds)
        recorded = self.each(names, lambda lane, name: record(lane, self._kinds[name]))
        return dict(zip(names, recorded, strict=True))

    def attempt(self, cells: Sequence[Cell]) -> list[str]:
        """Tries cells; returns what went wrong, one text for each that did."""
        return self.wrongs(cells, lambda lane, cell: attempt(lane, cell, self._kinds[cell.kind]))

    def wrongs(self, things: Sequence[T], do: Callable[[Lane, T], None]) -> list[str]:
        """Does something with each of some things; returns what went wrong, one text for each that did."""

        def one(lane: Lane, thing: T) -> str:
            try:
                do(lane, thing)
            except AssertionError as error:
                return f"=== {thing}\n{error}"
            return ""

        return [wrong for wrong in self.each(things, one) if wrong]

    def each(self, things: Sequence[T], do: Callable[[Lane, T], R]) -> list[R]:
        """Does something with each of some things, in as many lanes as there are."""
        free: SimpleQueue[Lane] = SimpleQueue()
        for lane in self._lanes:
            free.put(lane)

        def one(thing: T) -> R:
            lane = free.get()
            try:
                return do(lane, thing)
            finally:
                free.put(lane)

        with ThreadPoolExecutor(len(self._lanes)) as threads:
            return list(threads.map(one, things))

    def workflows(self) -> set[str]:
        """The ids of all workflows that there have been."""
        return set().union(*(lane.known for lane in self._lanes))


@contextmanager
def open_lanes(
    server: Server, zygote: Zygote, stub: Stub, folder: Path, kinds: Mapping[str, Kind], *, count: int
) -> Iterator[Lanes]:
    """So many lanes, with the definitions of the kinds; their databases are gone afterwards."""
    names = [f"{_TEMPLATE}_{number}" for number in range(count)]
    lanes: list[Lane] = []
    with server.connect(server.maintenance_dbname) as connection:
        connection.execute(f"create database {_TEMPLATE}")
        try:
            migrate(Database(server.url(_TEMPLATE)))
            with server.connect(_TEMPLATE) as template:
                audit_leases(template)
                template.execute(_REFUSE)
                define_kinds(template, kinds.values(), stub.url)
            forks = Forks(zygote)
            for name in names:
                connection.execute(f"create database {name} template {_TEMPLATE}")
                lanes.append(Lane(server.url(name), forks, stub, folder))
            yield Lanes(lanes, kinds)
        finally:
            for lane in lanes:
                lane.close()
            for name in [_TEMPLATE, *names]:
                connection.execute(f"drop database if exists {name} with (force)")
