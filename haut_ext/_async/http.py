"""HTTP client of the SDK: an httpx client whose `send` retries requests and raises typed errors.

Each call is a series of attempts under one deadline. Each attempt adds the token (for the API's own
origin only), runs the event hooks, and sends an ordinary httpx request through `AsyncConnections`.
The module `haut_ext._http.attempts` decides after each attempt whether to return, retry or raise an
error.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Self

from attrs import asdict

from haut_ext._async.connections import AsyncConnections, before_deadline, token_before_deadline
from haut_ext._http import attempts
from haut_ext._http.body_limits import BodyLimit, RejectedBody
from haut_ext._http.call import Call
from haut_ext._http.download_sink import DownloadSink
from haut_ext._http.redaction import log_requests_as
from haut_ext._http.response_capture import record_response
from haut_ext._http.response_shapes import announces_forbidden_body, is_web_page
from haut_ext._httpx import httpx
from haut_ext.concurrency import run_async
from haut_ext.errors import CallerError, ConfigError
from haut_ext.secret import hide_frames
from haut_ext.settings import Options
from haut_ext.urls import check_path


class AsyncHTTPClient(httpx.AsyncClient):
    """An httpx client that adds the token, retries, deadlines and typed errors of a Haut client.

    It uses httpx's request and response classes. It follows no redirects and stores no cookies from
    responses.

    Args:
        connections: Connections and token, shared with other clients.
        options: Time limits, retries, headers and event hooks.
        cookies: Sent with each request.
    """

    def __init__(
        self, connections: AsyncConnections, options: Options, cookies: dict[str, str] | None = None
    ) -> None:
        connections.check_hooks(options.event_hooks)
        super().__init__(
            base_url=connections.base_url,
            headers=options.sent_headers,
            cookies=cookies,
            timeout=httpx.Timeout(**asdict(options.timeout)),
            transport=httpx.AsyncBaseTransport(),  # never used: send() is overridden
        )
        self.connections = connections
        self.call_options = options

    def build_request(
        self, method: str, url: httpx.URL | str, *, params: Any = None, **arguments: Any
    ) -> httpx.Request:
        """Build a request.

        Raises:
            ConfigError: If an id in the path is empty or would lead to another route, or a value cannot
                be sent as JSON or as text.
        """
        check_path(method, str(url))
        if isinstance(url, str) and url.startswith("/"):
            url = self.connections.base_url + url  # httpx would parse the joined URL a second time
        try:
            return super().build_request(method, url, params=params or None, **arguments)
        except (TypeError, ValueError, AttributeError, RecursionError, httpx.InvalidURL) as error:
            raise ConfigError(f"the request is invalid: {type(error).__name__}") from None

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: object = None,
        follow_redirects: object = False,
    ) -> httpx.Response:
        """Send a request and return its response; raise an error unless the status is a success.

        Args:
            request: The request, without the token.
            stream: Whether to return a successful response before its body has been read.
            auth: Must not be given.
            follow_redirects: Must not be given.

        Raises:
            ConfigError: If the client is closed, the URL is plain http (unless API and host are both
                on loopback), `auth` or `follow_redirects` is given, or the body cannot be sent by this
                client.
            HautError: If the request fails; docs/errors.md lists the subclasses.
        """
        if auth not in (None, httpx.USE_CLIENT_DEFAULT) or follow_redirects is True:
            raise ConfigError(
                "auth= and follow_redirects= cannot be used: the client sends its own token, and the "
                "token must not leave the API's origin"
            )
        if not isinstance(request.stream, httpx.AsyncByteStream):
            raise ConfigError("the body is a stream for the other kind of client, sync or async")
        return await self.exchange(request, stream=stream)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Do nothing, as `aclose` does."""

    async def aclose(self) -> None:
        """Do nothing: the connections are closed together with the Haut client."""

    async def exchange(
        self, request: httpx.Request, *, stream: bool = False, sink: DownloadSink | None = None
    ) -> httpx.Response:
        """Send a request as `send` does; if `sink` is given, write a successful body to it."""
        connections, tokens = self.connections, self.connections.tokens
        call = Call(request, connections.origin, self.call_options, sink)
        while True:
            if call.takes_token:
                call.token = await token_before_deadline(call, tokens.current())
            outcome = await self._attempt(call, stream=stream)
            if isinstance(outcome, httpx.Response):
                return record_response(outcome, call)
            rejected = attempts.rejected_token(call, outcome)
            if rejected is not None and await token_before_deadline(call, tokens.renew(rejected)):
                continue
            await asyncio.sleep(attempts.delay_before_retry(call, outcome))
            if connections.closed:
                raise outcome.error

    async def _attempt(self, call: Call, *, stream: bool) -> httpx.Response | attempts.Failure:
        request = attempts.start_attempt(call)
        try:
            await self._run_hooks("request", request, call)
            try:
                sent = self._send_once(call, request, stream=stream)
                response = await before_deadline(call, sent)
            except CallerError as error:
                raise error.error from None
            except RejectedBody as error:
                return attempts.body_failure(call, error)
            except (httpx.TransportError, *attempts.INVALID_RESPONSE) as error:
                return attempts.connection_failure(call, error)
            except BaseException as error:
                self.connections.handle_interruption(error)
                raise
        finally:
            del request  # tracebacks show variables, and the request contains the signed URL
        try:
            await self._run_hooks("response", response, call)
            return attempts.response_outcome(call, response, read=not stream)
        except BaseException:
            await response.aclose()
            raise

    @hide_frames
    async def _send_once(
        self, call: Call, request: httpx.Request, *, stream: bool
    ) -> httpx.Response:
        """Send the request once, and read the response unless it is a success to be streamed."""
        lease = await self.connections.acquire(call, request)
        response: httpx.Response | None = None
        try:
            with log_requests_as(call.loggable_url):
                response = await lease.inner.client.send(request, stream=True)
            if "network_stream" in response.extensions and announces_forbidden_body(response):
                await response.extensions["network_stream"].aclose()
            streamed = stream and response.is_success
            limit = None if streamed else BodyLimit(response, download=call.sink is not None)
            lease.attach(response, call.deadline, limit)
            if not streamed:
                await self._read(response, call)
            if response.is_closed:  # httpx does not close the stream of an in-memory response
                await lease.release()
            return response
        except BaseException as error:
            await lease.abandon(response, error)
            raise

    async def _read(self, response: httpx.Response, call: Call) -> None:
        if call.sink is None or not response.is_success or is_web_page(response):
            await response.aread()
            return
        length = response.headers.get("content-length", "")
        call.sink.total = int(length) if length.isdecimal() else None
        async for chunk in response.aiter_bytes():
            call.sink.write(chunk)

    async def _run_hooks(self, event: str, message: Any, call: Call) -> None:
        started = time.monotonic()
        try:
            for hook in self.call_options.event_hooks.get(event, ()):
                await run_async(hook, message)
        finally:
            del message  # as in _attempt
        call.deadline.extend(time.monotonic() - started)
