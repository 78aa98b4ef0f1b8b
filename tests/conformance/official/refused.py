"""Examples that this version cannot run, and what in them it is that it cannot."""

from __future__ import annotations

DIGEST = "`digest` authentication"
OAUTH2 = "`oauth2` authentication"
OIDC = "`oidc` authentication"
FOREACH = "`foreach` of a subscription"
GRPC = "`call: grpc`"
A2A = "`call: a2a`"
MCP = "`call: mcp`"
CONTAINER = "`run: container`"
SCRIPT = "`run: script`"
SHELL = "`run: shell`"

CANNOT_BE_RUN = {
    "authentication-oauth2": OAUTH2,
    "authentication-oauth2-secret": OAUTH2,
    "authentication-oidc": OIDC,
    "authentication-oidc-secret": OIDC,
    "call-asyncapi-subscribe-consume-forever-foreach": FOREACH,
    "call-grpc": GRPC,
    "call-mcp": MCP,
    "run-container": CONTAINER,
    "run-container-cleanup-always": CONTAINER,
    "run-container-cleanup-eventually": CONTAINER,
    "run-container-stdin-and-arguments": CONTAINER,
    "run-container-with-name": CONTAINER,
    "run-container-with-pull-policy": CONTAINER,
    "run-return-all": CONTAINER,
    "run-return-code": CONTAINER,
    "run-return-none": CONTAINER,
    "run-return-stderr": CONTAINER,
    "run-script-with-stdin-and-arguments": SCRIPT,
    "run-shell-stdin-and-arguments": SHELL,
}
"""Everything else is run: see ``calls``, ``events``, ``faults`` and ``flow``."""
