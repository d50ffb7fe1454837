"""Removal of secrets from text and URLs, and names of requests for logs and errors."""

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
"""JSON fields that hold tokens in responses of login, refresh and `create_private_token`."""
_BEARER = re.compile(r"(?i)(bearer\s{1,40})[^\s\"'<>,;]+")

STORAGE = "(storage)"
"""Replaces signed URLs in logs and errors: their path and query give access to a person's photo."""


def route(path: str) -> str:
    """Return the path with `{id}` in place of each id, as errors and logs name operations."""
    return _ID.sub("{id}", path)


def ids_in_path(path: str) -> tuple[str, ...]:
    """Return the ids in a path, in order."""
    return tuple(_ID.findall(path))


def redact_url(url: object) -> str:
    """Return a URL without its secret or personal parts, for traces and logs.

    For a URL of the API the query is removed, because it may contain a search term such as a
    person's name. For a signed URL path and query are removed. Any other URL is returned unchanged.

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
def log_requests_as(url: str) -> Generator[None]:
    """Show this URL in the log line that httpx writes for a request sent in this context."""
    token = _loggable_url.set(url)
    try:
        yield
    finally:
        _loggable_url.reset(token)


class _HttpxLogFilter(logging.Filter):
    """Replaces the URL in httpx's INFO line, for requests of this package only."""

    def filter(self, record: logging.LogRecord) -> bool:
        url = _loggable_url.get()
        if url is not None and isinstance(record.args, tuple) and len(record.args) > 1:
            record.args = (record.args[0], url, *record.args[2:])
        return True


httpx_log_filter = _HttpxLogFilter()
"""Filter installed on the logger `httpx`; remove it with `logging.getLogger("httpx").removeFilter`."""
logging.getLogger("httpx").addFilter(httpx_log_filter)


def redact_text(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return text from a server without the secrets that it may echo.

    Tokens and the parameters of signed URLs are recognized by their form.

    Args:
        text: Text that a server sent.
        secrets: Further secrets, such as the token or the credentials that the request contained.
    """
    for secret in sorted(secrets, key=len, reverse=True):  # one secret may contain another
        text = text.replace(secret, "[redacted]")
    text = _SECRET_FIELD.sub(r'\1"[redacted]"', text)
    return _BEARER.sub(r"\1[redacted]", _SIGNED_PARAMETER.sub(r"\1[redacted]", text))
