"""Which processes an operator lets workflows run, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass

from pgworker.errors import Fault, FaultKind, SettingsError

KINDS = ("shell", "script", "container")


@dataclass(frozen=True, slots=True)
class ProcessPolicy:
    """The limits of every process; times in seconds, sizes in bytes.

    ``output_bytes`` is what a process may write to each of its two outputs, ``grace`` the time between
    SIGTERM and SIGKILL, ``background`` how many processes may run at once that nobody waits for, and
    ``container_host`` the address of the container engine; if it is None the usual sockets are tried.
    """

    allowed: frozenset[str] = frozenset()
    output_bytes: int = 1024 * 1024
    grace: float = 2.0
    background: int = 100
    container_host: str | None = None

    def check(self, kind: str) -> None:
        """Raises ``Fault`` (authorization) for a kind of process that is not allowed."""
        if kind not in self.allowed:
            raise Fault(
                FaultKind.AUTHORIZATION,
                f"this worker must not run a {kind}: PGWORKER_RUN_ALLOW does not name `{kind}`",
            )


def parse_run_allow(text: str) -> frozenset[str]:
    """The kinds of ``PGWORKER_RUN_ALLOW``; raises ``SettingsError`` for what is none.

    >>> sorted(parse_run_allow("shell, script"))
    ['script', 'shell']
    """
    allowed = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
    for kind in sorted(allowed.difference(KINDS)):
        raise SettingsError(
            f"{kind!r} is no kind of process", hint=f"PGWORKER_RUN_ALLOW is a list of {', '.join(KINDS)}"
        )
    return allowed
