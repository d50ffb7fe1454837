"""Chooses the proxy for each request.

Proxies from the environment follow the documented rules of urllib: HTTPS_PROXY or ALL_PROXY, and
NO_PROXY with hosts, `.suffixes` and `host:port`; CIDR ranges are not supported. Requests over plain
http never use a proxy: they are allowed to loopback hosts only, and a proxy could read the token.
"""

from __future__ import annotations

from urllib.request import getproxies, proxy_bypass

from haut_ext._httpx import httpx
from haut_ext.errors import ConfigError
from haut_ext.urls import is_host


class ProxySelector:
    """Chooses the proxy for each request.

    Args:
        proxy: A URL or an `httpx.Proxy`; None to use the proxies set in the environment.
        base_url: Origin of the API.

    Raises:
        ConfigError: If the proxy is invalid, or the base URL is plain http.
    """

    def __init__(self, proxy: object, base_url: str) -> None:
        self._from_environment: dict[str, httpx.Proxy | None] = {}
        self._proxy: httpx.Proxy | None = None
        if proxy is None:
            return
        if not base_url.startswith("https:"):
            raise ConfigError(
                "proxy= requires an https base_url: plain http is for loopback only, and a proxy "
                "could read the token"
            )
        if not isinstance(proxy, str | httpx.URL | httpx.Proxy):
            raise ConfigError(f"proxy must be a URL or an httpx.Proxy, not {type(proxy).__name__}")
        self._proxy = proxy if isinstance(proxy, httpx.Proxy) else _parse_proxy(proxy, "proxy=")

    @property
    def has_password(self) -> bool:
        """Whether the URL of the configured proxy contains a password."""
        return self._proxy is not None and self._proxy.auth is not None

    def select(self, request: httpx.Request) -> httpx.Proxy | None:
        """Return the proxy for a request, or None for a direct connection.

        Raises:
            ConfigError: If the proxy set in the environment is invalid, or would change the path of
                a signed URL.
        """
        url = request.url
        if url.scheme != "https":
            return None
        proxy = self._proxy
        if proxy is None:
            origin = f"{url.host}:{url.port or 443}"
            if origin not in self._from_environment:
                self._from_environment[origin] = _environment_proxy(url.host, origin)
            proxy = self._from_environment[origin]
        if proxy is not None and "target" in request.extensions:
            # httpcore would use the `target` extension also for the CONNECT request to the proxy.
            raise ConfigError(
                "a signed URL with . or .. in its path cannot be requested through a proxy"
            )
        return proxy


def _environment_proxy(host: str, origin: str) -> httpx.Proxy | None:
    proxies = getproxies()
    url = proxies.get("https") or proxies.get("all")
    if not url or proxy_bypass(origin) or proxy_bypass(host):
        return None
    return _parse_proxy(url if "://" in url else f"http://{url}", "HTTPS_PROXY or ALL_PROXY")


def _parse_proxy(url: str | httpx.URL, source: str) -> httpx.Proxy:
    try:
        proxy = httpx.Proxy(url)
        if is_host(proxy.url.host) and (proxy.url.port or 0) < 65536:
            return proxy
    except (ValueError, TypeError, httpx.InvalidURL):
        pass
    # The error message must not show the URL, because it may contain a password.
    raise ConfigError(
        f"{source} is not a valid proxy URL; expected for example http://proxy.example:3128"
    )
