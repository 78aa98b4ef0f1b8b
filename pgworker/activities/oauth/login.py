"""Logging in with a token, which may turn out not to be good any more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from multidict import CIMultiDict, CIMultiDictProxy

from pgworker.activities.oauth.policy import OAuthPolicy
from pgworker.activities.oauth.tokens import Tokens
from pgworker.activities.redaction import Redaction, spellings
from pgworker.activities.request import Request


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """The token that a request carries, and where there is another one."""

    tokens: Tokens
    policy: OAuthPolicy
    token: str

    def applied(self, request: Request) -> Request:
        """The request as it is: a token does not depend on where it leads."""
        return request

    async def renewed(self, request: Request, headers: CIMultiDictProxy[str]) -> Request | None:
        """The request with a new token in place of the refused one; that is the last one that is tried."""
        self.tokens.drop(self.policy, self.token)
        renewed = await with_token(replace(request, login=None), self.tokens, self.policy)
        return replace(renewed, login=None)

    def accepted(self, request: Request, headers: CIMultiDictProxy[str]) -> None:
        """Nothing follows from it."""


async def with_token(request: Request, tokens: Tokens, policy: OAuthPolicy) -> Request:
    """The request with a token of the policy's, which neither messages nor results may show."""
    token = await tokens.token(policy)
    headers = CIMultiDict(request.headers)
    headers["Authorization"] = f"Bearer {token}"
    hidden = request.redaction
    return replace(
        request,
        headers=headers,
        redaction=Redaction(hidden.private, (*spellings((token,)), *hidden.secret)),
        login=TokenLogin(tokens, policy, token),
    )
