"""Exceptions raised by this package.

Every exception derives from `HautError` and supports pickling and deep copies. An error message
states what failed, the ids involved, what the server reported and what to do next. Messages and
reprs contain no token, signed URL or personal data; they identify a request by its method and route
(`POST /api/v1/companies/{id}/...`). Control characters in messages are escaped.

The classes are dataclasses, because attrs would put every attribute into the exception's `args`,
which tracebacks show.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import KW_ONLY, MISSING, InitVar, dataclass, fields
from dataclasses import field as dataclass_field
from functools import wraps
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, dataclass_transform

from attrs import asdict, frozen

from haut_ext.text import escape

Error = TypeVar("Error", bound="HautError")


def _rebuild(error_class: type[Error], args: tuple[Any, ...]) -> Error:
    error = error_class.__new__(error_class, *args)
    error.args = args
    return error


_LEFT_OUT: dict[str, Any] = {"headers": {}, "body": ""}


def _to_json_value(value: Any) -> Any:
    """Return a JSON value for an attribute of an error."""
    if hasattr(value, "to_json"):
        return json.loads(value.to_json())
    if isinstance(value, Exception):
        return {"class": type(value).__name__}
    return asdict(value) if hasattr(value, "__attrs_attrs__") else str(value)


def _plain(value: Any) -> Any:
    """Return a parsed JSON value without objects, with a tuple for each array."""
    if isinstance(value, list):
        items = cast("list[Any]", value)  # type: ignore[redundant-cast]
        return tuple(map(_plain, items))
    if value != {} and not isinstance(value, str | int | float | None):
        raise ValueError("unexpected JSON object")
    return value


def parsed_by(parse: Callable[[str], Any]) -> dict[str, Any]:
    """Return metadata of a field that `HautError.from_json` parses with a function."""
    return {"from_json": parse}


def parse_cause(text: str) -> Exception:
    """Return the cause of an error from its JSON string."""
    content = json.loads(text)
    if content.keys() == {"class"}:
        return Exception(content["class"])
    return HautError.from_json(text)


@dataclass(eq=False, repr=False)
class HautError(Exception):
    """Base class of all errors of this package.

    Attributes:
        retryable: Whether repeating the call is safe and may succeed. False if the call has used up
            a stream of the caller that cannot seek.
        maybe_carried_out: Whether the service may have carried out the failed request, although the
            client received no confirmation. Check this for requests that change data.
    """

    message: InitVar[str]
    _: KW_ONLY
    retryable: bool = False
    maybe_carried_out: bool = False

    def __post_init__(self, message: str) -> None:
        super().__init__(escape(message))

    def __reduce__(self) -> tuple[Any, ...]:
        # Unpickling an exception calls its class with `args` by default. This fails for classes
        # that have required keyword arguments.
        return _rebuild, (type(self), self.args), self.__dict__

    def to_json(self) -> str:
        """Return the error as a JSON string, for a task queue. `from_json` parses it.

        The string contains the class, the message and the attributes. Response headers, response
        bodies and `images` are left out, because they can contain secrets and personal data. A cause
        that is no `HautError` is replaced by the name of its class.
        """
        names = ({field.name for field in fields(self)} | {"reasons"}) - {"images"}
        values = {name: value for name, value in vars(self).items() if name in names}
        values |= {name: empty for name, empty in _LEFT_OUT.items() if name in values}
        kind = {"module": type(self).__module__, "class": type(self).__name__}
        return json.dumps({**kind, "message": str(self), **values}, default=_to_json_value)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse a JSON string returned by `to_json`, and return an error of the same class.

        Reading an attribute that was left out raises `AttributeError`; headers and bodies are empty.

        Raises:
            ValueError: If the text is not the JSON of an error of this class, or if the module that
                defines its class, such as that of `BulkStopped`, has not been imported.
        """
        try:
            content = json.loads(text)
            module, name, message = (content.pop(key) for key in ("module", "class", "message"))
            kind: type[Self] = getattr(sys.modules[module], name)
            if not issubclass(kind, cls):
                raise ValueError(f"{name} is not a subclass of {cls.__name__}")
            parsers = {field.name: field.metadata.get("from_json") for field in fields(kind)}
            parsers["reasons"] = None
            error = _rebuild(kind, (escape(message),))
            for name, value in content.items():
                parse = parsers[name] if value is not None else None
                vars(error)[name] = parse(json.dumps(value)) if parse else _plain(value)
        except (
            KeyError,
            TypeError,
            AttributeError,
            ValueError,
            RecursionError,
        ) as cause:
            raise ValueError(f"invalid {cls.__name__}: expected JSON from to_json()") from cause
        return error

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            kind = type(self).__name__
            if name in {field.name for field in fields(self)}:
                raise AttributeError(f"{name} is unknown: it was not sent with this {kind}")
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(dataclass_field,))
def error_class(cls: type[Error]) -> type[Error]:
    """Turn a public error class into a dataclass that can also be created from a message alone.

    Task queues such as Celery send the class and `args` of an error, look the class up in
    `sys.modules`, and create the error from `args`. The attributes without a default are missing
    then, and the error claims no certainty: the request may have been carried out.
    """
    cls = dataclass(eq=False, repr=False, kw_only=True)(cls)
    cls.__module__ = "haut_ext"  # other modules are imported on first use
    required = any(field.default is field.default_factory is MISSING for field in fields(cls))
    create: Any = cls.__init__

    @wraps(create)
    def init(self: HautError, message: str, **attributes: Any) -> None:
        if attributes or not required:
            create(self, message, **attributes)
        else:
            HautError.__post_init__(self, message)
            self.maybe_carried_out = True

    cls.__init__ = init  # type: ignore[method-assign]
    return cls


