"""Reads HTTP/1.1 requests from a connection, and parses them with h11.

h11 parses only requests. The sandbox writes responses itself, because a fault can be a response that
h11 refuses to send. Therefore h11 cannot track the state of a connection, and each request gets a new
`h11.Connection`.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

import h11

from .http_messages import Request

RECEIVE_SIZE = 256 * 1024
_CODES = {431: "request_header_fields_too_large", 501: "not_implemented"}
_MAX_DETAIL = 200  # h11's messages contain the invalid line
# Ambiguous heads that h11 accepts. Two servers that read one of them differently disagree on where
# the request ends.
_AMBIGUOUS = re.compile(
    rb"(?<!\r)\n"  # a line that ends with LF instead of CRLF
    rb"|\n[ \t]"  # a header that continues on the next line
    # more than one length in one or several Content-Length headers
    rb"|\ncontent-length:[^\n]*(?:,|\n(?:[^\n]*\n)*content-length:)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that protect the sandbox against clients that send too much, too slowly or nothing.

    Attributes:
        connections: Maximum number of open connections. The system queues further connections until
            another one is closed.
        target: Maximum length of a request target (path and query), in bytes.
        head: Maximum size of the request line and the headers together, in bytes.
        body: Maximum size of a body, in bytes. The default is twice the maximum upload size, so that
            the storage service can read and reject uploads that are slightly too large.
        head_seconds: Maximum time for which a connection waits for the end of the next head,
            including the time in which it is idle.
        body_seconds: Maximum time for which a request's body is received.
        response_seconds: Maximum time for which a response is sent.
    """

    connections: int = 256
    target: int = 8 * 1024
    head: int = 64 * 1024
    body: int = 64 * 1024 * 1024
    head_seconds: float = 60.0
    body_seconds: float = 300.0
    response_seconds: float = 300.0


class ConnectionClosed(Exception):
    """The client closed the connection or sent nothing for too long."""


class RejectedRequest(Exception):
    """The request is not valid HTTP/1.1, exceeds a limit or is meant for another server.

    Its arguments are the status, the error code and the message of the error response.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(status, code, detail)


class RequestReader:
    """Reads HTTP requests from a connection."""

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self._sock = sock
        self._limits = limits
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head)
        self._deadline = 0.0

    @property
    def keep_alive(self) -> bool:
        """Whether the current request was read completely and allows another one to follow."""
        return self._parser.their_state is h11.DONE

    def read_head(self) -> Request:
        """Read the next request's head; return the request without its body."""
        self._deadline = time.monotonic() + self._limits.head_seconds
        rest = self._parser.trailing_data[0]
        head = bytearray(rest)
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.head)
        if rest:  # h11 interprets empty data as the end of the connection
            self._parser.receive_data(rest)
        while not isinstance(event := self._next_event(), h11.Request):
            head += self._receive(idle=not head)
        del head[len(head) - len(self._parser.trailing_data[0]) :]
        headers: dict[str, str] = {}
        for name_bytes, value_bytes in event.headers:
            name, value = name_bytes.decode(), value_bytes.decode("latin-1")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        self._check_head(head, event, headers)
        path, _, query = event.target.decode().partition("?")
        return Request(event.method.decode(), path, query, headers)

    def _check_head(self, head: bytearray, event: h11.Request, headers: dict[str, str]) -> None:
        """Apply the limits, and reject what h11 accepts but servers interpret differently."""
        if len(head) > self._limits.head:
            raise RejectedRequest(431, _CODES[431], "The head is too large.")
        if len(event.target) > self._limits.target:
            raise RejectedRequest(414, "uri_too_long", "The request target is too long.")
        if not (event.http_version in (b"1.0", b"1.1") and event.target.startswith(b"/")):
            raise RejectedRequest(400, "bad_request", "The request line is not HTTP/1.1.")
        chunked = "transfer-encoding" in headers
        if chunked and ("content-length" in headers or event.http_version == b"1.0"):
            raise RejectedRequest(400, "bad_request", "The length of the body is ambiguous.")
        if _AMBIGUOUS.search(head):
            raise RejectedRequest(400, "bad_request", "A header line is ambiguous.")

    def read_body(self, request: Request) -> bytearray:
        """Read and return the body of a request whose head has been read."""
        self._deadline = time.monotonic() + self._limits.body_seconds
        self._check_body_size(int(request.headers.get("content-length", "0")))
        if self._parser.they_are_waiting_for_100_continue:
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray()
        while not isinstance(event := self._next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                body += event.data
                self._check_body_size(len(body))
            else:
                self._receive()
        return body

    def _check_body_size(self, length: int) -> None:
        if length > self._limits.body:
            raise RejectedRequest(413, "entity_too_large", "The body is too large.")

    def _next_event(self) -> object:
        try:
            return self._parser.next_event()
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            detail = f"The request is not valid HTTP/1.1: {error}."[:_MAX_DETAIL]
            raise RejectedRequest(status, _CODES.get(status, "bad_request"), detail) from None

    def _receive(self, *, idle: bool = False) -> bytes:
        remaining = self._deadline - time.monotonic()
        try:
            if remaining <= 0:  # even if data is available
                raise TimeoutError
            self._sock.settimeout(remaining)
            received = self._sock.recv(RECEIVE_SIZE)
        except TimeoutError:
            if idle:
                raise ConnectionClosed from None
            detail = "The request did not arrive in time."
            raise RejectedRequest(408, "request_timeout", detail) from None
        if not received:
            raise ConnectionClosed
        self._parser.receive_data(received)
        return received
