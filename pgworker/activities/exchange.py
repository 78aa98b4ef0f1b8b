"""One request out, with its redirects, and what came back: within an operator's policy."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType

import aiohttp

from pgworker.activities.answer import Answer, headers_of
from pgworker.activities.body import BodyRefused, read_body
from pgworker.activities.connector import GuardedConnector
from pgworker.activities.hosts import Hosts, host_of
from pgworker.activities.media import excerpt, printable
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redaction import hidden, hiding
from pgworker.activities.redirects import FOLLOWED, redirected
from pgworker.activities.request import Output, Request
from pgworker.activities.trouble import trouble
from pgworker.activities.trust import trusted
from pgworker.errors import Fault, FaultKind

_EXCERPT_BYTES = 64 * 1024
_EXCERPT_SECONDS = 1.0
_STREAMED_BYTES = 1024 * 1024
_BACKGROUND_SEARCH = 4 * 1024 * 1024
"""Bytes, times the spellings of secrets to look for in them: some milliseconds."""

_UNAUTHORIZED = 401

MAX_LOGINS = 2
"""How often a request is sent anew with other credentials after it was refused for want of them."""


class Exchange:
    """Sends requests within an operator's policy; a context manager, which owns the connections.

    Connections are kept for a moment and shared by all requests, cookies are not kept, and neither proxies
    nor passwords are taken from the environment. A request is sent once, with its redirects; only one that
    was refused with 401 is sent again, if its login has other credentials for it.
    Raises ``SettingsError`` if the policy's CA file cannot be read.
    """

    def __init__(self, policy: HttpPolicy) -> None:
        self._policy = policy
        self._tls = trusted(policy)
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(policy.connections)
        self.hosts = Hosts(policy.failures, policy.host_connections)
        """Who is called, and whose circuits are open."""

    async def __aenter__(self) -> Exchange:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, request: Request) -> Answer:
        """Sends a request and returns what came back; raises ``Fault``, in whose detail nothing is secret."""
        redaction = request.redaction.joined(hidden())
        if redaction is not request.redaction:
            request = replace(request, redaction=redaction)
        async with self._slots:
            try:
                return await self._within_time(request)
            except Fault as fault:
                fault.detail = request.redaction.message(fault.detail)
                raise

    async def _within_time(self, request: Request) -> Answer:
        seconds = self._policy.total_timeout
        way = [request]
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._follow(way, limit)
        except TimeoutError as error:
            self.hosts.failed(host_of(way[-1].url))  # those before it have answered, and led here
            raise Fault(
                FaultKind.COMMUNICATION,
                f"{request} was not answered within {seconds:g} s (the total timeout)",
            ) from error

    async def _follow(self, way: list[Request], limit: asyncio.Timeout) -> Answer:
        """The answer at the end of a way of redirects, to which each request is added."""
        for _ in range(self._policy.max_redirects + 1):
            async with self._slot(way[-1], limit):
                answer = await self._logged_in(way[-1])
            if isinstance(answer, Answer):
                return answer
            way.append(answer)
        raise Fault(
            FaultKind.COMMUNICATION,
            f"{way[-1]} was not called: there were more than {self._policy.max_redirects} redirects",
        )

    @asynccontextmanager
    async def _slot(self, request: Request, limit: asyncio.Timeout) -> AsyncIterator[None]:
        """One of the calls that the host may get at once; while it is waited for no time is counted."""
        loop = asyncio.get_running_loop()
        left = (limit.when() or math.inf) - loop.time()
        limit.reschedule(None)
        async with self.hosts.slot(host_of(request.url)):
            limit.reschedule(loop.time() + left)
            yield

    async def _logged_in(self, request: Request) -> Answer | Request:
        """The answer, or the request that a redirect asks for; logs in anew where that is wanted."""
        for left in range(MAX_LOGINS, -1, -1):
            try:
                with hiding(request.redaction):
                    answer = await self._send(request, may_log_in=left > 0)
            except Fault as fault:
                fault.detail = request.redaction.message(fault.detail)
                raise
            if not isinstance(answer, _Again):
                return answer
            request = answer.request
        raise AssertionError("the last attempt takes what comes")

    async def _send(self, request: Request, *, may_log_in: bool) -> Answer | Request | _Again:
        large = request.body is not None and len(request.body) > _STREAMED_BYTES
        host = host_of(request.url)
        is_trial = self.hosts.enter(host)
        try:
            async with self.session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=io.BytesIO(request.body or b"") if large else request.body,
                allow_redirects=False,
            ) as response:
                self.hosts.answered(host, response.status)
                self._check_headers(request, response)
                if response.status == _UNAUTHORIZED and may_log_in:
                    renewed = await _renewed(request, response)
                    if renewed is not None:
                        return _Again(renewed)
                if request.login is not None:
                    request.login.accepted(request, response.headers)
                location = response.headers.get("Location")
                if request.redirect and response.status in FOLLOWED and location is not None:
                    return redirected(request, response.status, location)
                refused = not 200 <= response.status < (400 if request.redirect else 300)
                if refused and not request.takes_refusals:
                    raise await _refused(request, response)
                return await self._answer(request, response)
        except (aiohttp.ClientError, OSError) as error:
            self.hosts.failed(host)
            raise trouble(request, error, self._policy.connect_timeout) from error
        finally:
            if is_trial:
                self.hosts.left(host)

    async def _answer(self, request: Request, response: aiohttp.ClientResponse) -> Answer:
        try:
            body = await read_body(response, self._policy.max_response_bytes, request.until)
        except BodyRefused as error:
            response.close()
            raise Fault(FaultKind.COMMUNICATION, f"{request} was answered, but {error}") from error
        whole = request.output is Output.RESPONSE
        return Answer(
            request=request,
            sent_headers=headers_of(response.request_info.headers.items()) if whole else {},
            status=response.status,
            headers=_headers(request, response) if whole else {},
            content_type=response.headers.get("Content-Type"),
            body=await _without_secrets(request, body),
        )

    def _check_headers(self, request: Request, response: aiohttp.ClientResponse) -> None:
        limit = self._policy.max_header_bytes
        if sum(len(name) + len(value) + 4 for name, value in response.raw_headers) > limit:
            response.close()
            raise Fault(
                FaultKind.COMMUNICATION,
                f"{request} was answered, but its headers are larger than the limit of {limit} bytes",
            )

    @property
    def session(self) -> aiohttp.ClientSession:
        """For those who read an answer as it comes: connections within the policy, and no other limit."""
        if self._session is None:
            limit = self._policy.max_header_bytes
            self._session = aiohttp.ClientSession(
                connector=GuardedConnector(self._policy, self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._policy.connect_timeout),
                auto_decompress=False,
                skip_auto_headers=("Content-Type",),
                trust_env=False,
                max_line_size=limit,
                max_field_size=limit,
            )
            # aiohttp would send GET, PUT and DELETE a second time on its own when the answer does not come.
            self._session._retry_connection = False
        return self._session


@dataclass(frozen=True, slots=True)
class _Again:
    """A request that is to be sent in place of one that was refused."""

    request: Request


async def _renewed(request: Request, response: aiohttp.ClientResponse) -> Request | None:
    if request.login is None:
        return None
    renewed = await request.login.renewed(request, response.headers)
    if renewed is not None:
        response.close()
    return renewed


async def _without_secrets(request: Request, body: bytes) -> bytes:
    """The body without the secrets, looked for beside other work where that takes its time."""
    if len(body) * len(request.redaction.secret) > _BACKGROUND_SEARCH:
        return await asyncio.to_thread(request.redaction.result, body)
    return request.redaction.result(body)


def _headers(request: Request, response: aiohttp.ClientResponse) -> dict[str, str]:
    return request.redaction.headers(headers_of(response.headers.items()))


async def _refused(request: Request, response: aiohttp.ClientResponse) -> Fault:
    """The fault of a status that says no, with the beginning of what the body says."""
    detail = f"{request} was answered with {response.status}"
    redaction = request.redaction
    reason = printable(redaction.message(response.reason or ""), 60)
    detail += f" {reason}" if reason else ""
    if 300 <= response.status < 400:
        detail += " (redirects are followed with redirect: true)"
    try:
        async with asyncio.timeout(_EXCERPT_SECONDS):
            body = await read_body(response, _EXCERPT_BYTES)
    except (BodyRefused, OSError, aiohttp.ClientError):
        # The status says what matters; a body that cannot be read must not hide it.
        response.close()
        body = b"(with a body that cannot be shown)"
    with hiding(redaction):
        said = excerpt(body, response.headers.get("Content-Type"))
    return Fault(FaultKind.COMMUNICATION, f"{detail}: {said}" if said else detail, status=response.status)
