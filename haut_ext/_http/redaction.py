"""Removes secrets from text and URLs, and formats request paths for logs and errors."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast
from urllib.parse import urlsplit

from haut_ext._httpx import httpx
from haut_ext.text import escape

_ID = re.compile(r"(?<=/)(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]+)(?=/|$)")
_SIGNED_PARAMETER = re.compile(
    r"(?i)((?:\bX-(?:Goog|Amz)-[A-Z-]{1,40}|\b(?:Signature|sig))(?:=|%(?:25)?3D|\\{1,4}u003d|&#61;))[^&\s\"'<>]+"
)
_SECRET_FIELD = re.compile(
    r'("(?:\w{0,40}token\w{0,40}|password|data)\\{0,4}"\s{0,40}:\s{0,40})\\{0,4}"(?:[^"\\]|\\.)*"?',
    re.IGNORECASE | re.DOTALL,
)
"""JSON fields that contain tokens in the responses to login, refresh and `create_private_token`."""
_UNSIGNED_PHOTO = re.compile(
    r"(?i)(/images\\{0,4}/(?:\w{1,20}\\{0,4}/)?)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\w{1,5}"
)
"""Paths of photos on the API's host that may be readable without a token (api-facts 19.B)."""
_QUERY = re.compile(r"\?[^\s\"'<>]+")
_BEARER = re.compile(r"(?i)(bearer\s{1,40})[^\s\"'<>,;]+")

_ESCAPE = re.compile(
    r"%([0-9a-fA-F]{2})|\\{1,4}u([0-9a-fA-F]{4})|\\{1,4}(.)"
    r"|(&(?:#[xX]?[0-9a-fA-F]{1,7}|[a-z]{2,5});)",
    re.DOTALL,
)
_CUT_ESCAPE = re.compile(
    r"(?:%[0-9a-fA-F]?|\\{1,4}(?:u[0-9a-fA-F]{0,3})?|&#?[xX]?[0-9a-fA-F]{0,7})\Z"
)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_MAX_ESCAPES = 2
"""How many times a secret may have been escaped, such as percent-encoded inside a JSON string."""

_SHORTEST_SECRET = 8
"""Minimum number of characters of a query value that is treated as a secret."""

STORAGE = "(storage)"
"""Placeholder for signed URLs in logs and errors. A signed URL gives access to a person's photo."""


def route(path: str) -> str:
    """Return the path with each id replaced by `{id}`, for errors and logs."""
    return escape(_ID.sub("{id}", path))


def ids_in_path(path: str) -> tuple[str, ...]:
    """Return the ids in a URL path, in order."""
    return tuple(_ID.findall(path))


def query_values(url: httpx.URL) -> tuple[str, ...]:
    """Return the values in the query of a signed URL that are long enough to be secrets."""
    values = (value for _, value in url.params.multi_items())
    return tuple(value for value in values if len(value) >= _SHORTEST_SECRET)


def redact_url(url: object) -> str:
    """Return a URL without its secret or personal parts, for traces and logs.

    The query is removed from every URL, because it may contain a search term such as a person's
    name, or a signature. The path is also removed from a signed URL, and from the URL of a photo
    on the API's host.

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
    if _SIGNED_PARAMETER.search(parts.query) or _UNSIGNED_PHOTO.search(parts.path):
        return f"{origin}/[redacted]"
    return origin + parts.path + ("?[redacted]" if parts.query else "")


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


def redact_text(text: str, secrets: tuple[str, ...] = (), *, truncated: bool = False) -> str:
    """Return text from a server, with the secrets that it may echo replaced.

    Tokens, the parameters of signed URLs, and the file names of photos on the API's
    host are recognized by their form.

    Args:
        text: Text that a server sent.
        secrets: Further secrets to replace, such as the request's token or credentials, in every
            spelling: percent-encoded, or escaped as in JSON or HTML.
        truncated: Whether a secret may have been cut off at the end of the text.
    """
    if secrets:
        text = _without(text, secrets, truncated=truncated)
    text = _SECRET_FIELD.sub(r'\1"[redacted]"', text)
    text = _UNSIGNED_PHOTO.sub(r"\1[redacted]", text)
    return _BEARER.sub(r"\1[redacted]", _SIGNED_PARAMETER.sub(r"\1[redacted]", text))


def without_signatures(value: Any) -> Any:
    """Return a JSON value with the queries replaced in each text that contains a signed URL."""
    if isinstance(value, dict):
        content = cast("dict[str, Any]", value)
        return {name: without_signatures(item) for name, item in content.items()}
    if isinstance(value, list):
        return [without_signatures(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, str) and "?" in value and _SIGNED_PARAMETER.search(value):
        return _QUERY.sub("?[redacted]", value)
    return value


def _without(text: str, secrets: tuple[str, ...], *, truncated: bool) -> str:
    # The second form is that of a percent-encoded secret, whose bytes become one character each.
    forms = {
        form
        for secret in secrets
        for form in (secret, secret.encode("utf-8", "replace").decode("latin-1"))
        if form
    }
    forms |= {form.replace(" ", "+") for form in forms}
    found: list[tuple[int, int]] = []
    plain, starts = text, list(range(len(text) + 1))
    for _ in range(_MAX_ESCAPES + 1):
        for form in forms:
            for match in re.finditer(re.escape(form), plain):
                found.append((starts[match.start()], starts[match.end()]))
        if truncated:
            plain = _CUT_ESCAPE.sub("", plain)
            begin = min(_beginning_at_end(plain, form) for form in forms)
            found += [(starts[begin], len(text))] if begin < len(plain) else []
        plain, starts = _unescape(plain, starts)
    pieces: list[str] = []
    end = 0
    for start, stop in sorted(found):
        if start >= end:
            pieces += [text[end:start], "[redacted]"]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])


def _beginning_at_end(text: str, secret: str) -> int:
    """Return the position of the longest beginning of a secret at the end of a text."""
    for length in range(min(len(secret), len(text)), 0, -1):
        if text.endswith(secret[:length]):
            return len(text) - length
    return len(text)


def _unescape(text: str, starts: list[int]) -> tuple[str, list[int]]:
    """Return the text with each escape sequence decoded, and the positions of its characters."""
    characters: list[str] = []
    positions: list[int] = []
    end = 0
    for match in _ESCAPE.finditer(text):
        characters += text[end : match.start()]
        positions += starts[end : match.start() + 1]
        percent, unicode, escaped, entity = match.groups()
        if entity:
            character = html.unescape(entity)[:1]
        else:
            character = _ESCAPED.get(escaped, escaped) or chr(int(percent or unicode, 16))
        characters.append(character)
        end = match.end()
    return "".join([*characters, *text[end:]]), positions + starts[end:]
