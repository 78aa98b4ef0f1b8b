"""Memory: how much of it an engine process may take, so that no expression takes that of the machine."""

from __future__ import annotations

import resource


def limit_memory(megabytes: int) -> None:
    """Lets what would need more than so much fail with ``MemoryError``; 0 sets no limit.

    What is counted is the process's own data (RLIMIT_DATA), not the code and files that it maps.
    """
    if megabytes > 0:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = megabytes * 1024 * 1024
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
