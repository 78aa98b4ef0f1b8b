"""What work costs in CPU time, which what else the machine is doing changes less than it does the speed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import psycopg

_USER, _SYSTEM = 11, 12
"""Where the times stand behind the command's name, in clock ticks."""


def cpu_seconds(workers: Iterable[int], connection: psycopg.Connection) -> float | None:
    """The CPU time so far of some workers, and of the server's processes that serve them.

    The latter are those of the connection's database, but for its own. None if the system does not tell, or
    the server runs elsewhere.
    """
    try:
        backends = [_seconds(pid, "postgres") for (pid,) in connection.execute(_BACKENDS)]
        return sum(backends) + sum(_seconds(pid) for pid in workers)
    except (OSError, ValueError):
        return None


def _seconds(pid: int, command: str | None = None) -> float:
    name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    if command not in (None, name):
        raise ValueError(f"process {pid} is no {command}")
    fields = rest.split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")


_BACKENDS = """
select pid from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
