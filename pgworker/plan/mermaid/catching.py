"""What a try says about errors, in words."""

from __future__ import annotations

from collections.abc import Iterator

from pgworker.expressions.templates import Literal
from pgworker.plan.mermaid.wording import span, worded
from pgworker.plan.nodes import Backoff, Catch, RetryPolicy


def catch_lines(catch: Catch) -> Iterator[str]:
    """Which errors are caught."""
    yield f"catch as {catch.name}"
    for key, wanted in catch.errors.items():
        yield f"{key} {worded(Literal(wanted))}"
    if catch.condition is not None:
        yield f"when {worded(catch.condition)}"
    if catch.exception is not None:
        yield f"except when {worded(catch.exception)}"


def retry_lines(policy: RetryPolicy) -> Iterator[str]:
    """When there is another attempt."""
    times = "" if policy.most_retries is None else f" at most {policy.most_retries} times"
    yield f"retry{times}"
    if policy.delay is not None:
        growth = "" if policy.backoff is Backoff.CONSTANT else f", {policy.backoff.value}"
        yield f"after {span(policy.delay)}{growth}"
    if policy.jitter is not None:
        shortest, longest = policy.jitter
        yield f"jitter {span(shortest)} to {span(longest)}"
    if policy.attempt_limit is not None:
        yield f"each within {span(policy.attempt_limit)}"
    if policy.total_limit is not None:
        yield f"all within {span(policy.total_limit)}"
    if policy.condition is not None:
        yield f"when {worded(policy.condition)}"
    if policy.exception is not None:
        yield f"except when {worded(policy.exception)}"
