"""The black box: which workflow a process was deciding upon when it died, readable by its supervisor."""

from __future__ import annotations

import mmap
import os
import tempfile

_ID_BYTES = 36


class BlackBox:
    """A few bytes of memory that two processes share; they survive the death of either."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _ID_BYTES)

    @classmethod
    def new(cls) -> BlackBox:
        """A fresh one, with a descriptor that a child process can inherit."""
        with tempfile.TemporaryFile() as file:
            file.truncate(_ID_BYTES)
            return cls(os.dup(file.fileno()))

    def note(self, workflow_id: str) -> None:
        """This workflow is being decided upon."""
        self._memory[:] = workflow_id.encode()[:_ID_BYTES].ljust(_ID_BYTES)

    def clear(self) -> None:
        """No workflow is being decided upon."""
        self._memory[0] = 0

    def read(self) -> str | None:
        """The workflow that was being decided upon, if any."""
        return None if self._memory[0] == 0 else self._memory[:].decode()

    def close(self) -> None:
        """Gives the memory back."""
        self._memory.close()
        os.close(self.descriptor)
