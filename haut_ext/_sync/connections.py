"""Connections of the sync client.

This module and `_async/connections.py` are both written by hand, because the clients differ in how they
wait, how they enforce deadlines, and whether connections belong to an event loop or to a process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

import httpx
from attrs import define, field

from haut_ext._http import attempts
from haut_ext._http.call import Call
from haut_ext._http.deadlines import Deadline
from haut_ext._http.inner_clients import BaseConnections, ClientPool, InnerClient
from haut_ext._sync.auth import TokenSource


@define(eq=False)
class _ProcessConnections:
    """The connections of one process."""

    pool: ClientPool[httpx.Client]
    # SimpleQueue is implemented in C: an interruption cannot leave its lock held.
    permits: SimpleQueue[None] = field(factory=SimpleQueue[None])
    lock: threading.Lock = field(factory=threading.Lock)


@define(eq=False)
class Lease:
    """Permission to send one request on an inner client."""

    inner: InnerClient[httpx.Client]
    connections: _ProcessConnections
    _released: bool = False

    def release(self) -> None:
        """End the request; close the inner client if it is retired and this was its last request."""
        with self.connections.lock:
            if self._released:
                return
            self._released = True
            self.inner.in_flight -= 1
        self.connections.permits.put(None)
        if self.inner.closable:
            self.inner.client.close()

    def attach(self, response: httpx.Response, deadline: Deadline) -> None:
        """Release the lease when the response is closed, and check the deadline while it is read."""
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _ResponseBody(response.stream, deadline, self)

    def abandon(self, response: httpx.Response | None, error: BaseException) -> None:
        """Close the response and release the lease after an exception.

        After an interruption nothing is closed, because a lock may still be held; see
        `Connections.handle_interruption`.
        """
        if not isinstance(error, Exception):
            return
        try:
            if response is not None:
                response.close()
        finally:
            self.release()


@define(eq=False)
class _Body(httpx.SyncByteStream):
    """Body of a request that checks the deadline before each chunk."""

    stream: httpx.SyncByteStream
    deadline: Deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.stream:
            self.deadline.check()
            yield chunk


@define(eq=False)
class _ResponseBody(_Body):
    """Body of a response with a lease and a deadline."""

    lease: Lease

    def close(self) -> None:
        try:
            self.stream.close()
        finally:
            self.lease.release()


class Connections(BaseConnections):
    """Connections and token of a client and its copies; each process has its own connections.

    Args:
        base_url: Origin of the API.
        tokens: Returns the token for each request.
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
        """Wait until fewer than `max_in_flight` requests are in flight, and choose an inner client.

        The timeouts of the request are shortened to the time left, and sending its body obeys the
        deadline.

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

        The exchange is incomplete, and a lock may still be held or a permit lost.
        """
        if not isinstance(error, Exception):
            self._by_process.pop(os.getpid(), None)

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
            new = _ProcessConnections(ClientPool(httpx.Client, self))
            for _ in range(self.max_in_flight):
                new.permits.put(None)
            connections = self._by_process.setdefault(process, new)
        return connections
