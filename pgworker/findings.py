"""Findings: what is looked at, how it is, and what to do about it, as the view ``health`` has them."""

from __future__ import annotations


def finding(topic: str, state: str, value: str, advice: str | None = None) -> dict[str, str | None]:
    """A row; ``state`` is ok, warning or bad, and ``advice`` is for what is not ok."""
    return {"topic": topic, "state": state, "value": value, "advice": advice}
