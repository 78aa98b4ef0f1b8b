"""``call: a2a``: agents, by JSON-RPC over HTTP."""
