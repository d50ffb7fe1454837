"""Manages the connections of the async client, and enforces deadlines while waiting.

This module and `_sync/connections.py` are both written by hand, because the async and the sync
client wait and enforce deadlines differently, and because connections belong to an event loop in
one and to a process in the other.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from attrs import define

from haut_ext._async.auth import AsyncTokenSource
from haut_ext._http import attempts
from haut_ext._http.body_limits import BodyLimit
from haut_ext._http.call import Call
from haut_ext._http.deadlines import Deadline, DeadlineExceeded
from haut_ext._http.inner_clients import AsyncPlainClient, BaseConnections, ClientPool, InnerClient
from haut_ext._httpx import httpx
from haut_ext.errors import ConfigError

T = TypeVar("T")
_Owner = tuple[int, asyncio.AbstractEventLoop]

_DEADLINE_MARGIN = 0.02
"""Seconds from the timeouts that are derived from a call's deadline until the call is cancelled.
The timeout should occur first, because httpx's exception tells whether a connection was
established.
"""


@define(eq=False)
class _LoopConnections:
    """The connections of one event loop."""

    permits: asyncio.Semaphore
    pool: ClientPool[AsyncPlainClient]
    cleanup: AsyncGenerator[None] | None = None


@define(eq=False)
class AsyncLease:
    """Reserves an httpx client and one of the `max_in_flight` permits for a request."""

    inner: InnerClient[AsyncPlainClient]
    connections: _LoopConnections
    _opened: Any = None
    _in_handshake: bool = False
    _released: bool = False

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the connection that the request opens; called by httpx for each trace event."""
        if event.endswith("connect_tcp.complete"):
            self._opened = info["return_value"]
        elif ".start_tls." in event:
            self._in_handshake = not event.endswith(".complete")

    async def release(self) -> None:
        """End the request, and close the httpx clients that are no longer needed."""
        if not self._released:
            self._released = True
            unused = self.connections.pool.end_request(self.inner)
            self.connections.permits.release()
            await _close(unused)
        elif self.inner.closable:  # retired after the end of the request
            await _close([self.inner.client])

    def attach(self, response: httpx.Response, deadline: Deadline, limit: BodyLimit | None) -> None:
        """Wrap the response's stream, so that closing the response releases the lease."""
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = ResponseBody(response.stream, deadline, self, limit)

    async def abandon(self, response: httpx.Response | None, error: BaseException) -> None:
        """Close the response and release the lease, after a failed attempt."""
        interrupted = not isinstance(error, Exception)
        # A cancellation leaves the response incomplete, and httpcore's pool may lose the
        # connection.
        self.inner.retired |= interrupted
        try:
            if interrupted and self._in_handshake:
                await self._opened.aclose()  # httpcore does not, during a TLS handshake
            if response is not None:
                await response.aclose()
        finally:
            await self.release()


@define(eq=False)
class ResponseBody(httpx.AsyncByteStream):
    """Response body that enforces a deadline and a limit, and releases its lease when closed."""

    stream: httpx.AsyncByteStream
    deadline: Deadline
    lease: AsyncLease
    limit: BodyLimit | None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.stream:
            if self.limit is not None:
                self.limit.add(chunk)
            yield chunk
            self.deadline.check()
        if self.limit is not None:
            self.limit.end()

    async def aclose(self) -> None:
        try:
            await self.stream.aclose()
        finally:
            await self.lease.release()


class AsyncConnections(BaseConnections):
    """Connections and token of a client and its copies; each event loop has its own connections.

    Args:
        base_url: Origin of the API.
        tokens: Provides the token for each request.
        arguments: Further arguments of `BaseConnections`.
    """

    asynchronous = True

    def __init__(self, base_url: str, tokens: AsyncTokenSource, **arguments: Any) -> None:
        super().__init__(base_url, **arguments)
        self.tokens = tokens
        self._by_loop: dict[_Owner, _LoopConnections] = {}

    async def acquire(self, call: Call, request: httpx.Request) -> AsyncLease:
        """Wait until fewer than `max_in_flight` requests are in flight, and choose an httpx client.

        The request's timeouts are shortened to the time left before the deadline.

        Raises:
            ConfigError: If the client is closed, or the proxy cannot be used.
            httpx.PoolTimeout: If the wait takes longer than `timeout.pool`.
        """
        proxy = self.proxy_for(request)
        connections = await self._of_this_loop()
        permits = connections.permits
        try:
            async with asyncio.timeout(attempts.shorten_timeouts(call, request)["pool"]):
                await permits.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("max_in_flight requests are in flight") from None
        try:
            lease = AsyncLease(connections.pool.assign(proxy), connections)
        except BaseException:
            permits.release()
            raise
        attempts.shorten_timeouts(call, request)
        request.extensions.setdefault("trace", lease.trace)
        return lease

    async def aclose(self) -> None:
        """Reject new requests and close idle connections.

        Busy connections are closed after their last request.
        """
        self.closed = True
        connections = self._by_loop.get((os.getpid(), asyncio.get_running_loop()))
        if connections is not None and connections.cleanup is not None:
            await connections.cleanup.aclose()
        await self.aclose_transport()

    async def _of_this_loop(self) -> _LoopConnections:
        owner = (os.getpid(), asyncio.get_running_loop())
        if owner not in self._by_loop:
            for other in [it for it in list(self._by_loop) if it[1].is_closed()]:
                self._by_loop.pop(other, None)
            permits = asyncio.Semaphore(self.max_in_flight)
            connections = _LoopConnections(permits, ClientPool(AsyncPlainClient, self))
            self._by_loop[owner] = connections
            # asyncio.run closes an event loop's async generators before it closes the loop.
            connections.cleanup = self._close_with_loop(owner)
            await anext(connections.cleanup)
        return self._by_loop[owner]

    async def _close_with_loop(self, owner: _Owner) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await _close(self._by_loop.pop(owner).pool.retire_all())


async def _close(clients: Iterable[AsyncPlainClient]) -> None:
    """Close httpx clients completely, even if the task is canceled meanwhile."""
    closing = [asyncio.ensure_future(client.aclose()) for client in clients]
    canceled: asyncio.CancelledError | None = None
    while pending := [it for it in closing if not it.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            canceled = error
    for closed in closing:
        closed.result()
    if canceled is not None:
        raise canceled


async def before_deadline(call: Call, work: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine and return its result; cancel the coroutine at the call's deadline.

    Raises:
        DeadlineExceeded: If the deadline passes first.
        ConfigError: If the event loop is not one of asyncio.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        work.close()
        raise ConfigError(
            "AsyncHaut requires an event loop of asyncio; with trio, use Haut"
        ) from None
    remaining = call.deadline.remaining()
    timeout = asyncio.timeout(None if remaining is None else remaining + _DEADLINE_MARGIN)
    try:
        async with timeout:
            return await work
    except TimeoutError:
        if not timeout.expired():
            raise
        raise DeadlineExceeded("the deadline of the call has passed") from None


async def token_before_deadline(call: Call, work: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine that fetches a token; cancel the coroutine at the call's deadline.

    Raises:
        TransportTimeout: If the deadline passes first.
    """
    try:
        return await before_deadline(call, work)
    except DeadlineExceeded:
        error = httpx.PoolTimeout("no token in time")
        raise attempts.connection_failure(call, error).error from None
