"""Recognizes the responses of the service and its storage by their shape.

A proxy, a captive portal or a load balancer can respond instead of the service. This module
distinguishes such responses from those of the service.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NoReturn

from haut_ext._http.body_limits import MAX_VALUES, TOO_DEEP, TOO_MANY, json_problem
from haut_ext._httpx import httpx
from haut_ext.errors import ErrorItem

_MAX_ITEMS = 20
"""Maximum number of entries of a response's `errors` list that an exception keeps."""

_KNOWN_STATUSES = frozenset(HTTPStatus)
"""Statuses defined by `HTTPStatus`. Generated functions fail if a response has another status."""


def is_web_page(response: httpx.Response) -> bool:
    """Return whether the response body is HTML, such as the login page of a captive portal."""
    return bool(response.headers.get("content-type", "").lower().startswith("text/html"))


def success_problem(response: httpx.Response, *, to_api: bool) -> str | None:
    """Return the reason why a response with a success status is invalid, or None if it is valid.

    The body must have been read. A web page is always invalid. Any other body must be JSON, unless
    the request's Accept header allows other types.
    """
    accepted = response.request.headers.get("accept", "*/*")
    if response.content and is_web_page(response) and "html" not in accepted:
        return "the body is a web page"
    if not to_api or ("json" not in accepted and "*/*" not in accepted):
        return None
    if response.status_code not in _KNOWN_STATUSES:
        return "the status is unknown"
    if not response.content:
        method = response.request.method
        may_be_empty = response.status_code in (202, 204, 205) or method in ("DELETE", "HEAD")
        return None if may_be_empty else "the body is empty"
    # One of these characters precedes each value, so they are counted before the values take memory.
    if sum(map(response.content.count, (b",", b"[", b"{"))) > MAX_VALUES:
        return TOO_MANY
    try:
        return json_problem(response.json(parse_constant=_reject_constant))
    except RecursionError:
        return TOO_DEEP
    except ValueError:  # its text contains the body and any tokens in it
        return f"the body is not JSON ({response.headers.get('content-type', 'no content type')})"


def _reject_constant(name: str) -> NoReturn:
    """Reject NaN and Infinity, which Python accepts although they are not JSON."""
    raise ValueError(name)


def error_items(content: bytes, redact: Callable[[object], str]) -> tuple[ErrorItem, ...] | None:
    """Return the entries of the body's `errors` list, or None if there is no valid list.

    Args:
        content: The body.
        redact: Removes secrets from a text and limits its length.
    """
    try:
        entries: list[Any] = json.loads(content)["errors"]
        if entries.__class__ is not list:
            return None
        return tuple(
            ErrorItem(
                code=redact(entry["code"]),
                detail=redact(entry["detail"]),
                attr=None if entry.get("attr") is None else redact(entry["attr"]),
            )
            for entry in entries[:_MAX_ITEMS]
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def confirms_absence(response: httpx.Response) -> bool:
    """Return whether a response is the service's own statement that something does not exist.

    Every conclusion that something does not exist relies on this function. Any other 404 can come
    from a proxy and means that the state is unknown. The body must have been read.
    """
    if response.status_code != 404 or is_web_page(response):
        return False
    try:
        document: Any = json.loads(response.content)
        return any(is_valid(document.get(key)) for key, is_valid in _ABSENCE_SHAPES)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def _is_error_list(value: Any) -> bool:
    is_list = value.__class__ is list and len(value) > 0
    return is_list and all(isinstance(entry["code"], str) for entry in value)


_ABSENCE_SHAPES: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("errors", _is_error_list),  # the service's format; documented for 400 (api-facts 1.4)
    ("detail", lambda value: isinstance(value, str)),  # format of Django REST framework and FastAPI
)
"""Keys of a JSON object in a 404 response of the service, and a check of their values.

That the service uses these formats for 404 is inferred: no such response is documented.
"""


def announces_forbidden_body(response: httpx.Response) -> bool:
    """Return whether the headers of a 204 or 304 response announce a body.

    httpx does not read the body of such a response. The next response on the connection would then
    begin with these unread bytes.
    """
    length = response.headers.get("content-length", "0")
    announced = length != "0" or "transfer-encoding" in response.headers
    return announced and response.status_code in (204, 304)


def storage_code(content: bytes) -> str | None:
    """Return the error code in an XML error document of the storage, or None if there is none."""
    from xml.etree import ElementTree  # imported here, because few programs need it

    # expat does not resolve external entities, and limits entity expansion.
    try:
        return ElementTree.fromstring(content[:100_000]).findtext("Code")  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError):  # LookupError: unknown encoding name
        return None
