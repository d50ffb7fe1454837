# Derived from haut_ext/_async/network.py by `make sync`; change that file instead.
"""Sockets that know the deadline of the call they serve.

httpx limits each single read and write, so a server that sends one byte now and then is never late.
Here every operation on a socket gets what is left of the call's deadline as its limit, which holds
against any dribble, in the headers as well as in the body. The deadline travels in a context
variable, since a socket belongs to the pool and serves many calls.

The one thing no limit reaches is the name look-up of the operating system in the synchronous face.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any

import httpcore
import httpx

from haut_ext.wire.proxies import Proxy, https_proxy, is_direct
from haut_ext.wire.waiting import Connector, Turns, write

MOST_IN_FLIGHT = 16
"""Requests at once. httpx gets slower with more, and without a bound they would time out queueing."""

_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """The moment at which a call must have ended; in a `with`, all sockets used there obey it."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.ends: float | None = None  # the clock starts when the first attempt has its turn
        self._token: Token[Deadline | None] | None = None

    def start(self) -> None:
        """Start the clock, unless it runs already."""
        if self.ends is None and self.seconds is not None:
            self.ends = time.monotonic() + self.seconds

    def remaining(self) -> float | None:
        """Return the seconds left, at least 0, or None when there is no limit."""
        return None if self.ends is None else max(0.0, self.ends - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.ends is not None and time.monotonic() >= self.ends

    @contextmanager
    def halted(self) -> Generator[None]:
        """Stop the clock for a wait that is not the service's."""
        since = time.monotonic()
        try:
            yield
        finally:
            if self.ends is not None:
                self.ends += time.monotonic() - since

    def __enter__(self) -> None:
        self._token = _current.set(self)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)


def _limit(timeout: float | None, late: type[Exception]) -> float | None:
    """Return the smaller of a socket operation's own limit and what is left of the deadline."""
    deadline = _current.get()
    left = None if deadline is None else deadline.remaining()
    if left is None:
        return timeout
    if left == 0.0:
        raise late("the deadline has passed")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _limit(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        write(self._stream, buffer, _limit(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        timeout = _limit(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._backend = Connector()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        timeout = _limit(timeout, httpcore.ConnectTimeout)
        return _Stream(
            self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        )


class _PoolBehindProxy(httpcore.HTTPProxy):
    """The connections through a proxy, and beside them a pool of those that need none."""

    def __init__(self, direct: httpcore.ConnectionPool, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._direct = direct

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        if request.url.scheme == b"http" or is_direct(request.url.host.decode("ascii")):
            return self._direct.handle_request(request)
        # The address has it already; left here, it would become the target of the CONNECT as well.
        request.extensions.pop("target", None)  # pyright: ignore[reportUnknownMemberType]  # a bare dict
        return super().handle_request(request)

    def close(self) -> None:
        self._direct.close()
        super().close()


class Lane(httpx.HTTPTransport):
    """httpx's own transport for one request at a time, on sockets that know the deadline.

    The pool is all the state that httpx's transport has, and httpx offers no argument for the
    pool's backend: hence the one private name. A test proves that deadlines hold, so a release of
    httpx that renames it cannot go unnoticed.
    """

    def __init__(self, ssl_context: ssl.SSLContext, proxy: Proxy | None) -> None:
        arguments: dict[str, Any] = {
            "ssl_context": ssl_context,
            "max_connections": 2,  # to the API and to the storage
            "keepalive_expiry": 15.0,
            "network_backend": _Backend(),
        }
        self._pool = httpcore.ConnectionPool(**arguments)
        if proxy is not None:
            self._pool = _PoolBehindProxy(
                self._pool,
                proxy_url=proxy.origin,
                proxy_auth=proxy.login,
                proxy_ssl_context=ssl_context if proxy.origin.startswith("https") else None,
                **arguments,
            )


class Sockets:
    """The connections of a client and of those derived from it: a lane for each request in flight.

    With one pool for all, httpcore would look at every connection before and after each request,
    which for 16 at once takes longer than the requests.
    """

    def __init__(self) -> None:
        ssl_context = httpx.create_ssl_context()
        proxy = https_proxy()
        self._lanes = [Lane(ssl_context, proxy) for _ in range(MOST_IN_FLIGHT)]
        self.turns = Turns(self._lanes)
        self.closed = False

    def close(self) -> None:
        self.closed = True
        for lane in self._lanes:
            lane.close()
