"""Launching: a launcher beside a command, the folder and the input of the command, and what is told of it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE
from asyncio.subprocess import Process as Launcher
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypedDict

_LAUNCHER = Path(__file__).with_name("launcher.py")
_LINE_BYTES = 64 * 1024
_CHUNK = 64 * 1024


class Told(TypedDict, total=False):
    """What a launcher tells: the command's process id, then its code, or why it could not be started."""

    pid: int
    code: int
    error: str


async def launch(stdin: int, outputs: int, limit: int = _LINE_BYTES) -> tuple[Launcher, IO[bytes]]:
    """Starts a launcher; what it tells can be read from the file, which ends when the launcher does.

    Of the command's ``outputs`` a line may have ``limit`` bytes where they are read by lines.
    """
    reader, writer = os.pipe()
    try:
        launcher = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(_LAUNCHER),
            str(writer),
            str(stdin),
            stdin=PIPE,
            stdout=outputs,
            stderr=outputs,
            env={},
            limit=limit,
            start_new_session=True,
            pass_fds=(writer, stdin),
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return launcher, os.fdopen(reader, "rb", buffering=0)


async def hear(status: IO[bytes]) -> Told:
    """All that a launcher tells, once it has ended; closes the file."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), status
    )
    try:
        told: Told = {}
        async for line in reader:
            told.update(json.loads(line))
        return told
    finally:
        transport.close()


async def drop(streams: Iterable[asyncio.StreamReader]) -> None:
    """Reads what is left to its end, and drops it: until then the pipes stay open."""
    await asyncio.gather(*(_drop(stream) for stream in streams))


async def _drop(stream: asyncio.StreamReader) -> None:
    while await stream.read(_CHUNK):
        pass


@contextmanager
def input_file(content: bytes | None) -> Iterator[IO[bytes]]:
    """Standard input as a file: nobody has to feed it, and who does not wait for a pipe can read it."""
    with tempfile.TemporaryFile() as file:
        file.write(content or b"")
        file.seek(0)
        yield file


def new_folder(files: Mapping[str, str]) -> Path:
    """A new folder with these files in it; nobody else may look into it."""
    folder = Path(tempfile.mkdtemp(prefix="pgworker-run-"))
    try:
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder
