"""What a client was given for its connections, checked: certificates, proxies, transport.

The environment's proxies are chosen by urllib's documented rules: HTTPS_PROXY or ALL_PROXY, and
NO_PROXY with hosts, `.suffixes` and `host:port`; CIDR ranges are not supported. Plain http never
goes through a proxy: it is for loopback only, and a proxy would read the token.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.request import getproxies, proxy_bypass

import httpx

from haut_ext.errors import ConfigError
from haut_ext.settings import is_host

Client = TypeVar("Client")
Origin = tuple[str, str, int | None]

DEFAULT_MAX_IN_FLIGHT = 64
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=15.0)
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def origin_of(url: httpx.URL) -> Origin:
    """Return scheme, host and port.

    Raises:
        ConfigError: If the host name is invalid.
    """
    try:
        return url.scheme, url.host, url.port
    except UnicodeError:
        raise ConfigError("the host name of a URL is invalid") from None


class ConnectionSettings:
    """The settings from which inner httpx clients are made.

    Args:
        base_url: The service's origin.
        asynchronous: Whether they are for the asynchronous client.
        max_in_flight: Maximum number of concurrent requests.
        proxy: A URL or an `httpx.Proxy`; the environment's proxies unless given.
        verify: True for the system's own trust, a CA file or folder, or an `ssl.SSLContext`.
        transport: An httpx transport to be used instead of connections.

    Raises:
        ConfigError: If an argument is invalid or excludes another.
    """

    def __init__(
        self,
        base_url: str,
        *,
        asynchronous: bool,
        max_in_flight: int = DEFAULT_MAX_IN_FLIGHT,
        proxy: object = None,
        verify: object = True,
        transport: Any = None,
    ) -> None:
        if type(max_in_flight) is not int or not 1 <= max_in_flight <= 10_000:
            raise ConfigError("max_in_flight must be a whole number from 1 to 10,000")
        if transport is not None and (proxy is not None or verify is not True):
            raise ConfigError(
                "transport= excludes proxy= and verify=: configure the transport itself"
            )
        wanted = httpx.AsyncBaseTransport if asynchronous else httpx.BaseTransport
        if transport is not None and not isinstance(transport, wanted):
            raise ConfigError(f"transport must be an httpx.{wanted.__name__}")
        self._borrowed: Any = _AsyncBorrowed if asynchronous else _Borrowed
        self.origin = origin_of(httpx.URL(base_url))
        self.closed = False
        self.borrowers = 0
        self.base_url = base_url
        self.max_in_flight = max_in_flight
        self.transport: Any = transport
        self.arguments = {
            "max_in_flight": max_in_flight,
            "proxy": proxy,
            "verify": verify,
            "transport": transport,
        }
        self._proxy = _check_proxy(proxy, base_url)
        self._ssl_context = None if transport is not None else _create_ssl_context(verify)
        self._proxies: dict[str, httpx.Proxy | None] = {}

    def check_open(self) -> None:
        """Raise ConfigError if the client is closed."""
        if self.closed:
            raise ConfigError("this client is closed")

    def close_transport(self) -> None:
        """Close the caller's transport once the client is closed and no inner client uses it."""
        if self.transport is not None and self.closed and not self.borrowers:
            self.transport.close()

    async def aclose_transport(self) -> None:
        """The same for the asynchronous client."""
        if self.transport is not None and self.closed and not self.borrowers:
            await self.transport.aclose()

    def proxy_for(self, request: httpx.Request) -> httpx.Proxy | None:
        """Return the proxy for a request, or None for a direct connection.

        Raises:
            ConfigError: If the environment's proxy is invalid, or would change a signed path.
        """
        proxy = self._proxy_for(request.url)
        if proxy is not None and "target" in request.extensions:
            # httpcore gives the target to the CONNECT request of the tunnel as well.
            raise ConfigError("a signed address with dot segments cannot be sent through a proxy")
        return proxy

    @property
    def has_proxy_password(self) -> bool:
        """Whether the proxy of the argument needs a password."""
        return self._proxy is not None and self._proxy.auth is not None

    def _proxy_for(self, url: httpx.URL) -> httpx.Proxy | None:
        if self.transport is not None or url.scheme != "https":
            return None
        if self._proxy is not None:
            return self._proxy
        origin = f"{url.host}:{url.port or 443}"
        if origin not in self._proxies:
            self._proxies[origin] = _environment_proxy(url.host, origin)
        return self._proxies[origin]

    def new_client(self, kind: Callable[..., Client], proxy: httpx.Proxy | None) -> Client:
        """Return a new inner httpx client.

        Raises:
            ConfigError: If a SOCKS proxy is needed and httpx's support for it is not installed.
        """
        arguments: dict[str, Any] = {
            "trust_env": False,
            "limits": _LIMITS,
            # No cookie is kept: derived clients with other headers share this one.
            "cookies": _NoCookies(),
        }
        if self._ssl_context is None:
            arguments["transport"] = self._borrowed(self)
        else:
            arguments["verify"] = self._ssl_context
            arguments["proxy"] = proxy and _with_tls(proxy, self._ssl_context)
        try:
            return kind(**arguments)
        except ImportError:
            raise ConfigError(
                "HTTPS_PROXY, ALL_PROXY or proxy= names a SOCKS proxy, which needs support that is not "
                "installed: pip install 'httpx[socks]'"
            ) from None


class _NoCookies(CookieJar):
    def extract_cookies(self, response: Any, request: Any) -> None:
        """Keep nothing, and parse nothing."""


class _Borrowed(httpx.BaseTransport):
    """A transport of the caller's, used by several inner clients and closed after the last."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        settings.borrowers += 1

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = self._settings.transport.handle_request(request)
        return response

    def close(self) -> None:
        self._settings.borrowers -= 1
        self._settings.close_transport()


class _AsyncBorrowed(httpx.AsyncBaseTransport):
    """The same for the asynchronous client."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        settings.borrowers += 1

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = await self._settings.transport.handle_async_request(request)
        return response

    async def aclose(self) -> None:
        self._settings.borrowers -= 1
        await self._settings.aclose_transport()


def _create_ssl_context(verify: object) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        return verify
    if isinstance(verify, str | os.PathLike):
        named = os.fspath(cast("str | os.PathLike[str]", verify))
        try:
            path = Path(named)
            folder = path.is_dir()
            return ssl.create_default_context(
                cafile=None if folder else path, capath=path if folder else None
            )
        except (OSError, ValueError) as error:
            raise ConfigError(f"verify={named!r} cannot be used: {error}") from None
    if verify is not True:
        raise ConfigError(
            "verify must be True, the path of a CA file, or an ssl.SSLContext: certificate checks "
            "cannot be switched off"
        )
    variables = {name: os.environ[name] for name in _CERTIFICATE_VARIABLES if os.environ.get(name)}
    for name, value in variables.items():
        if not os.path.exists(value):
            raise ConfigError(f"{name} names {value!r}, which does not exist: correct or unset it")
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        raise ConfigError(f"the CA certificates of {variables} cannot be loaded: {error}") from None


def _check_proxy(proxy: object, base_url: str) -> httpx.Proxy | None:
    if proxy is None:
        return None
    if not base_url.startswith("https:"):
        raise ConfigError(
            "proxy= needs an https base_url: plain http is for loopback, and a proxy could read it"
        )
    if isinstance(proxy, httpx.Proxy):
        return proxy
    if isinstance(proxy, str | httpx.URL):
        return _as_proxy(proxy, "proxy=")
    raise ConfigError(f"proxy must be a URL or an httpx.Proxy, not {type(proxy).__name__}")


def _environment_proxy(host: str, origin: str) -> httpx.Proxy | None:
    named = getproxies()
    address = named.get("https") or named.get("all")
    if not address or proxy_bypass(origin) or proxy_bypass(host):
        return None
    return _as_proxy(
        address if "://" in address else f"http://{address}", "HTTPS_PROXY or ALL_PROXY"
    )


def _as_proxy(address: str | httpx.URL, source: str) -> httpx.Proxy:
    try:
        proxy = httpx.Proxy(address)
        if is_host(proxy.url.host) and (proxy.url.port or 0) < 65536:
            return proxy
    except (ValueError, TypeError, httpx.InvalidURL):
        pass
    # Not shown: it may contain a password.
    raise ConfigError(
        f"{source} is not the address of a proxy; expected for example http://proxy.example:3128"
    )


def _with_tls(proxy: httpx.Proxy, context: ssl.SSLContext) -> httpx.Proxy:
    if proxy.url.scheme != "https" or proxy.ssl_context is not None:
        return proxy
    return httpx.Proxy(proxy.url, ssl_context=context, auth=proxy.auth, headers=proxy.headers)


def check_send_arguments(auth: object = None, follow_redirects: object = False) -> None:
    """Raise ConfigError for arguments of httpx's `send` that would break a promise."""
    if auth not in (None, httpx.USE_CLIENT_DEFAULT) or follow_redirects is True:
        raise ConfigError(
            "auth= and follow_redirects= cannot be given: the client sends its own token, and the token "
            "must not leave the API's origin"
        )
