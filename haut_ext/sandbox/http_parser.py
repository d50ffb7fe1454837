"""Parses HTTP/1.1 requests from a connection.

The sandbox does not use the standard library's http.server, because it parses headers with the
email package, which would take most of the time of a small request.
"""

from __future__ import annotations

import socket
import string

_MAX_REQUEST_LINE = 8 * 1024
_MAX_HEAD = 64 * 1024
# Twice the maximum upload size, so that the storage service can read and reject uploads that are
# slightly too large.
_MAX_BODY = 64 * 1024 * 1024
RECEIVE_SIZE = 256 * 1024
_HEX_DIGITS = string.hexdigits.encode()


class ConnectionClosed(Exception):
    """The client closed the connection before sending a complete request."""


class MalformedRequest(Exception):
    """The request is too large or is not valid HTTP/1.1.

    Attributes:
        reason: Status, error code and message of the error response.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = (status, code, detail)


class RequestReader:
    """Reads HTTP requests from a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""

    def _receive(self) -> None:
        received = self._sock.recv(RECEIVE_SIZE)
        if not received:
            raise ConnectionClosed
        self._buffer += received

    def read_head(self) -> tuple[str, str, str, dict[str, str]]:
        """Read the next request's head; return its method, target, version and headers."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._check_head_size(self._buffer.find(b"\r\n"), len(self._buffer))
            self._receive()
        self._check_head_size(self._buffer.find(b"\r\n"), end)
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        self._buffer = self._buffer[end + 4 :]
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise MalformedRequest(400, "bad_request", "The request line is not HTTP/1.1.")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise MalformedRequest(400, "bad_request", "A header line is malformed.")
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        return parts[0], parts[1], parts[2], headers

    def _check_head_size(self, request_line: int, head: int) -> None:
        """Check the size limits. `request_line` is its length, or negative if it is incomplete."""
        if (head if request_line < 0 else request_line) > _MAX_REQUEST_LINE:
            raise MalformedRequest(414, "uri_too_long", "The request line is longer than 8 KiB.")
        if head > _MAX_HEAD:
            raise MalformedRequest(431, "request_header_fields_too_large", "The head is too large.")

    def read_body(self, headers: dict[str, str]) -> bytes | bytearray:
        """Read and return a request body with the length or encoding given in the headers."""
        encoding = headers.get("transfer-encoding")
        if encoding is None:
            length = headers.get("content-length", "0")
            if not (length.isascii() and length.isdigit()):
                raise MalformedRequest(400, "bad_request", "Content-Length is not a number.")
            # No valid length has more than 20 digits, and int() fails for more than 4,300 digits.
            return self._read_exactly(self._check_body_size(int(length[:20])))
        if encoding.lower() != "chunked" or "content-length" in headers:
            raise MalformedRequest(400, "bad_request", "The length of the body is ambiguous.")
        body = bytearray()
        while size := self._read_chunk_size():
            self._check_body_size(len(body) + size)
            body += self._read_exactly(size)
            self._read_line()
        while self._read_line():  # skip the trailer fields
            pass
        return body

    def _check_body_size(self, length: int) -> int:
        if length > _MAX_BODY:
            raise MalformedRequest(413, "entity_too_large", "The body is too large.")
        return length

    def _read_chunk_size(self) -> int:
        size = self._read_line().partition(b";")[0].strip()
        if not size or size.strip(_HEX_DIGITS):  # int() would also accept "-1" and "0x1"
            raise MalformedRequest(400, "bad_request", "A chunk size is missing or invalid.")
        return int(size, 16)

    def _read_line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _MAX_REQUEST_LINE:
                raise MalformedRequest(400, "bad_request", "A chunk size is missing or invalid.")
            self._receive()
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _read_exactly(self, length: int) -> bytes | bytearray:
        if len(self._buffer) >= length:
            data, self._buffer = self._buffer[:length], self._buffer[length:]
            return data
        body = bytearray(length)
        count = len(self._buffer)
        body[:count] = self._buffer
        self._buffer = b""
        with memoryview(body) as view:
            while count < length:
                received = self._sock.recv_into(view[count : count + RECEIVE_SIZE])
                if not received:
                    raise ConnectionClosed
                count += received
        return body
