"""Tracing: what tells a service which trace a call belongs to (W3C Trace Context)."""

from __future__ import annotations

from contextvars import ContextVar

TRACEPARENT = "traceparent"
"""The header's name."""

CURRENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""That of the activity which is being performed; None if nobody traces."""
