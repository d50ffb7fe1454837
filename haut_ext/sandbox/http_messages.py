"""HTTP requests and responses as plain objects, independent of the network code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

# Django REST framework renders compact JSON in unescaped UTF-8.
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(slots=True)
class Request:
    """HTTP request, and the operation that its method and path match.

    Attributes:
        method: HTTP method, as sent.
        path: Path as sent, still percent-encoded.
        query: Query as sent, still percent-encoded, without the question mark.
        headers: Headers by name in lower case. The values of a repeated header are joined by commas.
        body: Complete body; empty until it has been read.
        md5: MD5 digest of the body. It is computed for every body, because storage responses
            contain it. Another digest would slow down large uploads by a quarter.
        operation: Operation id, or "unknown".
        ids: Ids in the path, by parameter name.
        allowed: Operation ids that the path supports, by HTTP method.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes | bytearray = b""
    md5: bytes = b""
    operation: str = "unknown"
    ids: dict[str, str] = field(default_factory=dict[str, str])
    allowed: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Response:
    """HTTP response, without the headers that the HTTP server adds, such as Date.

    Attributes:
        status: HTTP status.
        headers: Names and values of the headers.
        body: Content of the response.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | bytearray = b""


def json_response(status: int, data: Any, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return a response with a JSON body."""
    try:
        body = _compact(data).encode()
    except UnicodeEncodeError:  # JSON must escape lone surrogates, which UTF-8 cannot encode
        body = json.dumps(data, separators=(",", ":")).encode()
    return Response(status, (("Content-Type", "application/json"), *headers), body)
