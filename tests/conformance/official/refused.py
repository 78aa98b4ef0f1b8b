"""Examples that this version cannot run, and what in them it is that it cannot."""

from __future__ import annotations

ASYNCAPI = "`call: asyncapi`"

CANNOT_BE_RUN = {
    "call-asyncapi-publish": ASYNCAPI,
    "call-asyncapi-subscribe-consume-amount": ASYNCAPI,
    "call-asyncapi-subscribe-consume-forever-foreach": ASYNCAPI,
    "call-asyncapi-subscribe-consume-until": ASYNCAPI,
    "call-asyncapi-subscribe-consume-while": ASYNCAPI,
}
"""Everything else is run: see ``calls``, ``events``, ``faults``, ``flow`` and ``processes``."""
