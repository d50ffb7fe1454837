"""Creates the httpx clients that send the requests, and distributes requests over them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from inspect import iscoroutinefunction
from itertools import chain
from typing import Any, Generic, TypeVar

from attrs import define, field

from haut_ext._http.call import origin_of
from haut_ext._http.certificates import create_ssl_context
from haut_ext._http.poll_schedule import PollSchedule
from haut_ext._http.proxies import ProxySelector
from haut_ext._httpx import httpx
from haut_ext.errors import ConfigError

Client = TypeVar("Client")

DEFAULT_MAX_IN_FLIGHT = 64
_KEEPALIVE = 15.0
"""Seconds after which an idle connection is closed."""
_LIMITS = httpx.Limits(
    max_connections=None, max_keepalive_connections=8, keepalive_expiry=_KEEPALIVE
)
_REQUESTS_PER_CLIENT = 2
"""Maximum number of concurrent requests per httpx client. With more requests, httpx's connection
pool becomes slow, so another client is created.
"""


@define(eq=False)
class InnerClient(Generic[Client]):
    """An httpx client with the number of its requests in flight.

    A retired client gets no new requests, and is closed after its last request.
    """

    client: Client
    in_flight: int = 0
    retired: bool = False
    last_used: float = 0.0

    @property
    def closable(self) -> bool:
        return self.retired and not self.in_flight


@define(eq=False)
class ClientPool(Generic[Client]):
    """Pool of the inner httpx clients that one event loop or process uses, grouped by proxy.

    Args:
        kind: Class of the inner httpx clients.
        connections: Creates the inner clients.
    """

    kind: type[Client]
    connections: BaseConnections
    _by_proxy: dict[str, list[InnerClient[Client]]] = field(factory=dict[str, Any])

    def assign(self, proxy: httpx.Proxy | None) -> InnerClient[Client]:
        """Assign a request to the least busy client, or to a new client if all are busy.

        Raises:
            ConfigError: If the client is closed, or the configured proxy cannot be used.
        """
        if self.connections.closed:
            raise ConfigError("this client is closed")
        group = self._by_proxy.get(str(proxy), ())
        usable = [inner for inner in group if not inner.retired]
        chosen = min(usable, key=lambda inner: inner.in_flight, default=None)
        if chosen is None or chosen.in_flight >= _REQUESTS_PER_CLIENT:
            chosen = InnerClient(self.connections.new_client(self.kind, proxy))
            usable.append(chosen)
        self._by_proxy[str(proxy)] = usable
        chosen.in_flight += 1
        return chosen

    def end_request(self, inner: InnerClient[Client]) -> list[Client]:
        """End a request, and return the clients that must be closed now.

        These are the client itself if it is retired, and all clients that have been idle for long:
        httpx would close their connections only when they send another request.
        """
        inner.in_flight -= 1
        inner.last_used = time.monotonic()
        started = inner.last_used - _KEEPALIVE
        idle = [
            other
            for other in chain(*self._by_proxy.values())
            if not (other.in_flight or other.retired) and other.last_used < started
        ]
        for other in idle:
            other.retired = True
        return [it.client for it in [*idle, inner] if it.closable]

    @property
    def size(self) -> int:
        """Number of clients that are not retired."""
        return sum(not inner.retired for inner in chain(*self._by_proxy.values()))

    def retire_all(self) -> list[Client]:
        """Retire every inner client, and return those that have no request in flight."""
        clients = list(chain(*self._by_proxy.values()))
        for inner in clients:
            inner.retired = True
        return [inner.client for inner in clients if inner.closable]


class BaseConnections:
    """Base class that checks the connection arguments and creates the inner httpx clients.

    Args:
        base_url: Origin of the API.
        max_in_flight: Maximum number of concurrent requests.
        proxy: A URL or an `httpx.Proxy`; None for the proxies of the environment.
        verify: True for the default CA certificates, a CA file or folder, or an `ssl.SSLContext`.
        transport: An httpx transport to use instead of network connections.

    Attributes:
        arguments: The constructor's arguments, except `base_url`.
        closed: Whether the client has been closed.
        polls: Turns of the waits for results.
        transport_users: Number of open inner clients that use the caller's transport.

    Raises:
        ConfigError: If an argument is invalid or cannot be combined with another one.
    """

    asynchronous: bool

    def __init__(
        self,
        base_url: str,
        *,
        max_in_flight: int = DEFAULT_MAX_IN_FLIGHT,
        proxy: object = None,
        verify: object = True,
        transport: Any = None,
    ) -> None:
        if type(max_in_flight) is not int or not 1 <= max_in_flight <= 10_000:
            raise ConfigError("max_in_flight must be a whole number from 1 to 10,000")
        if transport is not None and (proxy is not None or verify is not True):
            raise ConfigError(
                "transport= cannot be combined with proxy= or verify=: configure the transport itself"
            )
        kind = httpx.AsyncBaseTransport if self.asynchronous else httpx.BaseTransport
        if transport is not None and not isinstance(transport, kind):
            raise ConfigError(f"transport must be an httpx.{kind.__name__}")
        self.arguments = {
            "max_in_flight": max_in_flight,
            "proxy": proxy,
            "verify": verify,
            "transport": transport,
        }
        self.base_url = base_url
        self.polls = PollSchedule()
        self.origin = origin_of(httpx.URL(base_url))
        self.max_in_flight = max_in_flight
        self.closed = False
        self.proxies = ProxySelector(proxy, base_url)
        self.transport: Any = transport
        self.transport_users = 0
        self._ssl_context = None if transport is not None else create_ssl_context(verify)

    def check_hooks(self, event_hooks: Mapping[str, Iterable[object]]) -> None:
        """Raise ConfigError if this is the sync client and an event hook is a coroutine
        function."""
        if not self.asynchronous and any(map(iscoroutinefunction, chain(*event_hooks.values()))):
            raise ConfigError("event_hooks contains a coroutine function: use AsyncHaut instead")

    def handle_interruption(self, error: BaseException) -> None:
        """Restore a valid state after an interrupted attempt; a no-op in the async client."""

    def close_transport(self) -> None:
        """Close the caller's transport if the client and all inner clients are closed."""
        if self.transport is not None and self.closed and not self.transport_users:
            self.transport.close()

    async def aclose_transport(self) -> None:
        """Close the caller's transport if the client and all inner clients are closed."""
        if self.transport is not None and self.closed and not self.transport_users:
            await self.transport.aclose()

    def proxy_for(self, request: httpx.Request) -> httpx.Proxy | None:
        """Return the proxy for a request, or None for a direct connection.

        Raises:
            ConfigError: If the proxy set in the environment is invalid, or would change the path of
                a signed URL.
        """
        return None if self.transport is not None else self.proxies.select(request)

    def new_client(self, kind: Callable[..., Client], proxy: httpx.Proxy | None) -> Client:
        """Return a new inner httpx client.

        Raises:
            ConfigError: If the proxy is a SOCKS proxy and httpx's extra for it is not installed.
        """
        arguments: dict[str, Any] = {"trust_env": False, "limits": _LIMITS}
        if self.transport is not None:
            arguments["transport"] = _SharedTransport(self)
        else:
            arguments |= {"verify": self._ssl_context, "proxy": proxy}
        if proxy is not None and proxy.url.scheme == "https" and proxy.ssl_context is None:
            arguments["proxy"] = httpx.Proxy(
                proxy.url, ssl_context=self._ssl_context, auth=proxy.auth, headers=proxy.headers
            )
        try:
            return kind(**arguments)
        except ImportError:
            raise ConfigError(
                "HTTPS_PROXY, ALL_PROXY or proxy= is a SOCKS proxy, which requires an extra that is "
                "not installed: pip install 'httpx[socks]'"
            ) from None


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Do nothing, so that cookies in a response are not stored."""


_NO_COOKIES = _NoCookies()


class _WithoutCookies:
    """Mixin for inner clients, which must not keep cookies: clients with other headers share them.

    Searching each response for cookies would also take a tenth of the time of a small call.
    """

    cookies = property(lambda self: _NO_COOKIES)


class PlainClient(_WithoutCookies, httpx.Client):
    """Inner client of the sync client."""


class AsyncPlainClient(_WithoutCookies, httpx.AsyncClient):
    """Inner client of the async client."""


class _SharedTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Wrapper that lets several inner clients share the caller's transport."""

    def __init__(self, connections: BaseConnections) -> None:
        self._connections = connections
        connections.transport_users += 1

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = self._connections.transport.handle_request(request)
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = await self._connections.transport.handle_async_request(request)
        return response

    def close(self) -> None:
        self._connections.transport_users -= 1
        self._connections.close_transport()

    async def aclose(self) -> None:
        self._connections.transport_users -= 1
        await self._connections.aclose_transport()
