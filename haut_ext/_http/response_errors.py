"""Typed errors from statuses, unexpected bodies and broken connections.

A message says what failed, on what, what the server said, and what to do.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

import httpx
from attrs import define, field

from haut_ext._http.redaction import scrub
from haut_ext._http.response_capture import request_id
from haut_ext._http.response_shapes import error_items, storage_code
from haut_ext.errors import (
    ApiError,
    HautError,
    StorageError,
    TransportError,
    TransportTimeout,
    UnexpectedResponse,
)

_MAX_TEXT = 1000
"""Characters of a body, a header or a text of the server that an error keeps."""

MAYBE_CARRIED_OUT = " It may have been carried out: check before you send it again."

NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""What httpx raises when no byte of the request can have left."""


@define(eq=False)
class Sent:
    """What is known of a request, as its errors report it.

    Attributes:
        operation: Method and route; the method and `(storage)` for a signed address.
        ids: The ids in the path.
        to_api: Whether it goes to the API, not to the storage.
        attempts: Attempts begun.
        elapsed: Seconds since the first attempt.
        maybe_carried_out: Whether some attempt may have been carried out.
        once: Why it cannot be repeated, as a sentence, or empty.
        late: The deadline in seconds, if it has passed.
        secrets: What it contained and the server may echo.
    """

    operation: str = field(init=False)
    ids: tuple[str, ...] = field(init=False)
    to_api: bool = field(init=False)
    attempts: int = field(default=0, init=False)
    maybe_carried_out: bool = field(default=False, init=False)
    elapsed: float = field(default=0.0, init=False)
    once: str = field(default="", init=False)
    late: float | None = field(default=None, init=False)
    secrets: tuple[str, ...] = field(default=(), init=False, repr=False)

    def __str__(self) -> str:
        return self.operation + (f" [{' '.join(self.ids)}]" if self.ids else "")

    def clean(self, value: object, limit: int = _MAX_TEXT) -> str:
        """Return the beginning of what the server sent, without secrets that it may have echoed."""
        text = str(value)
        head = scrub(text[: limit * 4], self.secrets)
        if len(text) > limit * 4:  # the end may be the beginning of a secret
            head = head[: -max(map(len, self.secrets), default=1)]
        return head[:limit]

    def describe(self, response: httpx.Response) -> dict[str, Any]:
        """Return what every error keeps of a response."""
        headers = response.headers.items()
        return {
            "operation": self.operation,
            "ids": self.ids,
            "status": response.status_code,
            # Not the headers that would let a reader act as the caller.
            "headers": {name: self.clean(it) for name, it in headers if name != "set-cookie"},
            "body": self.clean(response.content[: _MAX_TEXT * 20].decode("utf-8", "replace")),
        }


def unexpected(
    response: httpx.Response, sent: Sent, problem: str, field: str = "(body)"
) -> UnexpectedResponse:
    """Return the error for a success that is not what the spec says."""
    changes = not sent.operation.startswith(("GET", "HEAD"))
    return UnexpectedResponse(
        f"{sent} returned {response.status_code}, but {problem}. Either something between here and "
        "the service answered in its place, or the service has changed: compare its Swagger with the "
        f"spec of this release.{MAYBE_CARRIED_OUT if changes else ''}",
        field=field,
        maybe_carried_out=changes,
        **sent.describe(response),
    )


