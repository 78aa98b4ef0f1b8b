"""Retry policies ("Retry" in the DSL reference)."""

from __future__ import annotations

from types import MappingProxyType

from pgworker.dsl.reading import Piece, did_you_mean, listed
from pgworker.dsl.v1_0.durations import read_duration
from pgworker.dsl.v1_0.expressions import read_expression
from pgworker.dsl.v1_0.names import Names
from pgworker.errors import Rule
from pgworker.plan.nodes import Backoff, RetryPolicy, Time


def read_retry(piece: Piece, names: Names) -> RetryPolicy | None:
    """A policy: written out, or the name of one under ``use.retries``."""
    if not isinstance(piece.value, str):
        return read_policy(piece, names)
    if piece.value in names.retries:
        return names.retries[piece.value]
    piece.report(
        f"no retry policy is named `{piece.value}`",
        expected="one of " + listed(names.retries) if names.retries else "a retry policy",
        hint=did_you_mean(piece.value, names.retries) or "define it under `use.retries`",
        rule=Rule.NAME,
    )
    return None


def read_policy(piece: Piece, names: Names) -> RetryPolicy | None:
    """A policy that is written out."""
    if piece.object() is None:
        return None
    piece.allow({"when", "exceptWhen", "delay", "backoff", "limit", "jitter"}, "a retry policy")
    variables = names.variables
    condition, exception = (
        read_expression(piece.member(key), variables) if piece.has(key) else None
        for key in ("when", "exceptWhen")
    )
    attempts, attempt_limit, total_limit = _read_limit(piece, variables)
    return RetryPolicy(
        condition=condition,
        exception=exception,
        delay=read_duration(piece.member("delay"), variables) if piece.has("delay") else None,
        backoff=_read_backoff(piece.member("backoff")) if piece.has("backoff") else Backoff.CONSTANT,
        jitter=_read_jitter(piece.member("jitter"), variables) if piece.has("jitter") else None,
        most_retries=attempts,
        attempt_limit=attempt_limit,
        total_limit=total_limit,
    )


def read_policies(use: Piece, names: Names) -> MappingProxyType[str, RetryPolicy | None]:
    """The policies under ``use.retries`` by name; None for one in which something was reported."""
    piece = use.member("retries")
    if not use.has("retries") or piece.object() is None:
        return MappingProxyType({})
    return MappingProxyType({name: read_policy(piece.member(name), names) for name in piece.object() or {}})


def _read_backoff(piece: Piece) -> Backoff:
    choices = [backoff.value for backoff in Backoff]
    if piece.object() is None:
        return Backoff.CONSTANT
    piece.allow(choices, "a backoff")
    entry = piece.entry("backoff: one of " + listed(choices))
    if entry is None or entry[0] not in choices:
        return Backoff.CONSTANT
    entry[1].object()
    return Backoff(entry[0])


def _read_jitter(piece: Piece, variables: frozenset[str]) -> tuple[Time, Time] | None:
    if piece.object() is None or not piece.require(["from", "to"], "the jitter"):
        return None
    piece.allow({"from", "to"}, "a jitter")
    shortest = read_duration(piece.member("from"), variables)
    longest = read_duration(piece.member("to"), variables)
    return None if shortest is None or longest is None else (shortest, longest)


def _read_limit(policy: Piece, variables: frozenset[str]) -> tuple[int | None, Time | None, Time | None]:
    """How many retries, how long each attempt, how long all together."""
    piece = policy.member("limit")
    if not policy.has("limit") or piece.object() is None:
        return None, None, None
    piece.allow({"attempt", "duration"}, "a limit")
    total = read_duration(piece.member("duration"), variables) if piece.has("duration") else None
    attempt = piece.member("attempt")
    if not piece.has("attempt") or attempt.object() is None:
        return None, None, total
    attempt.allow({"count", "duration"}, "a limit of attempts")
    count = attempt.member("count").integer() if attempt.has("count") else None
    if count is not None and count < 0:
        attempt.member("count").report(f"found the number {count}", expected="0 or more")
    single = read_duration(attempt.member("duration"), variables) if attempt.has("duration") else None
    return count, single, total
