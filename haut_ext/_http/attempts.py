"""Prepares each attempt of a call, interprets its outcome, and decides whether to try again."""

from __future__ import annotations

import logging
import time

from attrs import frozen

from haut_ext._http import response_errors, response_shapes, retry_policy
from haut_ext._http.body_limits import RejectedBody, without_body
from haut_ext._http.call import Call
from haut_ext._http.deadlines import MAX_TIMEOUT
from haut_ext._http.response_capture import request_id
from haut_ext._http.retry_policy import Disposition
from haut_ext._http.tokens import CachedToken
from haut_ext._httpx import httpx
from haut_ext.errors import CallerError, HautError

logger = logging.getLogger("haut_ext")
# Prevents Python from printing this package's warnings in programs that do not configure logging.
logger.addHandler(logging.NullHandler())

INVALID_RESPONSE = (httpx.DecodingError, httpx.InvalidURL, UnicodeError)
"""Exceptions that httpx raises if it cannot decompress the body or parse the Location header."""

_EXPECTED = (httpx.TransportError, *INVALID_RESPONSE, HautError, CallerError, RejectedBody)


@frozen
class Failure:
    """Outcome of a failed attempt.

    Attributes:
        error: The error to raise if there is no further attempt.
        disposition: Whether the service may have carried out the request, and whether to retry it.
        status: HTTP status of the response, if there was one.
        retry_after: Value of the Retry-After header in seconds, if the response has one.
    """

    error: HautError
    disposition: Disposition
    status: int | None = None
    retry_after: float | None = None


def is_interruption(error: BaseException) -> bool:
    """Return whether an attempt was interrupted, by Ctrl-C or an exception of a signal handler."""
    return not isinstance(error, _EXPECTED)


def start_attempt(call: Call) -> httpx.Request:
    """Increment the number of attempts, and return the request to send, with the token.

    Raises:
        TransportTimeout: If the deadline passed while the token was being obtained.
    """
    call.attempts += 1
    call.attempt_started = time.monotonic()
    if call.deadline.exceeded:
        raise connection_failure(call, httpx.PoolTimeout("no time is left")).error
    original = call.request
    request = httpx.Request(
        original.method,
        original.url,
        headers=original.headers,
        stream=original.stream,
        extensions=original.extensions,
    )
    if call.buffered:
        request.read()  # so that event hooks and mock transports can access the body
    if call.token is not None and call.token.value is not None:
        call.secrets.update((call.token.value, *call.token.earlier))
        request.headers["Authorization"] = f"Bearer {call.token.value.reveal()}"
    return request


def shorten_timeouts(call: Call, request: httpx.Request) -> dict[str, float | None]:
    """Limit the timeouts of an attempt to the time left until the deadline, and return them."""
    timeouts = call.deadline.shorten({"pool": None, **call.request.extensions.get("timeout", {})})
    request.extensions["timeout"] = timeouts
    return timeouts


def response_outcome(
    call: Call, response: httpx.Response, *, read: bool
) -> httpx.Response | Failure:
    """Return the response if the attempt succeeded, otherwise a `Failure`.

    Args:
        call: The call to which the response belongs.
        response: The response to the latest attempt.
        read: Whether the body of a successful response has been read.
    """
    response.request = call.request  # unlike the sent request, this one does not contain the token
    status = response.status_code
    if not response.is_success:
        if _already_deleted(call, response):
            _log(logging.DEBUG, call, response)
            return httpx.Response(204, request=call.request)
        return _status_failure(call, response)
    if read:
        downloaded = call.sink is not None and not response_shapes.is_web_page(response)
        problem = None
        if not downloaded:
            problem = response_shapes.success_problem(response, to_api=call.to_api)
        if problem is None and call.checksum is not None:
            problem = call.checksum.problem(response, upload=call.sink is None)
        if problem is not None:
            if downloaded:
                response = without_body(status, response.headers)
            error = response_errors.unexpected_response(response, call, problem)
            return _logged(call, Failure(error, Disposition.FAILED, status))
    _log(logging.DEBUG, call, response)
    return response


def body_failure(call: Call, error: RejectedBody) -> Failure:
    """Return a `Failure` that describes a response whose body was not received completely."""
    response = error.response
    response.request = call.request
    if not response.is_success:
        return _status_failure(call, response, error.problem)
    unexpected = response_errors.unexpected_response(response, call, f"the body {error.problem}")
    return _logged(call, Failure(unexpected, Disposition.FAILED, response.status_code))


