"""Logs the requests that the sandbox receives."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

from .http_messages import Request

_MAX_REQUESTS = 100_000


@dataclass(slots=True)
class ReceivedRequest:
    """Log entry of a received request.

    Attributes:
        operation: Operation id, or "unknown".
        method: HTTP method.
        path: Path without the query, which may contain a signature.
        had_authorization: Whether the request had an Authorization header.
        length: Length of the body in bytes; 0 until the body has been read.
        md5: MD5 of the body in hexadecimal; empty until the body has been read.
        status: HTTP status of the response, even if it was sent only in part; None if no response
            was sent.
        carried_out: Whether the service carried the request out.
        fault: Name of the fault simulated for this request, if any.
    """

    operation: str
    method: str
    path: str
    had_authorization: bool
    length: int = 0
    md5: str = ""
    status: int | None = None
    carried_out: bool = False
    fault: str | None = None


class RequestLog:
    """Received requests, in order of arrival.

    The log keeps the last 100,000 requests. The request counts also include older requests.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Remove all requests and reset the counts."""
        with self._lock:
            self._requests: deque[ReceivedRequest] = deque(maxlen=_MAX_REQUESTS)
            self._received: Counter[str] = Counter()
            self._carried_out: Counter[str] = Counter()

    def add(self, request: Request) -> ReceivedRequest:
        """Log a request after its head has been read, and return the log entry."""
        received = ReceivedRequest(
            request.operation, request.method, request.path, "authorization" in request.headers
        )
        with self._lock:
            self._requests.append(received)
            self._received[request.operation] += 1
        return received

    def mark_carried_out(self, received: ReceivedRequest) -> None:
        """Record that the service has carried out a request."""
        with self._lock:
            received.carried_out = True
            self._carried_out[received.operation] += 1

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The logged requests, in order of arrival."""
        with self._lock:
            return list(self._requests)

    def received(self, operation: str) -> int:
        """Return the number of requests received for an operation."""
        with self._lock:
            return self._received[operation]

    def carried_out(self, operation: str) -> int:
        """Return the number of requests carried out for an operation."""
        with self._lock:
            return self._carried_out[operation]
