"""The proxy that the environment names for https, and who is reached without it.

The variables are those that curl and httpx read: HTTPS_PROXY or ALL_PROXY, and NO_PROXY, in either
case. Plain http goes to loopback only, so no proxy ever stands between.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from attrs import field, frozen

from haut_ext.errors import ConfigError


@frozen
class Proxy:
    """A proxy that takes CONNECT: its origin, and name and password for it, if it wants them."""

    origin: str
    login: tuple[str, str] | None = field(repr=False)


def https_proxy() -> Proxy | None:
    """Return the environment's proxy for https.

    Raises:
        ConfigError: If it is not an http or https address; it is not shown, as it may hold a password.
    """
    named = getproxies()
    address = named.get("https") or named.get("all")
    if not address:
        return None
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _unusable() from None
    if not host or parts.scheme not in ("http", "https"):
        raise _unusable()
    shown_host = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown_host}:{port or (443 if parts.scheme == 'https' else 80)}"
    if parts.username is None:
        return Proxy(origin, None)
    return Proxy(origin, (unquote(parts.username), unquote(parts.password or "")))


def _unusable() -> ConfigError:
    return ConfigError(
        "HTTPS_PROXY or ALL_PROXY does not name a proxy of a kind that can be used; expected for "
        "example http://proxy.example:3128. Unset it, or name the service's host in NO_PROXY"
    )


def is_direct(host: str) -> bool:
    """Return whether NO_PROXY names this host."""
    return bool(proxy_bypass(host))
