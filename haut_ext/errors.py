"""Every error that this package raises on purpose: one root, and all of them pickle and deepcopy.

A message says what failed, on what, what the server said and what to do. No message, repr or
attribute that is printed holds a token, a signed query or personal data; a request is named by its
method and route (`POST /api/v1/companies/{id}/...`), never by its full address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen


def _restore(kind: type[HautError], args: tuple[Any, ...], state: dict[str, Any]) -> HautError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class HautError(Exception):
    """The root of all errors of this package.

    Attributes:
        retryable: Whether the same call may succeed later, and repeating it is safe.
        maybe_carried_out: Whether the service may have carried out the request that ended in this
            error, if it changes something.
    """

    retryable: bool = False
    maybe_carried_out: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by calling the class with `args`, which breaks as soon as the
        # constructor takes more than the message.
        return _restore, (type(self), self.args, self.__dict__.copy())


class CallerError(Exception):
    """Carries an exception of the caller's own code past the retry policy; it never leaves a method."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class ConfigError(HautError, ValueError):
    """A setting or an argument is missing or cannot be right; raised before any request."""


class ImageRejected(HautError, ValueError):
    """A photo does not meet the service's requirements.

    Raised before any request, or when a file changes or a stream ends badly while it is being sent.

    Attributes:
        reasons: Everything that is wrong, each in one sentence.
    """

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class TransportError(HautError):
    """No usable response arrived: no connection, a broken connection, or too late.

    Attributes:
        operation: Method and route of the request.
        ids: The ids in its path.
        maybe_delivered: Whether the service may have carried the request out all the same.
        attempts: How often the request was sent or tried.
        elapsed: Seconds from the first attempt to this error.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        ids: tuple[str, ...] = (),
        maybe_delivered: bool,
        attempts: int,
        elapsed: float,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.ids = ids
        self.retryable = retryable
        self.maybe_delivered = self.maybe_carried_out = maybe_delivered
        self.attempts = attempts
        self.elapsed = elapsed


class TransportTimeout(TransportError, TimeoutError):
    """A timeout of one attempt, or the deadline of the whole call, has passed."""


@frozen
class ErrorItem:
    """One entry of the service's `errors[]` (api-facts 1.4).

    Attributes:
        code: The service's short code, for example `blank`.
        detail: The service's sentence.
        attr: The request field it is about, if any.
    """

    code: str
    detail: str
    attr: str | None = None

    def __str__(self) -> str:
        return (
            f"{self.attr}: {self.detail} ({self.code})"
            if self.attr
            else f"{self.detail} ({self.code})"
        )


class ApiError(HautError):
    """The service returned a status that is not a success.

    Attributes:
        operation: Method and route of the request.
        ids: The ids in its path.
        status: The HTTP status, whatever its number.
        errors: The service's own list, empty when the body held none.
        request_id: The service's id of the request, if it sent one; quote it to support.
        retry_after: Seconds the service asks to wait, if it said so.
        headers: The answer's headers.
        body: The head of the answer's body as text, whatever its type.
        maybe_carried_out: Whether a call that changes something may have been carried out.
        attempts: How often the request was sent.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        ids: tuple[str, ...] = (),
        status: int,
        errors: tuple[ErrorItem, ...] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        maybe_carried_out: bool = False,
        retryable: bool = False,
        attempts: int = 1,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.ids = ids
        self.retryable = retryable
        self.status = status
        self.errors = errors
        self.request_id = request_id
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        self.body = body
        self.maybe_carried_out = maybe_carried_out
        self.attempts = attempts

    @classmethod
    def kind_for(cls, status: int) -> type[ApiError]:
        """Return the class for a status: the family's own, or ApiError itself."""
        if status >= 500:
            return ServerError
        return _KINDS.get(status, ApiError)

    @classmethod
    def advice_for(cls, operation: str, status: int, code: object) -> str:
        """Return what to do about a status; `code` is for StorageError only."""
        special = _OPERATION_ADVICE.get(operation, {}).get(status)
        return special or _ADVICE.get(status, "Try again later." if status >= 500 else "")


class BadRequest(ApiError):
    """400 or 422: the service does not accept the input; `errors` says which field and why."""


class Unauthorized(ApiError):
    """401: the token is missing, wrong or expired."""


class Forbidden(ApiError):
    """403: the token is valid, and this is not allowed to it."""


class NotFound(ApiError, LookupError):
    """404: there is no such thing, or not for this token."""


class Conflict(ApiError):
    """409: the request contradicts the present state."""


class RateLimited(ApiError):
    """429: too many requests; `retry_after` says how long to wait, if the service said so."""


class ServerError(ApiError):
    """5xx: the service, or something in front of it, failed."""


_ADVICE = {
    401: "Check the token (token= or HAUT_TOKEN); access tokens from login live for one hour.",
    403: "The token is valid, but its user may not do this in this company or dataset.",
    404: "Check the ids, and that they belong to this company and dataset.",
    408: "Try again later.",
    429: "Too many requests: send fewer, or raise max_retries.",
}

_OPERATION_ADVICE = {
    "POST /api/v1/auth/login/": {
        400: "If multi-factor authentication is on for this user, a password is not enough: create a "
        "private token in the SaaS portal and pass it as token=.",
        401: "Check username and password.",
        403: "This user may not log in; pass a private token from the SaaS portal as token= instead.",
        429: "The service blocks frequent logins: wait, then log in once for the whole program, or "
        "use a private token.",
    },
    "POST /api/v1/auth/refresh/": {401: "The refresh token is not valid any more."},
}
"""For operations that the general advice does not fit."""

_KINDS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: BadRequest,
    429: RateLimited,
}


class StorageError(HautError):
    """The storage behind a signed URL refused; its responses are XML (api-facts 5.2).

    Attributes:
        operation: Method and `(storage)`; the address is signed and never shown.
        ids: Empty: a signed address has no ids.
        status: The HTTP status; None if the record has no file.
        code: The storage's code, for example `SignatureDoesNotMatch`, if the body held one.
        retry_after: Seconds the storage asks to wait, if it said so.
        headers: The response's headers.
        body: The head of the response's body as text.
        attempts: How often the request was sent.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        ids: tuple[str, ...] = (),
        status: int | None,
        code: str | None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        retryable: bool = False,
        attempts: int = 1,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.ids = ids
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        self.body = body
        self.retryable = retryable
        self.attempts = attempts

    @classmethod
    def advice_for(cls, operation: str, status: int, code: object) -> str:
        """Return what to do about the storage's code."""
        if code in ("ExpiredToken", "SignatureDoesNotMatch"):
            return "The signed address has expired or does not fit the request: request a new one."
        if code in ("EntityTooLarge", "EntityTooSmall"):
            return "A photo must have 1 to 31,457,280 bytes."
        return ""


class UnexpectedResponse(HautError):
    """A success whose body is not what the spec says.

    Attributes:
        operation: Method and route of the request.
        ids: The ids in its path.
        status: The HTTP status.
        field: Where in the body it does not fit, dotted; `(body)` for the whole.
        headers: The response's headers.
        body: The head of the body as text.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        ids: tuple[str, ...] = (),
        status: int,
        field: str,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        maybe_carried_out: bool = False,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.ids = ids
        self.status = status
        self.field = field
        self.headers = dict(headers or {})
        self.body = body
        self.maybe_carried_out = maybe_carried_out


class ListChanging(HautError):
    """A list kept changing faster than it could be read; some item may not have been yielded.

    Read it again when fewer others create and delete at the same time.
    """
