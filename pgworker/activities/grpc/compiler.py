"""The compiler of proto files: a process of its own, which gives their descriptors and no code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections import OrderedDict
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from pgworker.activities.grpc.descriptors import Descriptors
from pgworker.activities.grpc.sources import Sources
from pgworker.activities.media import printable
from pgworker.errors import Fault, FaultKind

MAX_SECONDS = 20.0
MAX_KEPT = 32

_OUTPUT = "descriptors"
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")


class Compiler:
    """Compiles proto files, and keeps what it has compiled by its content."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Descriptors] = OrderedDict()
        self._at_work = asyncio.Lock()

    async def compile(self, sources: Sources) -> Descriptors:
        """What the files describe; raises ``Fault`` (configuration) for files that are wrong."""
        digest = sources.digest()
        if digest not in self._kept:
            # one at a time: many calls of one service begin together, and one compiles for all
            async with self._at_work:
                if digest not in self._kept:
                    self._kept[digest] = Descriptors(await _compiled(sources))
                    while len(self._kept) > MAX_KEPT:
                        self._kept.popitem(last=False)
        self._kept.move_to_end(digest)
        return self._kept[digest]


async def _compiled(sources: Sources) -> bytes:
    with TemporaryDirectory(prefix="pgworker-proto-") as name:
        folder = Path(name)
        await asyncio.to_thread(_write, sources, folder / "in")
        failure = await _run(_command(sources, folder))
        if failure is not None:
            told = failure.replace(f"{folder}/in/", "").replace(str(folder), "")
            raise Fault(
                FaultKind.CONFIGURATION,
                f"the proto file {sources.root!r} is not valid: {printable(told, 400)}",
            )
        return await asyncio.to_thread((folder / _OUTPUT).read_bytes)


def _write(sources: Sources, folder: Path) -> None:
    for name, text in sources.files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _command(sources: Sources, folder: Path) -> list[str]:
    bundled = files("grpc_tools").joinpath("_proto")
    return [
        *(sys.executable, "-P", "-m", "grpc_tools.protoc"),
        *(f"-I{folder / 'in'}", f"-I{bundled}"),
        "--include_imports",
        f"--descriptor_set_out={folder / _OUTPUT}",
        sources.root,
    ]


async def _run(command: list[str]) -> str | None:
    """What the compiler complains of; None if it is content."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    )
    try:
        async with asyncio.timeout(MAX_SECONDS):
            _, complaints = await process.communicate()
    except TimeoutError:
        return f"it was not compiled within {MAX_SECONDS:g} s"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return complaints.decode("utf-8", "replace") if process.returncode else None
