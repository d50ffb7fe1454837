"""What passes between the sockets and the services: one request, one answer.

Both are plain values, so that the services stay pure functions of them and know nothing of sockets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

# One encoder for all answers: Django REST framework renders compact JSON in unescaped UTF-8.
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(slots=True)
class Request:
    """One request: its head as sent, its body, and what the service's `identify` made of them.

    Args:
        method: The method, as sent.
        path: The path, still percent-encoded, as sent.
        query: The query, still percent-encoded, without the question mark.
        headers: Names in lower case; a repeated header's values are joined with commas.
        body: The whole body. Empty until it has been read.
        md5: Of the body. The one checksum taken of every body, since it is the one that the storage
            answers with: a second would cost a large upload a quarter of its speed.
        operation: The operation id, or "unknown".
        ids: The ids in the path, by their names in the route.
        allowed: The methods that the path has, with their operation ids.
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
class Answer:
    """One answer: status, headers (without those of the framing) and the whole body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | bytearray = b""


def json_answer(status: int, data: Any, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer in JSON."""
    try:
        body = _compact(data).encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can carry
        body = json.dumps(data, separators=(",", ":")).encode()
    return Answer(status, (("Content-Type", "application/json"), *headers), body)
