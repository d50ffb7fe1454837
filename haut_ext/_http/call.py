"""One request on its way through its attempts: what is sent, and what each outcome means.

Makes every decision of the attempt loop; `_async/http.py` and `_sync/http.py` do the sending and
waiting.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import httpx
from attrs import define, field, frozen

from haut_ext._http import response_errors
from haut_ext._http.connection_settings import Origin, origin_of
from haut_ext._http.deadlines import LONGEST, Deadline
from haut_ext._http.download_sink import DownloadSink
from haut_ext._http.redaction import STORAGE, ids, route
from haut_ext._http.response_capture import ResponseInfo, record
from haut_ext._http.response_errors import Sent
from haut_ext._http.response_shapes import (
    error_items,
    is_own_error,
    is_web_page,
    problem_of_success,
)
from haut_ext._http.retry_policy import (
    Disposition,
    may_retry,
    parse_retry_after,
    retry_delay,
    status_disposition,
)
from haut_ext._http.tokens import LOGIN_PATH, OPEN_PATHS, CachedToken, credentials
from haut_ext.errors import HautError
from haut_ext.settings import Options, check_signed_address

logger = logging.getLogger("haut_ext")
logger.addHandler(logging.NullHandler())  # else Python prints warnings of a program without logging


INVALID_RESPONSE = (httpx.DecodingError, httpx.InvalidURL, UnicodeError)
"""What httpx raises for a body that cannot be decompressed, or an invalid Location."""


@frozen
class Failure:
    """The outcome of an attempt that did not succeed."""

    error: HautError
    disposition: Disposition
    retry_after: float | None = None
    response: httpx.Response | None = None

    def __str__(self) -> str:
        name = type(self.error).__name__
        return name if self.response is None else f"{self.response.status_code} {name}"


@define(eq=False)
class Call(Sent):
    """One request and what is known of its attempts.

    Attributes:
        request: The request as the caller made it, without the token.
        origin: Scheme, host and port of the API.
        options: Deadline, retries, and the longest Retry-After.
        sink: Where the body of a success is written instead of into memory.
        deadline: The limit of the whole call.
        token: The token of the last attempt.

    Raises:
        ConfigError: If the request goes to another machine by plain http.
    """

    request: httpx.Request = field(repr=False)
    origin: Origin
    options: Options
    sink: DownloadSink | None = None
    deadline: Deadline = field(init=False)
    token: CachedToken | None = None
    _token_renewed: bool = False
    _started: float = field(factory=time.monotonic)

    def __attrs_post_init__(self) -> None:
        url = self.request.url
        self.to_api = origin_of(url) == self.origin
        if not self.to_api:
            check_signed_address(str(url))
        self.operation = f"{self.request.method} {route(url.path) if self.to_api else STORAGE}"
        self.ids = ids(url.path) if self.to_api else ()
        self.deadline = Deadline(self.options.deadline_for(to_api=self.to_api))

    @property
    def takes_token(self) -> bool:
        return self.to_api and self.request.url.path not in OPEN_PATHS

    @property
    def buffered(self) -> bool:
        """Whether the body is in memory, as JSON is and a photo is not."""
        return isinstance(self.request.stream, httpx.ByteStream)

    @property
    def loggable_url(self) -> str:
        """The URL as it may appear in a log."""
        url = self.request.url
        place = url.path + ("?[redacted]" if url.query else "") if self.to_api else f"/{STORAGE}"
        return f"{url.scheme}://{url.netloc.decode()}{place}"

    def _secrets(self) -> tuple[str, ...]:
        if self.token is not None and self.token.token is not None:
            return (self.token.token, self.token.token.replace("/", "\\/"))
        return credentials(self.request.read()) if self.to_api and self.buffered else ()

    def _once(self) -> str:
        why = ""
        if self.to_api and self.request.url.path == LOGIN_PATH:
            why = "The service blocks frequent logins"
        elif not (self.buffered or getattr(self.request.stream, "replayable", False)):
            why = "Its body was a stream that can be read only once"
        elif self.sink is not None and not self.sink.replayable:
            why = "It is written to a stream that cannot be rewound"
        return why and f" {why}, so it cannot be repeated."

    def begin_attempt(self) -> httpx.Request:
        """Count an attempt, and return the request that it sends: with the token."""
        self.attempts += 1
        if self.deadline.passed:  # a synchronous token callable may have taken all the time
            raise self.connection_failure(httpx.PoolTimeout("no time is left")).error
        self.secrets = self._secrets()
        headers = self.request.headers.copy()
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.token}"
        return httpx.Request(
            self.request.method,
            self.request.url,
            headers=headers,
            content=self.request.read() if self.buffered else None,
            stream=None if self.buffered else self.request.stream,
            extensions=self.request.extensions,
        )

    def limit(self, request: httpx.Request) -> dict[str, float | None]:
        """Cut the timeouts of an attempt to what is left of the deadline, and return them."""
        given = {"pool": None, **self.request.extensions.get("timeout", {})}
        timeouts = self.deadline.cut(given)
        request.extensions["timeout"] = timeouts
        return timeouts

    def judge(self, response: httpx.Response, *, read: bool) -> httpx.Response | Failure:
        """Return the response if it is a success of the service's, or else what it means."""
        response.request = self.request  # which has no token
        if not response.is_success:
            return self._status_failure(response)
        if read and (self.sink is None or is_web_page(response)):
            problem = problem_of_success(response, to_api=self.to_api)
            if problem is not None:
                error = response_errors.unexpected(response, self, problem)
                return self._failure(error, Disposition.FAILED, response=response)
        self.log(logging.DEBUG, str(response.status_code))
        return response

    def _failure(self, *facts: Any, **more: Any) -> Failure:
        failure = Failure(*facts, **more)
        self.log(logging.DEBUG, str(failure))
        return failure

    def _status_failure(self, response: httpx.Response) -> Failure:
        method = self.request.method
        retry_after = parse_retry_after(response.headers.get("retry-after"))
        envelope = error_items(response.content, self.clean) is not None
        disposition = status_disposition(
            method, response.status_code, retry_after, in_envelope=envelope
        )
        self._note(disposition)
        retryable = may_retry(method, disposition, replayable=True)
        error = response_errors.status_error(response, self, retry_after, retryable=retryable)
        return self._failure(error, disposition, retry_after, response)

    def connection_failure(self, error: Exception) -> Failure:
        """Judge an exception of httpx."""
        if isinstance(error, UnicodeDecodeError | UnicodeEncodeError):
            raise error  # of the caller's own code
        if not isinstance(error, httpx.TransportError):  # a body or a Location that is invalid
            error = httpx.RemoteProtocolError(type(error).__name__)
        permanent = response_errors.permanent_reason(error, self.request.url.host)
        connected = permanent is None and not isinstance(error, response_errors.NEVER_CONNECTED)
        disposition = Disposition.AMBIGUOUS if connected else Disposition.REJECTED
        if permanent is not None or isinstance(error, httpx.PoolTimeout):
            disposition = Disposition.PERMANENT  # waiting again would multiply timeout.pool
        self._note(disposition)
        delivered = connected or self.maybe_carried_out
        failure = response_errors.connection_error(
            error, self, delivered=delivered, permanent=permanent
        )
        # httpx's exception refers to the request, with token and signed address.
        error.request = httpx.Request(self.request.method, self.loggable_url)
        failure.__cause__ = error
        return self._failure(failure, disposition)

    def _note(self, disposition: Disposition) -> None:
        changes = self.request.method not in ("GET", "HEAD")
        self.maybe_carried_out |= disposition.maybe_carried_out and changes
        self.elapsed = time.monotonic() - self._started
        self.late = self.deadline.seconds if self.deadline.passed else None
        self.once = self._once()

    def needs_new_token(self, failure: Failure) -> CachedToken | None:
        """Return the rejected token at the first 401, which was certainly not carried out."""
        rejected = failure.response is not None and failure.response.status_code == 401
        if not rejected or self._token_renewed or self.once:
            return None
        self._token_renewed = self.token is not None
        return self.token

    def found_deleted(self, failure: Failure) -> bool:
        """Return whether a DELETE got the service's own 404 after an attempt that may have arrived."""
        if self.request.method != "DELETE" or not self.maybe_carried_out or not failure.response:
            return False
        return failure.response.status_code == 404 and is_own_error(failure.response.content)

    def delay_before_retry(self, failure: Failure) -> float:
        """Return the seconds to wait before the next attempt.

        Raises:
            HautError: The failure, if there is to be no other attempt.
        """
        retryable = may_retry(self.request.method, failure.disposition, replayable=not self.once)
        retries = self.attempts - self._token_renewed
        if not retryable or retries > self.options.max_retries:
            raise failure.error
        delay = retry_delay(retries, failure.retry_after)
        limits = (self.options.max_retry_after or LONGEST, self.deadline.remaining())
        if self.deadline.passed or any(limit is not None and delay > limit for limit in limits):
            raise failure.error
        if self.sink is not None:
            try:
                self.sink.rewind()
            except (OSError, ValueError):
                raise failure.error  # noqa: B904 - the file's own error is its context
        self.log(logging.WARNING, f"{failure}; retrying in {delay:.2f} s")
        return delay

    def finish(self, response: httpx.Response) -> httpx.Response:
        """Record the response of the call and return it."""
        self.elapsed = time.monotonic() - self._started
        facts = (response.status_code, self.attempts, self.elapsed, response)
        record(ResponseInfo(self.operation, self.ids, *facts), self)
        return response

    def log(self, level: int, outcome: str) -> None:
        """Log the outcome of an attempt, with operation and ids."""
        logger.log(level, "%s: attempt %d, %s", self, self.attempts, outcome)


def spoils_connection(response: httpx.Response) -> bool:
    """Return whether a status without a body announces one, which would spoil the next response."""
    length = response.headers.get("content-length", "0")
    announced = length != "0" or "transfer-encoding" in response.headers
    return announced and response.status_code in (204, 304)