def status_error(
    response: httpx.Response, sent: Sent, retry_after: float | None, *, retryable: bool
) -> HautError:
    """Return the error for a status that is not a success.

    Args:
        response: The response, read to its end.
        sent: What is known of the request.
        retry_after: Seconds that the response asks to wait.
        retryable: Whether the same call may succeed later.
    """
    status = response.status_code
    errors = error_items(response.content, sent.clean) or ()
    identity = request_id(response.headers)
    kind = ApiError.kind_for(status) if sent.to_api else StorageError
    facts: dict[str, Any] = {
        **sent.describe(response),
        "retry_after": retry_after,
        "retryable": retryable,
        "attempts": sent.attempts,
    }
    phrase = httpx.codes.get_reason_phrase(status)  # empty for those of gateways, such as 520
    text = f"{sent} returned {status} {phrase}".rstrip()
    if not sent.to_api:
        facts["code"] = code = storage_code(response.content)
        text += f": {sent.clean(code)}" if code else ""
    elif errors:
        text += ": " + "; ".join(str(item) for item in errors)
    elif 300 <= status < 400:
        text += (
            ": a redirect, which is not followed because the token must not leave the API's origin"
        )
    elif response.content:
        content_type = sent.clean(response.headers.get("content-type", "no content type"))
        text += f", and the body is not the service's error envelope ({content_type})"
    text += "." + (f" Sent {sent.attempts} times." if sent.attempts > 1 else "")
    if retry_after is not None:
        text += f" The server asks to wait {retry_after:.0f} s."
    text += sent.once if retryable or sent.maybe_carried_out else ""
    if sent.maybe_carried_out and sent.to_api:
        text += MAYBE_CARRIED_OUT
    elif advice := kind.advice_for(sent.operation, status, facts.get("code")):
        text += f" {advice}"
    if sent.to_api:
        facts |= {
            "errors": errors,
            "request_id": identity and sent.clean(identity),
            "maybe_carried_out": sent.maybe_carried_out,
        }
        text += f" Request id: {facts['request_id']}." if identity else ""
    return kind(text, **facts)


def permanent_reason(error: Exception, host: str) -> str | None:
    """Return why a connection can never be made as configured, or None if it may be made later."""
    cause: BaseException | None = error
    for _ in range(10):  # a chain can be a ring
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"the server's certificate is not trusted ({cause.verify_message}). To trust a "
                "private certificate authority, pass its file as verify= or set SSL_CERT_FILE"
            )
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            return (
                f"the host name {host!r}, or that of a proxy, does not resolve ({cause.strerror}). "
                "Check base_url and HTTPS_PROXY"
            )
        if isinstance(cause, UnicodeError):
            return "the host name is invalid"
        # httpcore hides its cause in the context; that of any other exception may be the caller's own.
        hides = type(cause).__module__.startswith("httpcore")
        cause = cause and (cause.__cause__ or (cause.__context__ if hides else None))
    if isinstance(error, httpx.ProxyError) and str(error).startswith("407"):
        return "the proxy requires a user name and a password (407). Check HTTPS_PROXY or proxy="
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return "it is not valid HTTP"
    return None


def connection_error(
    error: httpx.TransportError, sent: Sent, *, delivered: bool, permanent: str | None
) -> TransportError:
    """Return the error for a connection that was not made, broke, or was too slow.

    Args:
        error: What httpx raised.
        sent: What is known of the request.
        delivered: Whether some attempt may have arrived.
        permanent: What `permanent_reason` returned.
    """
    late = sent.late is not None or isinstance(error, httpx.TimeoutException)
    if permanent is not None:
        what, advice = f"could not be sent: {permanent}", ""
    elif sent.late is not None:
        what = f"did not end within its deadline of {sent.late:g} s"
        advice = " Raise deadline= if the network is slow."
    elif isinstance(error, httpx.PoolTimeout):
        what = "could not be sent: no connection became free within timeout.pool"
        advice = " Make fewer concurrent calls, or raise max_in_flight or timeout.pool."
    elif isinstance(error, NEVER_CONNECTED):
        # Not its reason, which may echo the password.
        said = f" (the proxy answered {str(error)[:3]})"
        proxy = said if isinstance(error, httpx.ProxyError) else ""
        what = f"could not be sent: no connection was made{proxy}"
        advice = " Check base_url, the network, and HTTPS_PROXY if it is set."
    elif late:
        what, advice = "received no response in time", " Raise timeout= if the service is slow."
    else:
        what, advice = "was cut off before the complete response had arrived", " Try again."
    doubtful = delivered and sent.operation.startswith("POST")
    attempts = f"{sent.attempts} attempt" + ("s" if sent.attempts != 1 else "")
    return (TransportTimeout if late else TransportError)(
        f"{sent} {what} ({type(error).__name__}; {attempts} in {sent.elapsed:.1f} s).{sent.once}"
        + (MAYBE_CARRIED_OUT if doubtful else advice),
        operation=sent.operation,
        ids=sent.ids,
        maybe_delivered=delivered,
        attempts=sent.attempts,
        elapsed=sent.elapsed,
        retryable=permanent is None and not doubtful,
    )
