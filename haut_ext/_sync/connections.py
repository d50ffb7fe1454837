"""Manages the connections of the sync client.

This module and `_async/connections.py` are both written by hand, because the async and the sync
client wait and enforce deadlines differently, and because connections belong to an event loop in
one and to a process in the other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

from attrs import define, field

from haut_ext._http import attempts
from haut_ext._http.body_limits import BodyLimit
from haut_ext._http.call import Call
from haut_ext._http.deadlines import Deadline
from haut_ext._http.inner_clients import BaseConnections, ClientPool, InnerClient, PlainClient
from haut_ext._httpx import httpx
from haut_ext._sync.auth import TokenSource


@define(eq=False)
class _ProcessConnections:
    """The connections of one process."""

    pool: ClientPool[PlainClient]
    # SimpleQueue is implemented in C: an interruption cannot leave its lock held.
    permits: SimpleQueue[None] = field(factory=SimpleQueue[None])
    lock: threading.Lock = field(factory=threading.Lock)


@define(eq=False)
class Lease:
    """Reserves an httpx client and one of the `max_in_flight` permits for a request."""

    inner: InnerClient[PlainClient]
    connections: _ProcessConnections
    _released: bool = False

    def release(self) -> None:
        """End the request, and close the httpx clients that are no longer needed."""
        with self.connections.lock:
            if self._released:
                return
            self._released = True
            unused = self.connections.pool.end_request(self.inner)
        self.connections.permits.put(None)
        for client in unused:
            client.close()

    def attach(self, response: httpx.Response, deadline: Deadline, limit: BodyLimit | None) -> None:
        """Wrap the response's stream, so that closing the response releases the lease."""
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = ResponseBody(response.stream, deadline, self, limit)

    def abandon(self, response: httpx.Response | None, error: BaseException) -> None:
        """Close the response and release the lease, after a failed attempt.

        After an interruption nothing is closed, because a lock may still be held; see
        `Connections.handle_interruption`.
        """
        if attempts.is_interruption(error):
            return
        try:
            if response is not None:
                response.close()
        finally:
            self.release()


@define(eq=False)
class _Body(httpx.SyncByteStream):
    """Request body that checks the deadline before each chunk is sent."""

    stream: httpx.SyncByteStream
    deadline: Deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.stream:
            self.deadline.check()
            yield chunk


@define(eq=False)
class ResponseBody(_Body):
    """Response body that enforces a deadline and a limit, and releases its lease when closed."""

    lease: Lease
    limit: BodyLimit | None

    def __iter__(self) -> Iterator[bytes]:
        for chunk in super().__iter__():
            if self.limit is not None:
                self.limit.add(chunk)
            yield chunk
        if self.limit is not None:
            self.limit.end()

    def close(self) -> None:
        try:
            self.stream.close()
        finally:
            self.lease.release()


class Connections(BaseConnections):
    """Connections and token of a client and its copies; each process has its own connections.

    Args:
        base_url: Origin of the API.
        tokens: Provides the token for each request.
        arguments: Further arguments of `BaseConnections`.
    """

    asynchronous = False

    def __init__(self, base_url: str, tokens: TokenSource, **arguments: Any) -> None:
        super().__init__(base_url, **arguments)
        self.tokens = tokens
        # After a fork the parent's connections stay here unused: closing them could wait for a lock
        # that a thread of the parent held.
        self._by_process: dict[int, _ProcessConnections] = {}

    def acquire(self, call: Call, request: httpx.Request) -> Lease:
        """Wait until fewer than `max_in_flight` requests are in flight, and choose an httpx client.

        The request's timeouts are shortened to the time left before the deadline. The deadline is also
        checked while the request body is sent.

        Raises:
            ConfigError: If the client is closed, or the proxy cannot be used.
            httpx.PoolTimeout: If the wait takes longer than `timeout.pool`.
        """
        proxy = self.proxy_for(request)
        connections = self._of_this_process()
        try:
            connections.permits.get(timeout=attempts.shorten_timeouts(call, request)["pool"])
        except Empty:
            raise httpx.PoolTimeout("max_in_flight requests are in flight") from None
        try:
            with connections.lock:
                lease = Lease(connections.pool.assign(proxy), connections)
        except Exception:
            connections.permits.put(None)
            raise
        attempts.shorten_timeouts(call, request)
        if isinstance(request.stream, httpx.SyncByteStream) and not call.buffered:
            request.stream = _Body(request.stream, call.deadline)
        return lease

    def handle_interruption(self, error: BaseException) -> None:
        """Discard the connections of this process if an attempt was interrupted, as by Ctrl-C.

        After an interruption the response is incomplete, a lock may still be held, and a permit may be
        lost. Signal handlers may raise any exception, such as one at the time limit of a task queue.
        """
        if attempts.is_interruption(error):
            discarded = self._by_process.pop(os.getpid(), None)
            if discarded is not None and isinstance(error, Exception):
                # The caller's transport may have raised the error. Closing it must not wait for the
                # discarded clients, which are never closed.
                self.transport_users -= discarded.pool.size

    def close(self) -> None:
        """Reject new requests and close idle connections.

        Busy connections are closed after their last request.
        """
        self.closed = True
        connections = self._by_process.pop(os.getpid(), None)
        if connections is not None:
            with connections.lock:
                idle = connections.pool.retire_all()
            for client in idle:
                client.close()
        self.close_transport()

    def _of_this_process(self) -> _ProcessConnections:
        process = os.getpid()
        connections = self._by_process.get(process)
        if connections is None:
            new = _ProcessConnections(ClientPool(PlainClient, self))
            for _ in range(self.max_in_flight):
                new.permits.put(None)
            connections = self._by_process.setdefault(process, new)
        return connections
