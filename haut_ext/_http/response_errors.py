"""Builds the typed errors for failed requests.

Each message says which request failed, why, what the server sent, and what to do.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from haut_ext import errors
from haut_ext._http.call import MAX_TEXT, Call
from haut_ext._http.response_capture import request_id
from haut_ext._http.response_shapes import confirms_absence, error_items, storage_code
from haut_ext._httpx import httpx

MAYBE_CARRIED_OUT = "The request may have been carried out: check before you send it again."

NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Exceptions that httpx raises only if it sent no part of the request to the server."""

_MAX_CAUSES = 10
"""Maximum number of chained exceptions to examine. A chain of causes can be circular."""


def unexpected_response(
    response: httpx.Response, call: Call, problem: str, field: str = "(body)"
) -> errors.UnexpectedResponse:
    """Return the error for a successful response whose body does not match the spec."""
    text = (
        f"{call} returned {response.status_code}, but {problem}. Either a proxy responded instead of "
        "the service, or the API has changed: compare its OpenAPI document with this release's spec."
    )
    return errors.UnexpectedResponse(
        f"{text} {MAYBE_CARRIED_OUT}" if call.changes_data else text,
        field=field,
        maybe_carried_out=call.changes_data,
        **_response_details(response, call),
    )


def status_error(
    response: httpx.Response,
    call: Call,
    retry_after: float | None,
    *,
    retryable: bool,
    body_problem: str = "",
) -> errors.HautError:
    """Return the error for a response with an error status or a redirect.

    Args:
        response: The response; its body must have been read.
        call: The call to which the response belongs.
        retry_after: Value of the Retry-After header in seconds, if the response has one.
        retryable: Whether the same call may succeed later.
        body_problem: Reason why the body was not received, such as its size.
    """
    status = response.status_code
    kind = errors.ApiError.kind_for(status) if call.to_api else errors.StorageError
    details = _response_details(response, call)
    details |= {"retry_after": retry_after, "retryable": retryable}
    if kind is errors.NotFound:
        details["confirmed"] = confirms_absence(response)
    identifier = request_id(response.headers)
    if call.to_api:
        details["errors"] = error_items(response.content, call.redact) or ()
        details["request_id"] = identifier and call.redact(identifier)
        details["maybe_carried_out"] = call.maybe_carried_out
    else:
        code = storage_code(response.content)
        details["code"] = code and call.redact(code)
    phrase = httpx.codes.get_reason_phrase(status)  # empty if the status is non-standard
    reason = _status_reason(response, call, details)
    if body_problem:
        reason += f", and the body {body_problem}"
    sentences = [f"{call} returned {f'{status} {phrase}'.rstrip()}{reason}."]
    if call.attempts > 1:
        sentences.append(f"Sent {call.attempts} times.")
    if retry_after is not None:
        sentences.append(f"The server asks to wait {retry_after:.0f} s.")
    if retryable or call.maybe_carried_out:
        sentences.append(call.unrepeatable_reason)
    if call.maybe_carried_out and call.to_api:
        sentences.append(MAYBE_CARRIED_OUT)
    else:
        sentences.append(kind.advice_for(call.operation, status, details.get("code")))
    if details.get("request_id"):
        sentences.append(f"Request id: {details['request_id']}.")
    return kind(" ".join(filter(None, sentences)), **details)


def permanent_reason(error: Exception, host: str) -> str | None:
    """Return the reason why a retry would fail to connect again, or None if it may succeed."""
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"the server's certificate is not trusted ({cause.verify_message}). To trust a "
                "private certificate authority, pass its file as verify= or set SSL_CERT_FILE"
            )
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            return (
                f"the host name {host!r}, or the host name of a proxy, does not resolve "
                f"({cause.strerror}). Check base_url and HTTPS_PROXY"
            )
        if isinstance(cause, UnicodeError):
            return "the host name is invalid"
        # httpcore stores the cause of its exceptions in `__context__`. For other exceptions,
        # `__context__` may be an unrelated exception of the caller.
        from_httpcore = type(cause).__module__.startswith("httpcore")
        cause = cause and (cause.__cause__ or (cause.__context__ if from_httpcore else None))
    if isinstance(error, httpx.ProxyError) and str(error).startswith("407"):
        return "the proxy requires a user name and a password (407). Check HTTPS_PROXY or proxy="
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return "the request is not valid HTTP"
    return None


