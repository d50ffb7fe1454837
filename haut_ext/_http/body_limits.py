"""Limits the size and the nesting of response bodies. docs/limits.md lists all limits."""

from __future__ import annotations

import zlib
from math import isfinite
from typing import Any, cast

from haut_ext._httpx import httpx

MAX_BODY = 16 * 2**20
MAX_ERROR_BODY = 2**20
MAX_DOWNLOAD = 64 * 2**20
"""Maximum number of bytes, after decompression, of the body of a successful response, of another
response, and of a photo.
"""
MAX_VALUES = 1_000_000
"""Maximum number of values in JSON: a value of three bytes takes up to 90 bytes of memory."""
MAX_NESTING = 100
"""Maximum number of nested objects and arrays in JSON; recursive functions process the values."""
TOO_MANY = f"the JSON has more than {MAX_VALUES:,} values"
TOO_DEEP = f"the JSON has more than {MAX_NESTING} nested objects and arrays"
"""Problems of JSON that exceeds `MAX_VALUES` or `MAX_NESTING`."""


class RejectedBody(Exception):
    """Raised while a body is received if it exceeds its limit or its compression is not supported.

    Attributes:
        problem: What is wrong with the body.
        response: A copy of the response without the body.
    """

    def __init__(self, problem: str, response: httpx.Response) -> None:
        super().__init__(problem)
        self.problem = problem
        self.response = response


class BodyLimit:
    """Counts the bytes of a response body.

    Compressed data is decompressed only as far as the limit allows before httpx decompresses it,
    because httpx would decompress a complete chunk, to a thousand times its size.

    Args:
        response: The response; its body has not been received yet.
        download: Whether the body of a successful response is a photo.
    """

    def __init__(self, response: httpx.Response, *, download: bool) -> None:
        self._status = response.status_code
        self._headers = response.headers
        encoding = response.headers.get("content-encoding", "").strip().lower()
        self._supported = encoding in ("", "identity", "gzip")
        self._decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
        success = MAX_DOWNLOAD if download else MAX_BODY
        self._limit = success if response.is_success else MAX_ERROR_BODY
        self._received = self._decoded = 0

    def add(self, chunk: bytes) -> None:
        """Count the next chunk, as received.

        Raises:
            RejectedBody: If the body is too large, or its compression is not supported.
            httpx.DecodingError: If the compressed data is invalid.
        """
        if chunk and not self._supported:
            raise self._rejected("has a Content-Encoding that was not requested")
        self._received += len(chunk)
        if self._decompressor is not None:
            try:
                most = self._limit - self._decoded + 1
                self._decoded += len(self._decompressor.decompress(chunk, most))
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from None
            if self._decompressor.unused_data:  # httpx would ignore it
                raise httpx.DecodingError("the compressed data is followed by other data")
        if max(self._received, self._decoded) > self._limit:
            raise self._rejected(f"is larger than {self._limit >> 20} MiB")

    def end(self) -> None:
        """Check that the compressed data is complete, which httpx does not.

        Raises:
            httpx.DecodingError: If it is not.
        """
        if self._received and self._decompressor is not None and not self._decompressor.eof:
            raise httpx.DecodingError("the compressed data is incomplete")

    def _rejected(self, problem: str) -> RejectedBody:
        return RejectedBody(problem, without_body(self._status, self._headers))


def without_body(status: int, headers: httpx.Headers) -> httpx.Response:
    """Return a response with the given status and headers, and without a body."""
    headers = headers.copy()
    headers.pop("content-encoding", None)
    return httpx.Response(status, headers=headers)


def json_problem(document: Any) -> str | None:
    """Return the reason why a parsed JSON value is not accepted, or None if it is.

    A value must not have more than `MAX_NESTING` nested objects and arrays. A number such as 1e999
    would become infinity, which JSON cannot represent.
    """
    level: list[Any] = [document]
    for _ in range(MAX_NESTING):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += cast("dict[str, Any]", value).values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, float) and not isfinite(value):
                return "the JSON contains a number that is too large"
        if not inner:
            return None
        level = inner
    return TOO_DEEP if any(isinstance(value, dict | list) for value in level) else None
