"""Tracing: what tells a service which trace a call belongs to (W3C Trace Context)."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final

TRACEPARENT = "traceparent"
"""The header's name."""

FORM: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
"""Its value: the trace, the span, and flags; zeroes alone are no ids."""

CURRENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""That of the activity which is being performed; None if nobody traces."""
