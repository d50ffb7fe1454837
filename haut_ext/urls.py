"""Validates the API's base URL, signed URLs of the storage, and URL paths that contain ids."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from haut_ext.errors import ConfigError
from haut_ext.secret import hide_frames

PRODUCTION = "https://saas.haut.ai"
"""Origin of the production service."""
_MAX_HOST = 255
"""Maximum number of characters of a host name."""


def parse_base_url(value: object) -> str:
    """Validate the base URL of the API, and return its origin (scheme, host and port).

    Raises:
        ConfigError: If `value` is not an origin with the scheme https, or http on a loopback host.
            Over plain http to any other host, the token would be sent unencrypted.
    """
    if not isinstance(value, str):
        raise ConfigError(f"base_url must be a string such as {PRODUCTION}")
    url = value.strip()
    if any(character <= " " or character == "\x7f" for character in url):
        raise ConfigError("base_url contains white space or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"base_url is not a URL; expected for example {PRODUCTION}") from None
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"base_url needs a scheme and a host, for example {PRODUCTION}")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError(
            "base_url must consist of scheme, host and port only. The client adds the paths of the API; "
            "pass the token as token="
        )
    if not is_host(host):
        raise ConfigError("base_url has an invalid host name")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(
            f"base_url is plain http to {host}, so the token would be sent unencrypted. Use https; "
            "plain http is accepted for loopback addresses only"
        )
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}" + (f":{port}" if port is not None else "")


@hide_frames
def check_signed_address(value: object, *, allow_http: bool = False) -> str:
    """Return a signed URL of the storage if it is safe to send photos to it.

    Args:
        value: The URL.
        allow_http: Whether to accept plain http to a loopback host, because the API is on loopback.

    Raises:
        ConfigError: If the URL is invalid, or is plain http and this is not allowed. The
            message does not contain the URL, whose signature is a secret.
    """
    if isinstance(value, str):
        with suppress(ValueError):
            parts = urlsplit(value)
            host = parts.hostname or ""
            local = allow_http and parts.scheme == "http" and _is_loopback(host)
            secure = parts.scheme == "https" or local
            # httpx would send a user name in the URL as credentials.
            if secure and is_host(host) and parts.port != 0 and "@" not in parts.netloc:
                return value
    raise ConfigError("the URL is invalid or insecure: it must be https")


def check_path(method: str, url: str) -> None:
    """Check that every id in a URL path is exactly one path segment.

    The generated functions quote path arguments, but quoting leaves `""` and `".."` unchanged: a
    DELETE of the subject `".."` would delete the dataset.

    Raises:
        ConfigError: If a segment is empty, is `.` or `..`, or contains a slash.
    """
    path = url.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0].removesuffix("/")
    segments = [unquote(segment) for segment in path.split("/")[1:]]
    if any(segment in ("", ".", "..") or "/" in segment for segment in segments):
        raise ConfigError(f"an id in the path of this {method.upper()} is not a UUID")


def is_host(host: str) -> bool:
    """Return whether a host name or IP address is valid."""
    if ":" in host:
        return True  # a colon means an IPv6 address, which urlsplit has already validated
    try:
        # A longer host is invalid, and encoding it would take quadratic time.
        valid = 0 < len(host) <= _MAX_HOST and not re.search(r"[\s%/\\<>^`{|}]", host)
        return valid and bool(host.encode("idna"))
    except UnicodeError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
