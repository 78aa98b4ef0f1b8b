"""Examples that this version cannot run, and what in them it is that it cannot."""

from __future__ import annotations

FOREACH = "`foreach` of a subscription"

CANNOT_BE_RUN = {
    "call-asyncapi-subscribe-consume-forever-foreach": FOREACH,
}
"""Everything else is run: see ``calls``, ``events``, ``faults``, ``flow`` and ``processes``."""
