"""The HTTP core of the asynchronous client: the attempt loop, and the connections below it.

`AsyncHTTPClient` is an httpx client whose `send` makes a series of attempts under one deadline. An
attempt adds the token (for the API's own origin only), takes an inner, plain httpx client from the
shared `AsyncConnections` and sends an ordinary request; `Call` judges the outcome. Pool, TLS and
proxies are those of the inner client.

Written by hand, as is `_sync/http.py`: they differ in how they wait, in how they limit time, and in
whose connections are whose, an event loop's or a process's.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from functools import partial
from inspect import isawaitable
from typing import Any, TypeVar

import httpx
from attrs import asdict, define, field

from haut_ext._async.auth import AsyncTokenSource
from haut_ext._http.call import INVALID_RESPONSE, Call, Failure, spoils_connection
from haut_ext._http.connection_pool import Lease, Pool
from haut_ext._http.connection_settings import ConnectionSettings, check_send_arguments
from haut_ext._http.deadlines import Deadline, DeadlinePassed
from haut_ext._http.download_sink import DownloadSink
from haut_ext._http.redaction import logging_as
from haut_ext._http.response_shapes import is_web_page
from haut_ext.errors import CallerError
from haut_ext.settings import Options, check_path

T = TypeVar("T")
_Owner = tuple[int, asyncio.AbstractEventLoop]

_GRACE = 0.02
"""Seconds by which the deadline outlasts the timeouts that were cut to it, since a timeout of httpx
says whether the connection had been made, and a cancellation does not.
"""


@define(eq=False)
class _LoopConnections:
    """The connections of one event loop."""

    slots: asyncio.Semaphore
    pool: Pool[httpx.AsyncClient] = field(factory=Pool[httpx.AsyncClient])
    closed_with_loop: AsyncGenerator[None] | None = None

    async def release(self, lease: Lease[httpx.AsyncClient] | None) -> None:
        """Give back the slot of a request; a retired client is closed after its last."""
        if lease is None or lease.end():
            self.slots.release()
        if lease is not None and lease.closing:
            await lease.inner.client.aclose()


class AsyncConnections:
    """The connections and the token of a client and its copies, separate for each event loop."""

    def __init__(self, settings: ConnectionSettings, tokens: AsyncTokenSource) -> None:
        self.settings = settings
        self.tokens = tokens
        self._by_loop: dict[_Owner, _LoopConnections] = {}

    async def of_this_loop(self) -> _LoopConnections:
        """Return the connections of the running event loop."""
        owner = (os.getpid(), asyncio.get_running_loop())
        if owner not in self._by_loop:
            for other in [it for it in list(self._by_loop) if it[1].is_closed()]:
                self._by_loop.pop(other, None)
            slots = asyncio.Semaphore(self.settings.max_in_flight)
            connections = self._by_loop[owner] = _LoopConnections(slots)
            # asyncio.run closes the asynchronous generators of its loop before the loop itself.
            connections.closed_with_loop = self._until_closed(owner)
            await anext(connections.closed_with_loop)
        return self._by_loop[owner]

    async def _until_closed(self, owner: _Owner) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            for client in self._by_loop.pop(owner).pool.retire_all():
                await client.aclose()

    async def aclose(self) -> None:
        """Refuse further requests; close what is idle now, and the rest after its last request."""
        self.settings.closed = True
        connections = self._by_loop.get((os.getpid(), asyncio.get_running_loop()))
        if connections is not None and connections.closed_with_loop is not None:
            await connections.closed_with_loop.aclose()
        await self.settings.aclose_transport()


@define(eq=False)
class _Body(httpx.AsyncByteStream):
    """The body of a response: obeys the deadline, and ends the request when it is closed."""

    stream: httpx.AsyncByteStream
    deadline: Deadline
    connections: _LoopConnections
    lease: Lease[httpx.AsyncClient]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.stream:
            yield chunk
            self.deadline.check()

    async def aclose(self) -> None:
        try:
            await self.stream.aclose()
        finally:
            await self.connections.release(self.lease)


class AsyncHTTPClient(httpx.AsyncClient):
    """An httpx client with the token, retries, deadlines and errors of a Haut client.

    Its requests and responses are httpx's own. It follows no redirects and keeps no cookies.

    Args:
        connections: The connections and the token, shared with other clients.
        options: Time limits, retries, headers and hooks.
        cookies: Sent with each request.
    """

    asynchronous = True

    def __init__(
        self, connections: AsyncConnections, options: Options, cookies: dict[str, str] | None = None
    ) -> None:
        super().__init__(
            base_url=connections.settings.base_url,
            headers=options.sent_headers,
            cookies=cookies,
            timeout=httpx.Timeout(**asdict(options.timeout)),
            transport=httpx.AsyncBaseTransport(),  # never used: send() is overridden
        )
        self.connections = connections
        self.call_options = options

    def build_request(
        self, method: str, url: httpx.URL | str, *, params: Any = None, **more: Any
    ) -> httpx.Request:
        """Build a request, unless an id in its path is empty or would lead to another route."""
        check_path(method, str(url))
        return super().build_request(method, url, params=params or None, **more)

    async def send(
        self, request: httpx.Request, *, stream: bool = False, **arguments: Any
    ) -> httpx.Response:
        """Send a request, and return its response if that is a success.

        Args:
            request: The request, without the token.
            stream: Whether to return a success before its body has been read.
            arguments: httpx's `auth` and `follow_redirects`, which cannot be used.

        Raises:
            ConfigError: If the client is closed, the address is plain http to another machine, or
                authentication or redirects are given.
            HautError: If it fails; see the README's table of errors.
        """
        check_send_arguments(**arguments)
        return await self.exchange(request, stream=stream)

    async def exchange(
        self, request: httpx.Request, *, stream: bool = False, sink: DownloadSink | None = None
    ) -> httpx.Response:
        """Send a request as `send` does, and write the body of a success to `sink` if there is one."""
        tokens, origin = self.connections.tokens, self.connections.settings.origin
        call = Call(request, origin, self.call_options, sink)
        while True:
            if call.takes_token:
                call.token = await self._within(call, tokens.current())
            outcome = await self._attempt(call, stream=stream)
            if isinstance(outcome, httpx.Response):
                return call.finish(outcome)
            wanted = call.needs_new_token(outcome)
            if wanted is not None and await self._within(call, tokens.renew(wanted)):
                continue
            if call.found_deleted(outcome):
                return call.finish(httpx.Response(204, request=request))
            await asyncio.sleep(call.delay_before_retry(outcome))
            if self.connections.settings.closed:
                raise outcome.error

    async def _within(self, call: Call, token: Coroutine[Any, Any, T]) -> T:
        try:
            return await _in_time(call.deadline, token)
        except DeadlinePassed:
            raise call.connection_failure(httpx.PoolTimeout("no token in time")).error from None

    async def _attempt(self, call: Call, *, stream: bool) -> httpx.Response | Failure:
        request = call.begin_attempt()
        await self._run_hooks("request", request, call)
        try:
            response = await _in_time(call.deadline, self._send_once(call, request, stream=stream))
        except CallerError as error:
            raise error.error from None
        except (httpx.TransportError, *INVALID_RESPONSE) as error:
            return call.connection_failure(error)
        try:
            await self._run_hooks("response", response, call)
            return call.judge(response, read=not stream)
        except BaseException:
            await response.aclose()
            raise

    async def _run_hooks(self, event: str, message: Any, call: Call) -> None:
        started = time.monotonic()
        for hook in self.call_options.event_hooks.get(event, ()):
            outcome = hook(message)
            if isawaitable(outcome):
                await outcome
        call.deadline.extend(time.monotonic() - started)

    async def _send_once(
        self, call: Call, request: httpx.Request, *, stream: bool
    ) -> httpx.Response:
        proxy = self.connections.settings.proxy_for(request)
        connections = await self.connections.of_this_loop()
        try:
            async with asyncio.timeout(call.limit(request)["pool"]):
                await connections.slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("max_in_flight requests are in flight") from None
        lease: Lease[httpx.AsyncClient] | None = None
        response: httpx.Response | None = None
        try:
            self.connections.settings.check_open()
            lease = connections.pool.lease(
                str(proxy), partial(self.connections.settings.new_client, httpx.AsyncClient, proxy)
            )
            call.limit(request)
            with logging_as(call.loggable_url):
                response = await lease.inner.client.send(request, stream=True)
            if "network_stream" in response.extensions and spoils_connection(response):
                await response.extensions["network_stream"].aclose()
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = _Body(response.stream, call.deadline, connections, lease)
            if not (stream and response.is_success):
                await self._read(response, call)
            if response.is_closed:  # one that was in memory closes no stream
                await connections.release(lease)
            return response
        except BaseException as error:
            # A cancelled exchange is unfinished, and httpcore can lose its connection.
            if lease is not None:
                lease.inner.retired |= not isinstance(error, Exception)
            try:
                if response is not None:
                    await response.aclose()
            finally:
                await connections.release(lease)
            raise

    async def _read(self, response: httpx.Response, call: Call) -> None:
        if call.sink is None or not response.is_success or is_web_page(response):
            await response.aread()
            return
        async for chunk in response.aiter_bytes():
            call.sink.write(chunk)


async def _in_time(deadline: Deadline, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; cancel it and raise `DeadlinePassed` when the deadline has passed."""
    left = deadline.remaining()
    limit = asyncio.timeout(None if left is None else left + _GRACE)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlinePassed("the deadline has passed") from None
