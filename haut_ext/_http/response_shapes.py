"""Shapes of the service's and its storage's own responses, to tell them from those of something between.

A proxy, a portal or a load balancer can answer in the service's place. All shapes are in this module.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from xml.etree import ElementTree

import httpx

from haut_ext.errors import ErrorItem

_MAX_ITEMS = 20
"""Entries of the service's list of errors that an error keeps."""

_KNOWN_STATUSES = frozenset(HTTPStatus)
"""Generated functions convert the status of a success to this enumeration, and fail for any other."""


def is_web_page(response: httpx.Response) -> bool:
    """Return whether the body is HTML, such as that of a captive portal."""
    return bool(response.headers.get("content-type", "").lower().startswith("text/html"))


def problem_of_success(response: httpx.Response, *, to_api: bool) -> str | None:
    """Return why a success whose body has been read is not the service's, or None if it is.

    So it is with a web page, and with a body that is not JSON although the request did not ask for
    another type by its Accept header.
    """
    accepted = response.request.headers.get("accept", "*/*")
    if response.content and is_web_page(response) and "html" not in accepted:
        return "the body is a web page that is not the service's"
    if not to_api or ("json" not in accepted and "*/*" not in accepted):
        return None
    if response.status_code not in _KNOWN_STATUSES:
        return "the status is unknown"
    if not response.content:
        method = response.request.method
        may_be_empty = response.status_code in (202, 204, 205) or method in ("DELETE", "HEAD")
        return None if may_be_empty else "the body is empty"
    try:
        response.json()
    except (ValueError, RecursionError):  # its text holds the whole body, tokens included
        return f"the body is not JSON ({response.headers.get('content-type', 'no content type')})"
    return None


def error_items(content: bytes, clean: Callable[[object], str]) -> tuple[ErrorItem, ...] | None:
    """Return the errors of the service's envelope (api-facts 1.4), or None if the body is not one.

    Args:
        content: The body.
        clean: Removes secrets from a text, and bounds its length.
    """
    try:
        entries: list[Any] = json.loads(content)["errors"]
        if entries.__class__ is not list:
            return None
        return tuple(
            ErrorItem(
                code=clean(entry["code"]),
                detail=clean(entry["detail"]),
                attr=None if entry.get("attr") is None else clean(entry["attr"]),
            )
            for entry in entries[:_MAX_ITEMS]
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def is_own_error(content: bytes) -> bool:
    """Return whether a body has a shape of the service's errors: `errors`, or the inferred `detail`."""
    try:
        document: Any = json.loads(content)
        return isinstance(document.get("errors"), list) or isinstance(document.get("detail"), str)
    except (ValueError, AttributeError, RecursionError):
        return False


def storage_code(content: bytes) -> str | None:
    """Return the code in an error document of the storage (api-facts 5.2)."""
    # expat resolves no external entities and stops at amplified ones; error documents are short.
    try:
        return ElementTree.fromstring(content[:100_000]).findtext("Code")  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError):  # LookupError: an unknown encoding
        return None
