"""``call: http``: one request out, with its redirects, and the answer as a value."""

from __future__ import annotations

import asyncio
import io
import ssl
from types import TracebackType

import aiohttp

from pgworker.activities.answer import Answer, headers_of, value_of
from pgworker.activities.body import BodyRefused, read_body
from pgworker.activities.connector import GuardedConnector
from pgworker.activities.credentials import authenticated
from pgworker.activities.media import printable
from pgworker.activities.policy import HttpPolicy
from pgworker.activities.redirects import FOLLOWED, redirected
from pgworker.activities.request import Output, Request, prepare
from pgworker.activities.secrets import SecretProvider, StoredSecrets
from pgworker.activities.trouble import trouble
from pgworker.errors import Fault, FaultKind, SettingsError
from pgworker.types import JsonObject, JsonValue

_EXCERPT_BYTES = 64 * 1024
_EXCERPT_SECONDS = 1.0
_BACKGROUND_BYTES = 256 * 1024
_STREAMED_BYTES = 1024 * 1024


class HttpCaller:
    """Calls HTTP services within an operator's policy; one for each process, used as a context manager.

    Connections are kept for a moment and shared by all calls, cookies are not kept, and neither proxies nor
    passwords are taken from the environment. One call sends one request (and its redirects): nothing is sent
    again on its own, since only the author of a workflow knows whether it may be.
    Secrets that authentication policies name come from ``secrets``, by default there are none.
    Raises ``SettingsError`` if the policy's CA file cannot be read.
    """

    def __init__(self, policy: HttpPolicy, secrets: SecretProvider | None = None) -> None:
        self._policy = policy
        self._secrets = secrets or StoredSecrets(environment={})
        self._tls = _tls(policy)
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(policy.connections)

    async def __aenter__(self) -> HttpCaller:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(self, arguments: JsonObject, *, idempotency_key: str) -> JsonValue:
        """Makes the call that the evaluated arguments describe, and returns what ``output`` asks for.

        The key is sent as ``Idempotency-Key`` unless the author's headers hold one. Raises ``Fault``:
        configuration for wrong arguments, authorization for a refused address, communication for everything
        that goes wrong on the way, with the response's status where there is one.
        """
        return await self.send(prepare(arguments, idempotency_key), arguments.get("authentication"))

    async def send(self, request: Request, authentication: JsonValue = None) -> JsonValue:
        """Sends a request and returns what its ``output`` asks for; raises ``Fault`` as ``call`` does."""
        answer = await self.answer(request, authentication)
        if len(answer.body) > _BACKGROUND_BYTES:
            return await asyncio.to_thread(value_of, answer)
        return value_of(answer)

    async def answer(self, request: Request, authentication: JsonValue = None) -> Answer:
        """Sends a request, as the authentication policy asks for, and returns what came back."""
        request = await authenticated(request, authentication, self._secrets)
        try:
            async with self._slots:
                return await self._within_time(request)
        except Fault as fault:
            fault.detail = request.redaction.message(fault.detail)
            raise

    async def opened(
        self, request: Request, authentication: JsonValue
    ) -> tuple[aiohttp.ClientSession, Request]:
        """For answers without an end: where to send a request, and the request as its policy asks for.

        Connections go where those of every call do; who sends it minds the limits of time and size.
        """
        return self._open_session(), await authenticated(request, authentication, self._secrets)

    async def _within_time(self, request: Request) -> Answer:
        seconds = self._policy.total_timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(request)
        except TimeoutError as error:
            raise Fault(
                FaultKind.COMMUNICATION,
                f"{request} was not answered within {seconds:g} s (the total timeout)",
            ) from error

    async def _follow(self, request: Request) -> Answer:
        for _ in range(self._policy.max_redirects + 1):
            answer = await self._send(request)
            if isinstance(answer, Answer):
                return answer
            request = answer
        raise Fault(
            FaultKind.COMMUNICATION,
            f"{request} was not called: there were more than {self._policy.max_redirects} redirects",
        )

    async def _send(self, request: Request) -> Answer | Request:
        """The answer, or the request that a redirect asks for."""
        large = request.body is not None and len(request.body) > _STREAMED_BYTES
        try:
            async with self._open_session().request(
                request.method,
                request.url,
                headers=request.headers,
                data=io.BytesIO(request.body or b"") if large else request.body,
                allow_redirects=False,
            ) as response:
                self._check_headers(request, response)
                location = response.headers.get("Location")
                if request.redirect and response.status in FOLLOWED and location is not None:
                    return redirected(request, response.status, location)
                if not 200 <= response.status < (400 if request.redirect else 300):
                    raise await _refused(request, response)
                return await self._answer(request, response)
        except (aiohttp.ClientError, OSError) as error:
            raise trouble(request, error, self._policy.connect_timeout) from error

    async def _answer(self, request: Request, response: aiohttp.ClientResponse) -> Answer:
        try:
            body = await read_body(response, self._policy.max_response_bytes)
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
            body=request.redaction.result(body),
        )

    def _check_headers(self, request: Request, response: aiohttp.ClientResponse) -> None:
        limit = self._policy.max_header_bytes
        if sum(len(name) + len(value) + 4 for name, value in response.raw_headers) > limit:
            response.close()
            raise Fault(
                FaultKind.COMMUNICATION,
                f"{request} was answered, but its headers are larger than the limit of {limit} bytes",
            )

    def _open_session(self) -> aiohttp.ClientSession:
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


def _tls(policy: HttpPolicy) -> ssl.SSLContext | None:
    """The certificates to trust, None for the system's; verification cannot be turned off."""
    if policy.ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(policy.ca_file))
    except OSError as error:
        raise SettingsError(
            f"the certificates in {policy.ca_file} cannot be read: {error}",
            hint="PGWORKER_CA_FILE names a file of PEM certificates",
        ) from error


def _headers(request: Request, response: aiohttp.ClientResponse) -> dict[str, str]:
    headers = headers_of(response.headers.items())
    return {name: request.redaction.result(value.encode()).decode() for name, value in headers.items()}


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
    excerpt = printable(redaction.message(body.decode("utf-8", "replace")))
    return Fault(
        FaultKind.COMMUNICATION, f"{detail}: {excerpt}" if excerpt else detail, status=response.status
    )
