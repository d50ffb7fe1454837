"""Removal of secrets from text, and names of requests that can be logged."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

_ID = re.compile(r"(?<=/)(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]+)(?=/|$)")
_SIGNED_PARAMETER = re.compile(
    r"(?i)((?:\bX-(?:Goog|Amz)-[A-Z-]{1,40}|\bSignature)(?:=|%3D))[^&\s\"'<>]+"
)
_SECRET_FIELD = re.compile(
    r'("(?:\w{0,40}token\w{0,40}|password|data)"\s{0,40}:\s{0,40})"(?:[^"\\]|\\.)*"?',
    re.IGNORECASE | re.DOTALL,
)
"""The responses of login, refresh and create_private_token contain tokens (api-facts 2, 3)."""
_BEARER = re.compile(r"(?i)(bearer\s{1,40})[^\s\"'<>,;]+")

STORAGE = "(storage)"
"""Stands for a signed address, whose path and query give access to a person's photo."""


def route(path: str) -> str:
    """Return the path with `{id}` for each id: the name of an operation in errors and logs."""
    return _ID.sub("{id}", path)


def ids(path: str) -> tuple[str, ...]:
    """Return the ids in a path, in their order."""
    return tuple(_ID.findall(path))


def redact_url(url: object) -> str:
    """Return a URL without what may be personal or secret, for traces and logs.

    An address of the API loses its query, which may hold a search term such as a person's name. A
    signed address loses path and query. Any other address is returned unchanged.

    Args:
        url: A string or an `httpx.URL`.

    Example:
        def redact(span, request):  # a request hook of opentelemetry-instrumentation-httpx
            url = redact_url(httpx.URL(scheme=..., host=..., raw_path=...))
            span.set_attribute("http.url", url)
    """
    text = str(url)
    try:
        parts = urlsplit(text)
    except ValueError:
        return "[invalid URL]"
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if _SIGNED_PARAMETER.search(parts.query):
        return f"{origin}/[redacted]"
    if parts.path.startswith(("/api/", "/service/")):
        return origin + parts.path + ("?[redacted]" if parts.query else "")
    return text


_loggable_url: ContextVar[str | None] = ContextVar("loggable_url", default=None)


@contextmanager
def logging_as(url: str) -> Generator[None]:
    """Show this URL in httpx's own log line of the request that is sent inside the `with`."""
    token = _loggable_url.set(url)
    try:
        yield
    finally:
        _loggable_url.reset(token)


class _HttpxLogFilter(logging.Filter):
    """Redacts the URL in httpx's own INFO line, for requests of this package only."""

    def filter(self, record: logging.LogRecord) -> bool:
        shown = _loggable_url.get()
        if shown is not None and isinstance(record.args, tuple) and len(record.args) > 1:
            record.args = (record.args[0], shown, *record.args[2:])
        return True


httpx_log_filter = _HttpxLogFilter()
"""Installed on the logger `httpx`; `logging.getLogger("httpx").removeFilter(...)` removes it."""
logging.getLogger("httpx").addFilter(httpx_log_filter)


def scrub(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return text of a server without tokens and signed queries that it may have echoed.

    Args:
        text: What the server sent.
        secrets: What the request contained: the token, or the credentials of a login.
    """
    for secret in sorted(secrets, key=len, reverse=True):  # one may contain another
        text = text.replace(secret, "[redacted]")
    text = _SECRET_FIELD.sub(r'\1"[redacted]"', text)
    return _BEARER.sub(r"\1[redacted]", _SIGNED_PARAMETER.sub(r"\1[redacted]", text))
