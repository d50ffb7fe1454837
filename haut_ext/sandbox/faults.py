"""Defines the faults that the sandbox can simulate.

A fault has three parts: how far the request is processed (`when`), which response replaces the
regular one (`change`), and how the response is delivered (`delivery`). The functions in this module
create common faults. `Sandbox.faults.add` plans a fault for an operation.
"""

from __future__ import annotations

import enum
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Literal

from .http_messages import Response

When = Literal["unread", "before", "after"]
"""Time of a fault, which is before the body is read, or before or after the request is carried out."""

_HTML = "text/html; charset=utf-8"


class Delivery(enum.Enum):
    """How a response is sent to the client."""

    COMPLETE = enum.auto()
    RESET = enum.auto()  # sends a TCP RST instead of a response
    CLOSE = enum.auto()  # sends a TCP FIN instead of a response
    GARBAGE = enum.auto()  # sends bytes that are not HTTP, then a FIN
    TRUNCATED = enum.auto()  # sends half of the body, then a FIN
    TRUNCATED_CHUNKS = enum.auto()  # sends a FIN in the middle of a chunk
    STALLED = enum.auto()  # sends nothing and keeps the connection open
    DRIBBLED = enum.auto()  # sends the response byte by byte


@dataclass(frozen=True)
class Fault:
    """A simulated fault.

    Attributes:
        name: Name of the fault in the fault plan and in the request log.
        when: How far the request is processed before the fault takes effect.
        delivery: How the response is sent.
        change: Returns the response to send. Its argument is the regular response or, if the
            request is not carried out, an empty response with status 200.
        seconds: Delay before the response or, with `Delivery.DRIBBLED`, before each byte.
        dribble_head: Whether the status line and the headers are also sent byte by byte.
    """

    name: str
    when: When
    delivery: Delivery = Delivery.COMPLETE
    change: Callable[[Response], Response] = field(default=lambda response: response, repr=False)
    seconds: float = 0.0
    dribble_head: bool = True


def reset(when: When = "unread") -> Fault:
    """Reset the connection (TCP RST) without sending a response."""
    return Fault("reset", when, Delivery.RESET)


def close(when: When = "before") -> Fault:
    """Close the connection (TCP FIN) without sending a response."""
    return Fault("close", when, Delivery.CLOSE)


def garbage(when: When = "after") -> Fault:
    """Send bytes that are not a valid HTTP response."""
    return Fault("garbage", when, Delivery.GARBAGE)


def stall(when: When = "before") -> Fault:
    """Send no response, and keep the connection open until the client closes it."""
    return Fault("stall", when, Delivery.STALLED)


def truncated() -> Fault:
    """Carry out the request, but send only half of the body announced by Content-Length."""
    return Fault("truncated", "after", Delivery.TRUNCATED)


def truncated_chunks() -> Fault:
    """Carry out the request, but end the chunked response body in the middle of a chunk."""
    return Fault("truncated_chunks", "after", Delivery.TRUNCATED_CHUNKS)


def dribble(interval: float = 0.1, *, head: bool = True) -> Fault:
    """Carry out the request, and send one byte of the response every `interval` seconds."""
    return Fault("dribble", "after", Delivery.DRIBBLED, seconds=interval, dribble_head=head)


def latency(seconds: float) -> Fault:
    """Carry out the request, and send the response after a delay."""
    return Fault("latency", "after", seconds=seconds)


def status(
    code: int,
    body: bytes = b"",
    *,
    content_type: str = "text/plain",
    headers: dict[str, str] | None = None,
    retry_after: float | None = None,
    retry_after_date: float | None = None,
    when: When = "before",
) -> Fault:
    """Send the given response instead of the regular one.

    Args:
        code: HTTP status, from 200 to 599. It may be a status that IANA does not define.
        body: Body of the response.
        content_type: Content type of the body.
        headers: Additional headers.
        retry_after: Adds a Retry-After header with this number of seconds.
        retry_after_date: Adds a Retry-After header with a date this many seconds after the system
            time at which the response is sent.
        when: Whether the response is sent before or after the request is carried out.
    """
    fixed = {"Content-Type": content_type, **(headers or {})}
    if retry_after is not None:
        fixed["Retry-After"] = f"{retry_after:g}"

    def change(_: Response) -> Response:
        sent = dict(fixed)
        if retry_after_date is not None:
            sent["Retry-After"] = formatdate(time.time() + retry_after_date, usegmt=True)
        return Response(code, tuple(sent.items()), body)

    return Fault(f"status {code}", when, change=change)


def rejected(
    code: int = 429, *, retry_after: float | None = None, retry_after_date: float | None = None
) -> Fault:
    """Reject the request with the API's error envelope, like the API's rate limit.

    Args:
        code: HTTP status.
        retry_after: As in `status`.
        retry_after_date: As in `status`.
    """
    error = {"code": "throttled", "detail": "Request was throttled.", "attr": None}
    body = json.dumps({"type": "client_error", "errors": [error]}).encode()
    return status(
        code,
        body,
        content_type="application/json",
        retry_after=retry_after,
        retry_after_date=retry_after_date,
    )


def bad_gateway(code: int = 502, when: When = "before") -> Fault:
    """Send a gateway's HTML error page instead of the regular response."""
    page = f"<html><body><center><h1>{code} Bad Gateway</h1></center><hr>nginx</body></html>"
    fault = status(code, page.encode(), content_type=_HTML, when=when)
    return replace(fault, name="bad_gateway")


def login_page(when: When = "before") -> Fault:
    """Send an HTML page with status 200, as a captive portal does."""
    page = b"<!doctype html><title>Log in</title><form method=post><input name=user></form>"
    return replace(status(200, page, content_type=_HTML, when=when), name="login_page")


def redirect(to: str, code: int = 302, when: When = "before") -> Fault:
    """Respond with a redirect to the URL `to`."""
    return replace(status(code, headers={"Location": to}, when=when), name="redirect")


def unauthorized(when: When = "before") -> Fault:
    """Reject the request with status 401, as the API does for an expired token."""
    body = (
        b'{"type":"client_error","errors":'
        b'[{"code":"authentication_failed","detail":"Token has expired.","attr":null}]}'
    )
    headers = {"WWW-Authenticate": 'Bearer realm="api"'}
    fault = status(401, body, content_type="application/json", headers=headers, when=when)
    return replace(fault, name="unauthorized")


def empty() -> Fault:
    """Carry out the request, but send status 200 without a body."""
    return replace(status(200, content_type="application/json", when="after"), name="empty")


def truncated_json() -> Fault:
    """Carry out the request, but send a complete response that contains half of the JSON text."""

    def change(response: Response) -> Response:
        body = response.body or b'{"status":"ok"}'
        code = 200 if response.status == 204 else response.status
        return Response(code, (("Content-Type", "application/json"),), body[: len(body) // 2])

    return Fault("truncated_json", "after", change=change)
