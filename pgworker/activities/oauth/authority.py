"""Asking an authority for a token: where that is, with which request, and whether the answer will do."""

from __future__ import annotations

from pgworker.activities.exchange import Exchange
from pgworker.activities.oauth.client import proof_of
from pgworker.activities.oauth.endpoints import Endpoints, discovered, written
from pgworker.activities.oauth.form import asking, refreshing, request_to
from pgworker.activities.oauth.granted import Granted, claimed_issuer, granted, members_of
from pgworker.activities.oauth.policy import OAuthPolicy, Pairs
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject


async def obtain(policy: OAuthPolicy, exchange: Exchange, refresh_token: str | None = None) -> Granted:
    """A new token: by the refresh token if there is one, and if that fails by the policy's grant.

    Raises ``Fault``: authentication for a token that is not given or not one of the policy's issuers.
    """
    endpoints = await discovered(policy, exchange) if policy.discovers else written(policy)
    found: Granted | None = None
    if refresh_token is not None:
        found = await _refreshed(policy, endpoints, exchange, refresh_token)
    if found is None:
        found = await _asked(policy, endpoints, exchange, asking(policy), policy.private)
    if policy.issuers:
        await _check_issuer(policy, endpoints, exchange, found)
    return found


async def _asked(
    policy: OAuthPolicy, endpoints: Endpoints, exchange: Exchange, pairs: Pairs, private: tuple[str, ...]
) -> Granted:
    proof = proof_of(policy.client, str(endpoints.token))
    return granted(await exchange.send(request_to(endpoints.token, pairs, proof, policy.encoding, private)))


async def _refreshed(
    policy: OAuthPolicy, endpoints: Endpoints, exchange: Exchange, refresh_token: str
) -> Granted | None:
    """None if the refresh token is not taken any more."""
    pairs = refreshing(policy, refresh_token)
    try:
        return await _asked(policy, endpoints, exchange, pairs, (*policy.private, refresh_token))
    except Fault as fault:
        if fault.kind is not FaultKind.AUTHENTICATION:
            raise
        return None


async def _check_issuer(
    policy: OAuthPolicy, endpoints: Endpoints, exchange: Exchange, found: Granted
) -> None:
    issuer = claimed_issuer(found.access_token) or claimed_issuer(found.id_token)
    if issuer is None and endpoints.introspection is not None:
        said = (await _introspected(policy, endpoints, exchange, found)).get("iss")
        issuer = said if isinstance(said, str) else None
    if issuer not in policy.issuers:
        raise Fault(
            FaultKind.AUTHENTICATION,
            "the token was issued by none of the policy's issuers"
            if issuer
            else "it cannot be told who issued the token, and the policy names its issuers",
        )


async def _introspected(
    policy: OAuthPolicy, endpoints: Endpoints, exchange: Exchange, found: Granted
) -> JsonObject:
    """What the authority says about a token that says nothing itself (RFC 7662)."""
    url = endpoints.introspection
    assert url is not None
    pairs: Pairs = (("token", found.access_token), ("token_type_hint", "access_token"))
    proof = proof_of(policy.client, str(url))
    private = (*policy.private, found.access_token)
    said = members_of(await exchange.send(request_to(url, pairs, proof, policy.encoding, private)))
    return said if said.get("active") is True else {}