class CallerError(Exception):
    """Internal wrapper around an exception raised by the caller's code.

    The wrapper hides the exception from the retry policy. Public methods unwrap and raise the
    original exception.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class ConfigError(HautError, ValueError):
    """A setting or an argument is missing or invalid. Raised before any request is sent."""


class ImageRejected(HautError, ValueError):
    """A photo does not meet the requirements of the service.

    Raised before any request is sent, or during an upload if the photo changes or cannot be read
    completely.

    Attributes:
        reasons: All problems of the photo, one sentence each.
    """

    def __init__(self, reasons: tuple[str, ...] | str) -> None:
        reasons = (reasons,) if isinstance(reasons, str) else reasons  # a str is the message
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@dataclass(eq=False, repr=False, kw_only=True)
class RequestError(HautError):
    """Base class of errors that concern a single request.

    Attributes:
        operation: HTTP method and route of the request, or HTTP method and `(storage)` for a signed
            URL.
        ids: Ids in the path of the request. Empty for a signed URL.
        attempts: Number of attempts.
    """

    operation: str
    ids: tuple[str, ...] = ()
    attempts: int = 1


@error_class
class TransportError(RequestError):
    """No complete response arrived, because the connection failed, broke or was too slow.

    Attributes:
        maybe_delivered: Whether the service may have received and carried out the request.
        elapsed: Seconds between the first attempt and this error.
    """

    maybe_delivered: bool
    elapsed: float

    def __post_init__(self, message: str) -> None:
        super().__post_init__(message)
        self.maybe_carried_out = self.maybe_delivered


class TransportTimeout(TransportError, TimeoutError):
    """An attempt exceeded a timeout, or the whole call exceeded its deadline."""


@frozen
class ErrorItem:
    """Entry of the `errors` list in an error response from the service (docs/api-facts.md, 1.4).

    Attributes:
        code: Short error code, such as `blank`.
        detail: Explanation of the error.
        attr: Name of the invalid request field, if the error concerns one.
    """

    code: str
    detail: str
    attr: str | None = None

    def __str__(self) -> str:
        text = f"{self.detail} ({self.code})"
        return escape(f"{self.attr}: {text}" if self.attr else text)


def _parse_items(text: str) -> tuple[ErrorItem, ...]:
    return tuple(ErrorItem(**item) for item in json.loads(text))


@error_class
class ApiError(RequestError):
    """The service returned an error status.

    Attributes:
        status: HTTP status.
        errors: Entries of the `errors` list in the response body. Empty if there is no such list.
        request_id: Id that the service assigned to the request, if the response has one. Quote it
            in support requests.
        retry_after: Requested delay before the next attempt, in seconds, if the response has one.
        headers: Response headers.
        body: Beginning of the response body, decoded as text.
    """

    status: int
    errors: tuple[ErrorItem, ...] = dataclass_field(default=(), metadata=parsed_by(_parse_items))
    request_id: str | None = None
    retry_after: float | None = None
    headers: dict[str, str] = dataclass_field(default_factory=dict[str, str])
    body: str = ""

    @classmethod
    def kind_for(cls, status: int) -> type[ApiError]:
        """Return the subclass of `ApiError` for an HTTP status, or `ApiError` if there is none."""
        if status >= 500:
            return ServerError
        return _CLASSES.get(status, ApiError)

    @classmethod
    def advice_for(cls, operation: str, status: int, code: object) -> str:
        """Return advice for the user about an error status. `code` is ignored."""
        special = _OPERATION_ADVICE.get(operation, {}).get(status)
        return special or _ADVICE.get(status, "Try again later." if status >= 500 else "")


class BadRequest(ApiError):
    """400 or 422: the input is invalid. `errors` lists the invalid fields and their problems."""


class Unauthorized(ApiError):
    """401: the token is missing, invalid or expired."""


class Forbidden(ApiError):
    """403: the token is valid, but does not permit this request."""


@error_class
class NotFound(ApiError, LookupError):
    """404: the object does not exist or is not accessible with this token.

    Attributes:
        confirmed: Whether the response has the format of the service's own errors. If false, a
            proxy may have sent it, so whether the object exists is unknown.
    """

    confirmed: bool = False


@contextmanager
def ignore_confirmed_not_found() -> Generator[None]:
    """Suppress a NotFound that the service itself has sent; raise any other one."""
    try:
        yield
    except NotFound as error:
        if not error.confirmed:
            raise


class Conflict(ApiError):
    """409: the request conflicts with the current state of the object."""


class RateLimited(ApiError):
    """429: too many requests. If the service requested a delay, `retry_after` contains it."""


class ServerError(ApiError):
    """5xx: the service or a gateway in front of it failed."""


_ADVICE = {
    401: "Check the token (token= or HAUT_TOKEN); access tokens from login expire after one hour.",
    403: "The token is valid, but its user lacks the permission for this company or dataset.",
    404: "Check that the ids are correct and belong to this company and dataset.",
    408: "Try again later.",
    429: "Too many requests: send fewer, or raise max_retries.",
}

_OPERATION_ADVICE = {
    "POST /api/v1/auth/login/": {
        400: "If this user has multi-factor authentication, login is not possible: create a private "
        "token in the SaaS portal and pass it as token=.",
        401: "Check username and password.",
        403: "This user may not log in; pass a private token from the SaaS portal as token= instead.",
        429: "The service blocks frequent logins: wait, then log in once for the whole program, or "
        "use a private token.",
    },
    "POST /api/v1/auth/refresh/": {401: "The refresh token is no longer valid."},
}
"""Advice for specific operations and statuses, which replaces the general advice in `_ADVICE`."""

_CLASSES: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: BadRequest,
    429: RateLimited,
}


@error_class
class StorageError(RequestError):
    """The upload or download of a photo to or from the storage failed (docs/api-facts.md, 5.2).

    Attributes:
        status: HTTP status. None if no request was sent, because the image has no file, or because
            the service returned an invalid signed URL.
        code: Error code in the XML response body, such as `SignatureDoesNotMatch`, if any.
        retry_after: Requested delay before the next attempt, in seconds, if the response has one.
        headers: Response headers.
        body: Beginning of the response body, decoded as text.
    """

    status: int | None
    code: str | None
    retry_after: float | None = None
    headers: dict[str, str] = dataclass_field(default_factory=dict[str, str])
    body: str = ""

    @classmethod
    def advice_for(cls, operation: str, status: int, code: object) -> str:
        """Return advice for the user about an error code from the storage."""
        if code in ("ExpiredToken", "SignatureDoesNotMatch"):
            return "The signed URL has expired or does not match the request: request a new one."
        if code in ("EntityTooLarge", "EntityTooSmall"):
            return "A photo must have 1 to 31,457,280 bytes."
        return ""


@error_class
class UnexpectedResponse(RequestError):
    """A response with a success status whose body does not match the spec.

    Attributes:
        status: HTTP status.
        field: Dotted path of the invalid field in the body, or `(body)` if the whole body is
            invalid.
        headers: Response headers.
        body: Beginning of the response body, decoded as text.
    """

    status: int
    field: str
    headers: dict[str, str] = dataclass_field(default_factory=dict[str, str])
    body: str = ""


class ListChanging(HautError):
    """A list changed faster than it could be read, so items may be missing from the iteration.

    Try again at a time when fewer items are created or deleted.
    """


def short_reason(error: HautError) -> str:
    """Return the class of an error, with its HTTP status and error codes if there are any.

    The text can be stored: it contains no message of the service, which may quote personal data.
    """
    words, codes = [type(error).__name__], list[str]()
    if isinstance(error, ApiError | StorageError) and error.status is not None:
        words.append(str(error.status))
    if isinstance(error, ApiError):
        codes = [item.code for item in error.errors]
    elif isinstance(error, StorageError):
        codes = [error.code or ""]
    valid = (code for code in codes if re.fullmatch(r"[\w.-]{1,60}", code, re.A))
    return " ".join([*words, *dict.fromkeys(valid)])