def connection_error(
    error: httpx.TransportError, call: Call, *, delivered: bool, permanent: str | None
) -> errors.TransportError:
    """Return the error for a connection that failed, broke or timed out.

    Args:
        error: The exception that httpx raised.
        call: The call whose attempt failed.
        delivered: Whether the service may have received one of the attempts.
        permanent: The reason why a retry would fail again; None if it may succeed.
    """
    exceeded = call.deadline.exceeded
    if permanent is not None:
        problem, advice = f"could not be sent: {permanent}", ""
    elif exceeded:
        problem = f"exceeded its deadline of {call.deadline.seconds:g} s"
        advice = "Raise deadline= if the network is slow."
    elif isinstance(error, httpx.PoolTimeout):
        problem = "could not be sent: no connection became free within timeout.pool"
        advice = "Make fewer concurrent calls, or raise max_in_flight or timeout.pool."
    elif isinstance(error, NEVER_CONNECTED):
        problem = "could not be sent: no connection was established"
        if isinstance(error, httpx.ProxyError):  # its full text may contain the proxy's password
            problem += f" (the proxy returned {str(error)[:3]})"
        advice = "Check base_url, the network, and HTTPS_PROXY if it is set."
    elif isinstance(error, httpx.TimeoutException):
        problem, advice = "received no response in time", "Raise timeout= if the service is slow."
    else:
        problem, advice = "lost its connection before the response was complete", "Try again."
    ambiguous = delivered and call.request.method == "POST"
    timed_out = exceeded or isinstance(error, httpx.TimeoutException)
    count = f"{call.attempts} attempt" + ("s" if call.attempts != 1 else "")
    elapsed = call.deadline.elapsed
    sentences = (
        f"{call} {problem} ({type(error).__name__}; {count} in {elapsed:.1f} s).",
        call.unrepeatable_reason,
        MAYBE_CARRIED_OUT if ambiguous else advice,
    )
    return (errors.TransportTimeout if timed_out else errors.TransportError)(
        " ".join(filter(None, sentences)),
        operation=call.operation,
        ids=call.ids,
        maybe_delivered=delivered,
        attempts=call.attempts,
        elapsed=elapsed,
        retryable=permanent is None and not ambiguous,
    )


def _response_details(response: httpx.Response, call: Call) -> dict[str, Any]:
    """Return the attributes that every error about a response has, such as status and headers."""
    headers = response.headers.items()
    return {
        "operation": call.operation,
        "ids": call.ids,
        "attempts": call.attempts,
        "status": response.status_code,
        # Cookies are left out: anyone who reads one in a log could act as the caller.
        "headers": {name: call.redact(value) for name, value in headers if name != "set-cookie"},
        "body": call.redact(response.content[: MAX_TEXT * 20].decode("utf-8", "replace")),
    }


def _status_reason(response: httpx.Response, call: Call, details: dict[str, Any]) -> str:
    """Return the server's reason for an error status as the end of a sentence; may be empty."""
    if not call.to_api:
        return f": {details['code']}" if details["code"] else ""
    if details["errors"]:
        return ": " + "; ".join(map(str, details["errors"]))
    if 300 <= response.status_code < 400:
        return (
            ": a redirect, which is not followed because the token must not leave the API's origin"
        )
    if response.content:
        content_type = call.redact(response.headers.get("content-type", "no content type"))
        return f", and the body is not in the service's error format ({content_type})"
    return ""
