"""One door to all kinds of activities."""

from __future__ import annotations

import pytest

from pgworker.activities.policy import HttpPolicy, parse_networks
from pgworker.activities.registry import Activities
from pgworker.errors import Fault


async def test_http_is_performed_with_its_idempotency_key(server):
    server.answers(b'{"a":1}')
    async with Activities(HttpPolicy(allow_private=parse_networks("127.0.0.0/8"))) as activities:
        arguments = {"method": "GET", "endpoint": server.url()}
        assert await activities.perform("http", arguments, idempotency_key="w:3") == {"a": 1}
    assert server.seen[0].headers["idempotency-key"] == "w:3"


async def test_an_unknown_kind_fails_and_is_named():
    async with Activities(HttpPolicy()) as activities:
        with pytest.raises(Fault) as caught:
            await activities.perform("telepathy", {}, idempotency_key="w:3")
    assert (caught.value.kind, caught.value.status) == ("runtime", 500)
    assert "telepathy" in caught.value.detail
