"""The request for a token: what each grant asks for, in either encoding."""

from __future__ import annotations

from urllib.parse import urlencode

import orjson
from multidict import CIMultiDict
from yarl import URL

from pgworker.activities.oauth.client import Proof
from pgworker.activities.oauth.policy import EXCHANGE, FORM, OAuthPolicy, Pairs
from pgworker.activities.redaction import Redaction, spellings
from pgworker.activities.request import ENCODINGS, USER_AGENT, Output, Request


def asking(policy: OAuthPolicy) -> Pairs:
    """What the policy's grant asks for (RFC 6749, 4.3, 4.4 and 6; RFC 8693, 2.1)."""
    pairs: list[tuple[str, str]] = [("grant_type", policy.grant)]
    if policy.grant == "password":
        pairs += [("username", policy.username or ""), ("password", policy.password or "")]
    if policy.grant == "refresh_token" and policy.subject is not None:
        pairs.append(("refresh_token", policy.subject.token))
    if policy.grant == EXCHANGE:
        for name, party in (("subject", policy.subject), ("actor", policy.actor)):
            if party is not None:
                pairs += [(f"{name}_token", party.token), (f"{name}_token_type", party.type)]
    if policy.scopes:
        pairs.append(("scope", " ".join(policy.scopes)))
    return (*pairs, *(("audience", audience) for audience in policy.audiences))


def refreshing(policy: OAuthPolicy, refresh_token: str) -> Pairs:
    """What asks for a token anew, with the refresh token that came with the last one."""
    scope: Pairs = (("scope", " ".join(policy.scopes)),) if policy.scopes else ()
    return (("grant_type", "refresh_token"), ("refresh_token", refresh_token), *scope)


def request_to(url: URL, pairs: Pairs, proof: Proof, encoding: str, private: tuple[str, ...]) -> Request:
    """The request to an endpoint of an authority; no message about it shows what is private."""
    headers = CIMultiDict(
        {
            "Accept": "application/json",
            "Accept-Encoding": ENCODINGS,
            "Content-Type": encoding,
            "User-Agent": USER_AGENT,
        }
    )
    if proof.authorization is not None:
        headers["Authorization"] = proof.authorization
    members = (*pairs, *proof.members)
    return Request(
        "POST",
        url,
        headers,
        urlencode(members).encode() if encoding == FORM else _json(members),
        Output.RAW,
        redirect=False,
        redaction=Redaction(private=spellings((*private, *proof.private))),
        takes_refusals=True,
    )


def _json(members: Pairs) -> bytes:
    """An object, in which what is given more than once is a list."""
    body: dict[str, str | list[str]] = {}
    for name, value in members:
        known = body.get(name)
        if known is None:
            body[name] = value
        else:
            body[name] = [*known, value] if isinstance(known, list) else [known, value]
    return orjson.dumps(body)
