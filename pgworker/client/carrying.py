"""Export and import: a workflow, with those that it started, as a file of JSON Lines.

The first line says what the file is, the last how many lines there were and their SHA-256, so that a file
which was cut off or changed is noticed. What is between is as the database tells it, and goes in as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import orjson

from pgworker import __version__
from pgworker.client.verification import Replay
from pgworker.errors import ImportRefused
from pgworker.store.carrying import Intake, intake, lines_of, read_event, read_standing
from pgworker.store.database import Database, json_value
from pgworker.store.inspection import Flaw, Standing
from pgworker.types import JsonObject, JsonValue

FORMAT: Final = 1
_HEAD: Final = "pgworker_export"
_FOOT: Final = "pgworker_export_end"
_ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_CHUNK_BYTES: Final = 4 * 1024 * 1024
_CHUNK_LINES: Final = 1000


async def exported(database: Database, workflow_id: str) -> AsyncIterator[str]:
    """The lines of a workflow's file, without their ends; raises ``NotFound``."""
    checksum = _Checksum()
    yield _line({_HEAD: FORMAT, "workflow_id": workflow_id, "written_by": f"pgworker {__version__}"})
    async for line in lines_of(database, workflow_id):
        checksum.add(line)
        yield line
    yield _line({_FOOT: checksum.told()})


async def imported(database: Database, lines: Iterable[str]) -> list[str]:
    """Takes a file in, whole or not at all, and returns the workflows' ids, the one that was exported first.

    Raises ``ImportRefused`` for a file that is none, is not whole, or whose workflows have not ended or are
    not sound, and ``Conflict`` for a workflow that is in the database already.
    """
    reading = _Reading()
    async with intake(database) as door:
        chunk: list[str] = []
        size = 0
        for line in reading.lines(lines):
            chunk.append(line)
            size += len(line)
            if size > _CHUNK_BYTES or len(chunk) >= _CHUNK_LINES:
                await door.take(chunk)
                chunk, size = [], 0
        await door.take(chunk)
        await _check(door, reading)
    return list(reading.replays)


async def _check(door: Intake, reading: _Reading) -> None:
    flaws: list[Flaw] = [flaw for replay in reading.replays.values() for flaw in replay.flaws()]
    flaws += await door.flaws(list(reading.replays))
    if flaws:
        first = flaws[0]
        raise ImportRefused(
            f"the workflow {first.workflow_id} is not sound: {first.problem} ({first.detail})",
            hint="Nothing was imported. `pgworker verify` says what is wrong where it was exported.",
        )


@dataclass(slots=True)
class _Checksum:
    """Counts lines, and sums them up."""

    lines: int = 0
    _sum: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, line: str) -> None:
        self.lines += 1
        self._sum.update(line.encode())
        self._sum.update(b"\n")

    def told(self) -> JsonObject:
        return {"lines": self.lines, "sha256": self._sum.hexdigest()}


@dataclass(slots=True)
class _Reading:
    """A file that is being read: what its histories amount to, by the ids of their workflows."""

    replays: dict[str, Replay] = field(default_factory=dict)
    _checksum: _Checksum = field(default_factory=_Checksum)

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines between the first and the last, each looked at."""
        numbered = enumerate((line.rstrip("\r\n") for line in _readable(lines)), start=1)
        self._check_head(next(numbered, (1, "{}"))[1])
        for number, line in numbered:
            read = _read(number, line)
            if _FOOT in read:
                self._check_foot(read[_FOOT])
                self._check_end(numbered)
                return
            self._checksum.add(line)
            self._look_at(number, read)
            yield line
        raise ImportRefused(
            f"the file ends after line {self._checksum.lines + 1}, and its last line is not there",
            hint="It was cut off: export the workflow again.",
        )

    def _check_head(self, line: str) -> None:
        head = _read(1, line).get(_HEAD)
        if head is None:
            raise ImportRefused(
                "this is no export of a workflow: its first line does not say so",
                hint="`pgworker export ID` writes one.",
            )
        if head != FORMAT:
            raise ImportRefused(
                f"the file has format {head}, and this version reads format {FORMAT}",
                hint="Import it with the version that exported it, or a newer one.",
            )

    def _check_foot(self, told: JsonValue) -> None:
        if told != self._checksum.told():
            raise ImportRefused(
                "the file is not what was exported: its checksum is another",
                hint="Lines were changed, lost or added: export the workflow again.",
            )

    def _check_end(self, rest: Iterator[tuple[int, str]]) -> None:
        for number, line in rest:
            if line.strip():
                raise ImportRefused(f"line {number} comes after the end of the export")

    def _look_at(self, number: int, line: JsonObject) -> None:
        try:
            match line:
                case {"workflow": dict(row)}:
                    self._begin(read_standing(row))
                case {"event": dict(row)}:
                    workflow_id, event = read_event(row)
                    self.replays[workflow_id].take(event)
                case {"consumption": {"workflow_id": str(owner)}} if owner in self.replays:
                    pass
                case {"definition": dict()} | {"resource": dict()}:
                    pass
                case _:
                    raise ImportRefused(f"line {number} is of no kind that is known here")
        except (KeyError, TypeError, ValueError) as error:
            raise ImportRefused(f"line {number} is not as an export has it: {error!r}") from error

    def _begin(self, standing: Standing) -> None:
        if standing.status not in _ENDED:
            raise ImportRefused(
                f"the workflow {standing.id} is {standing.status}, and only what has ended is imported",
                hint="It goes on where it is; export it again when it and those that it started have ended.",
            )
        self.replays[standing.id] = Replay(standing)


def _readable(lines: Iterable[str]) -> Iterator[str]:
    try:
        for line in lines:
            line.encode()
            yield line
    except UnicodeError as error:
        raise ImportRefused(f"this is no export of a workflow, for it is not UTF-8: {error}") from error


def _read(number: int, line: str) -> JsonObject:
    try:
        read = json_value(line)
    except ValueError as error:
        raise ImportRefused(f"line {number} is not JSON: {error}") from error
    if not isinstance(read, dict):
        raise ImportRefused(f"line {number} is not a JSON object")
    return read


def _line(value: JsonObject) -> str:
    return orjson.dumps(value).decode()
