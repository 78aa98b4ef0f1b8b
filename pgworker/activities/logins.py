"""What a process remembers of its authentications: tokens, and challenges that were met."""

from __future__ import annotations

from types import TracebackType

from pgworker.activities.digest_login import Digests
from pgworker.activities.oauth.tokens import Tokens
from pgworker.activities.policy import HttpPolicy


class Logins:
    """Tokens and challenges, in memory alone; a context manager, which owns connections to authorities."""

    def __init__(self, policy: HttpPolicy) -> None:
        self.tokens = Tokens(policy)
        self.digests = Digests()

    async def __aenter__(self) -> Logins:
        await self.tokens.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.tokens.__aexit__(kind, error, trace)
