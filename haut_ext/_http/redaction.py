"""Removes secrets from text and URLs, and formats request paths for logs and errors."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

from haut_ext._httpx import httpx
from haut_ext.text import escape

_ID = re.compile(r"(?<=/)(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]+)(?=/|$)")
_SIGNED_PARAMETER = re.compile(
    r"(?i)((?:\bX-(?:Goog|Amz)-[A-Z-]{1,40}|\bSignature)(?:=|%3D))[^&\s\"'<>]+"
)
_SECRET_FIELD = re.compile(
    r'("(?:\w{0,40}token\w{0,40}|password|data)"\s{0,40}:\s{0,40})"(?:[^"\\]|\\.)*"?',
    re.IGNORECASE | re.DOTALL,
)
"""JSON fields that contain tokens in the responses to login, refresh and `create_private_token`."""
_BEARER = re.compile(r"(?i)(bearer\s{1,40})[^\s\"'<>,;]+")

STORAGE = "(storage)"
"""Placeholder for signed URLs in logs and errors. A signed URL gives access to a person's photo."""


def route(path: str) -> str:
    """Return the path with each id replaced by `{id}`, for errors and logs."""
    return escape(_ID.sub("{id}", path))


def ids_in_path(path: str) -> tuple[str, ...]:
    """Return the ids in a URL path, in order."""
    return tuple(_ID.findall(path))


def redact_url(url: object) -> str:
    """Return a URL without its secret or personal parts, for traces and logs.

    The query is removed from a URL of the API, because it may contain a search term such as a
    person's name. Path and query are removed from a signed URL. Any other URL is returned
    unchanged.

    Args:
        url: A string or an `httpx.URL`.

    Example:
        def redact(span, request):  # a request hook of opentelemetry-instrumentation-httpx
            span.set_attribute("http.url", redact_url(request.url))
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
    """Make httpx log the given URL for requests sent in this context."""
    token = _loggable_url.set(url)
    try:
        yield
    finally:
        _loggable_url.reset(token)


class _HttpxLogFilter(logging.Filter):
    """Logging filter that redacts the URLs of this package's requests in httpx's log messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        url = _loggable_url.get()
        if url is not None and isinstance(record.args, tuple) and len(record.args) > 1:
            record.args = (record.args[0], url, *record.args[2:])
        return True


httpx_log_filter = _HttpxLogFilter()
"""The filter on the logger `httpx`. To remove it, use `logging.getLogger("httpx").removeFilter`."""
logging.getLogger(httpx.__name__).addFilter(httpx_log_filter)


def redact_text(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return text from a server, with the secrets that it may echo replaced.

    Tokens and the parameters of signed URLs are recognized by their form.

    Args:
        text: Text that a server sent.
        secrets: Further secrets to replace, such as the request's token or credentials.
    """
    for secret in sorted(secrets, key=len, reverse=True):  # a secret may contain another secret
        text = text.replace(secret, "[redacted]")
    text = _SECRET_FIELD.sub(r'\1"[redacted]"', text)
    return _BEARER.sub(r"\1[redacted]", _SIGNED_PARAMETER.sub(r"\1[redacted]", text))