def connection_failure(call: Call, error: Exception) -> Failure:
    """Return a `Failure` that describes an exception raised by httpx."""
    if isinstance(error, UnicodeDecodeError | UnicodeEncodeError):
        raise error  # raised by the caller's own code
    if not isinstance(error, httpx.TransportError):  # httpx cannot decode the response
        error = httpx.RemoteProtocolError(type(error).__name__)
    permanent = response_errors.permanent_reason(error, call.request.url.host)
    connected = permanent is None and not isinstance(error, response_errors.NEVER_CONNECTED)
    disposition = Disposition.AMBIGUOUS if connected else Disposition.REJECTED
    if permanent is not None or isinstance(error, httpx.PoolTimeout):
        disposition = Disposition.PERMANENT  # the call has already waited for timeout.pool
    _note_disposition(call, disposition)
    delivered = connected or call.maybe_carried_out
    failure = response_errors.connection_error(
        error, call, delivered=delivered, permanent=permanent
    )
    # The request that httpx attached to the exception contains the token and the signed URL.
    error.request = httpx.Request(call.request.method, call.loggable_url)
    if not call.to_api:
        error.__traceback__ = None  # its frames contain the signed URL
    failure.__cause__ = error
    return _logged(call, Failure(failure, disposition))


def rejected_token(call: Call, failure: Failure) -> CachedToken | None:
    """Return the rejected token if this is the first 401 of the call, otherwise None."""
    if failure.status != 401 or call.token_renewed or call.unrepeatable_reason:
        return None
    call.token_renewed = call.token is not None
    return call.token


def delay_before_retry(call: Call, failure: Failure) -> float:
    """Return the number of seconds to wait before the next attempt.

    Raises:
        HautError: If the request must not be sent again. This is `failure.error`.
    """
    repeatable = not call.unrepeatable_reason
    failure.error.retryable &= not call.used_stream
    retries = call.attempts - call.token_renewed
    retryable = retry_policy.may_retry(
        call.request.method, failure.disposition, repeatable=repeatable
    )
    if not retryable or retries > call.options.max_retries:
        raise failure.error
    delay = retry_policy.retry_delay(retries, failure.retry_after)
    remaining = call.deadline.remaining()
    if (failure.retry_after or 0.0) > (call.options.max_retry_after or MAX_TIMEOUT):
        raise failure.error
    if remaining is not None and (remaining == 0.0 or delay > remaining):
        raise failure.error
    if call.sink is not None:
        try:
            call.sink.rewind()
        except (OSError, ValueError):
            raise failure.error  # noqa: B904 - keeps the file's error as its context
    _log(logging.WARNING, call, failure, retry_in=delay)
    return delay


def _already_deleted(call: Call, response: httpx.Response) -> bool:
    """Return whether a DELETE got a 404 that an earlier, unconfirmed attempt may have caused.

    Only a path that ends with an id names the deleted item itself. The 404 of another path, such as
    `.../subjects/{id}/storage/`, means that the item containing it does not exist.
    """
    deletes_item = call.operation.startswith("DELETE ") and call.operation.endswith("{id}/")
    may_have_caused = deletes_item and call.maybe_carried_out
    return may_have_caused and response_shapes.confirms_absence(response)


def _status_failure(call: Call, response: httpx.Response, body_problem: str = "") -> Failure:
    method, status = call.request.method, response.status_code
    retry_after = retry_policy.parse_retry_after(response.headers.get("retry-after"))
    in_envelope = response_shapes.error_items(response.content, call.redact) is not None
    disposition = retry_policy.status_disposition(
        method, status, retry_after, in_envelope=in_envelope
    )
    if status == 404 and call.to_api and not response_shapes.confirms_absence(response):
        disposition = Disposition.FAILED  # a proxy may have sent it after the service's response
    _note_disposition(call, disposition)
    retryable = retry_policy.may_retry(method, disposition, repeatable=True)
    error = response_errors.status_error(
        response, call, retry_after, retryable=retryable, body_problem=body_problem
    )
    return _logged(call, Failure(error, disposition, status, retry_after))


def _note_disposition(call: Call, disposition: Disposition) -> None:
    call.maybe_carried_out |= disposition.maybe_carried_out and call.changes_data


def _logged(call: Call, failure: Failure) -> Failure:
    _log(logging.DEBUG, call, failure)
    return failure


def _log(
    level: int, call: Call, outcome: httpx.Response | Failure, retry_in: float | None = None
) -> None:
    """Log an attempt.

    The attributes of the record have a prefix, because `logging` raises an error if a record factory
    of the program has already set one of them.
    """
    if not logger.isEnabledFor(level):
        return
    if isinstance(outcome, Failure):
        status, error = outcome.status, type(outcome.error).__name__
        headers = getattr(outcome.error, "headers", {})
    else:
        status, error, headers = outcome.status_code, None, outcome.headers
    identifier = request_id(headers)
    extra = {
        "haut_operation": call.operation,
        "haut_ids": call.ids,
        "haut_attempt": call.attempts,
        "haut_status": status,
        "haut_error": error,
        "haut_retry_in": retry_in,
        "haut_duration": time.monotonic() - call.attempt_started,
        "haut_request_id": identifier and call.redact(identifier),
    }
    text = " ".join(str(it) for it in (status, error) if it is not None)
    text += "" if retry_in is None else f"; retrying in {retry_in:.2f} s"
    logger.log(level, "%s: attempt %d, %s", call, call.attempts, text, extra=extra)
