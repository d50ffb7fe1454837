"""From what came back, or did not, to a typed error with a message that helps.

The rule for a message: what failed, on what, what the server said, what to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from traceback import walk_tb
from types import FrameType
from typing import Any
from xml.etree import ElementTree

import attrs
import httpx

from haut_ext.errors import (
    ApiError,
    ErrorItem,
    HautError,
    StorageError,
    TransportError,
    TransportTimeout,
    UnexpectedResponse,
)
from haut_ext.wire.redaction import STORAGE, scrub
from haut_ext.wire.tokens import LOGIN_PATH, REFRESH_PATH

_HEAD = 1000
"""How many characters of a body an error keeps."""

_REQUEST_ID_HEADERS = ("x-request-id", "x-correlation-id", "x-guploader-uploadid", "cf-ray")

_ADVICE = {
    401: "Check the token (token= or HAUT_TOKEN); access tokens from login live for one hour.",
    403: "The token is valid, but its user may not do this in this company or dataset.",
    404: "Check the ids, and that they belong to this company and dataset.",
    408: "Try again later.",
    429: "Too many requests: slow down, or raise max_retries or max_retry_after.",
}

_ADVICE_ON = {
    f"POST {LOGIN_PATH}": {
        400: "If multi-factor authentication is on for this user, a password is not enough: create a "
        "private token in the SaaS portal and pass it as token=.",
        401: "Check username and password.",
        403: "This user may not log in; a private token from the SaaS portal, as token=, may do.",
        429: "The service blocks frequent logins: wait, then log in once for the whole program, or "
        "use a private token.",
    },
    f"POST {REFRESH_PATH}": {401: "The refresh token is not valid any more."},
}
"""For operations that the general advice does not fit."""

NEVER_CONNECTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)
"""What httpx raises when no byte of the request can have left."""


ATTEMPTS_HEADER = "x-haut-ext-attempts"
"""Added to each success: how often its request was sent. Generated responses carry headers on."""

OPERATION_HEADER = "x-haut-ext-operation"
"""Added to each success: method and route of its request, which generated responses do not know."""


def attempts(headers: Mapping[str, str]) -> int:
    """Return how often the request was sent whose success has these headers."""
    return int(headers.get(ATTEMPTS_HEADER, "1"))


def maybe_carried_out(error: HautError) -> bool:
    """Return whether the call that ended in this error may have been carried out all the same."""
    if isinstance(error, ApiError):
        return error.maybe_carried_out
    if isinstance(error, TransportError):
        return error.maybe_delivered
    return isinstance(error, UnexpectedResponse)


_KNOWN = frozenset(HTTPStatus)
"""The generated code puts a success's status into this enumeration, and cannot put any other."""


class Answer(httpx.Response):
    """An answer read whole; a success of the API is known to be JSON, and parsed once."""

    operation: str = ""
    secrets: tuple[str, ...] = ()
    """What it was asked with, token or login, which it may echo."""
    _parsed: Any = None

    def clean(self, text: str) -> str:
        """Return a text of this answer without secrets that it may have echoed."""
        return scrub(text, self.secrets)

    def check(self, *, to_api: bool) -> None:
        """Raise UnexpectedResponse for a success that is not the other side's own.

        Args:
            to_api: Whether JSON was asked for, and not a photo stored.
        """
        if to_api and self.status_code not in _KNOWN:
            raise unexpected(self, problem="nobody knows that status")
        if not self.content:
            if to_api and self.status_code != 204 and self.request.method != "DELETE":
                raise unexpected(self, problem="the body is empty")
            return
        kind = self.headers.get("content-type", "no content type")
        if is_page(self):
            raise unexpected(self, problem=f"with a web page ({kind}) that is not the service's")
        if to_api:
            try:
                self._parsed = super().json()
                return
            except (ValueError, RecursionError):
                pass  # its own error holds the whole body, tokens included, and is left behind
            raise unexpected(self, problem=f"the body is not JSON ({kind})")

    def json(self, **kwargs: Any) -> Any:
        if not self.content:
            raise unexpected(self, problem="the body is empty")
        return self._parsed


def is_page(answer: httpx.Response) -> bool:
    """Whether a person's browser was meant, by a portal, say, that answers everything with 200."""
    kind: str = answer.headers.get("content-type", "")
    return kind.lower().startswith("text/html")


def unexpected(answer: Answer, *, problem: str, field: str = "(body)") -> UnexpectedResponse:
    """Return the error for a success whose body is not the service's, or not what the spec says."""
    return UnexpectedResponse(
        f"{answer.operation} answered {answer.status_code}, but {problem}. Either something between "
        "here and the service answered in its place, or the service has changed: compare its "
        "Swagger with the spec of this release.",
        operation=answer.operation,
        status=answer.status_code,
        field=field,
        headers=shown_headers(answer.headers, answer.secrets),
        body=body_head(answer.content, answer.secrets),
    )


def misfit(error: Exception) -> UnexpectedResponse | None:
    """Return what a generated model's trouble with a body means, or None if that was not the trouble.

    The text of the model's own error is left out: it may quote a value, and values are personal.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    answer = next(
        (f.f_locals.get("response") for f in frames if f.f_code.co_name == "_parse_response"), None
    )
    if not isinstance(answer, Answer):
        return None
    field = field_of(error)
    missing = isinstance(error, KeyError)
    problem = f"{field} is missing" if missing else f"{field} does not fit the spec"
    return unexpected(answer, problem=problem, field=field)


def shown_headers(headers: Mapping[str, str], secrets: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the headers of an answer, less what would let its reader act as the caller."""
    return {name: scrub(value, secrets) for name, value in headers.items() if name != "set-cookie"}


def body_head(content: bytes, secrets: tuple[str, ...] = ()) -> str:
    """Return the beginning of a body as text, whatever its type, without echoed secrets."""
    # Cut last: a secret that is cut in two would not be found.
    return scrub(content[: _HEAD * 4].decode("utf-8", "replace"), secrets)[:_HEAD]


def field_of(error: Exception) -> str:
    """Return the dotted field at which a generated model's `from_dict` failed.

    The generated code takes the keys of a document out of a copy named `d`, in the order of the
    model's fields; so the field being read is the last one that is no longer in the copy. This
    holds for every generated model, and a test walks them all.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    models = [frame for frame in frames if frame.f_code.co_name == "from_dict"]
    names = [_field_being_read(frame) for frame in models]
    if models and isinstance(error, KeyError):
        names[-1] = str(error.args[0])  # a required key is missing: it was never taken out
    return ".".join(name for name in names if name) or "(body)"


def _field_being_read(frame: FrameType) -> str | None:
    source, rest = frame.f_locals.get("src_dict"), frame.f_locals.get("d")
    if not isinstance(source, dict) or not isinstance(rest, dict):
        return None
    declared = [field.name for field in attrs.fields(frame.f_locals["cls"]) if field.init]
    wire_names = (name.removesuffix("_") for name in declared)  # `next_` is `next` on the wire
    taken = [name for name in wire_names if name in source and name not in rest]
    return taken[-1] if taken else None


def request_id(answer: Answer) -> str | None:
    """Return the id under which the other side knows the request, if it named one."""
    named = (answer.headers[name] for name in _REQUEST_ID_HEADERS if name in answer.headers)
    return next(map(answer.clean, named), None)


def refusal(
    answer: Answer,
    *,
    operation: str,
    retry_after: float | None,
    maybe_carried_out: bool,
    once: str | None,
    attempts: int,
) -> HautError:
    """Return the error for an answer that is not a success.

    Args:
        answer: The answer, read whole.
        operation: Method and route of the request.
        retry_after: Seconds it asks to wait.
        maybe_carried_out: Whether the call may have been carried out.
        once: What cannot begin anew, if that is why it is not sent again.
        attempts: How often it was sent.
    """
    status = answer.status_code
    if operation.endswith(STORAGE):
        return _storage_refusal(answer, operation, retry_after, once, attempts)
    errors = _error_items(answer)
    text = f"{operation} answered {_status_line(status)}"
    if errors:
        text += ": " + "; ".join(
            (f"{item.attr}: " if item.attr else "") + f"{item.detail} ({item.code})"
            for item in errors
        )
    elif 300 <= status < 400:
        text += ": a redirect. It is not followed, since the token must not leave the API's origin"
    elif answer.content:
        text += (
            f", and not in the service's own form ({answer.headers.get('content-type', 'no type')})"
        )
    text += "."
    text += _history(attempts, retry_after, once)
    if maybe_carried_out:
        text += " It may have been carried out all the same: look before you send it again."
    elif advice := _advice(operation, status):
        text += f" {advice}"
    if (identity := request_id(answer)) is not None:
        text += f" Request id: {identity}."
    return ApiError.kind_for(status)(
        text,
        operation=operation,
        status=status,
        errors=errors,
        request_id=identity,
        retry_after=retry_after,
        headers=shown_headers(answer.headers, answer.secrets),
        body=body_head(answer.content, answer.secrets),
        maybe_carried_out=maybe_carried_out,
        attempts=attempts,
    )


def _advice(operation: str, status: int) -> str:
    special = _ADVICE_ON.get(operation, {})
    later = "Try again later." if status >= 500 else ""
    return special.get(status) or _ADVICE.get(status, later)


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)  # 520 and the like: in use, and on nobody's list


def _error_items(answer: Answer) -> tuple[ErrorItem, ...]:
    """Read the documented envelope (api-facts 1.4); an undocumented body gives none."""
    try:
        content = json.loads(answer.content)
        entries = content["errors"]
        return tuple(
            ErrorItem(
                code=answer.clean(str(entry["code"])),
                detail=answer.clean(str(entry["detail"])),
                attr=None if entry.get("attr") is None else answer.clean(str(entry["attr"])),
            )
            for entry in entries
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ()


def _storage_refusal(
    answer: Answer, operation: str, retry_after: float | None, once: str | None, attempts: int
) -> StorageError:
    code = _storage_code(answer.content)
    text = f"{operation} answered {_status_line(answer.status_code)}"
    text += f": {code}." if code else "."
    if code in ("ExpiredToken", "SignatureDoesNotMatch"):
        text += " The signed address has expired or does not fit the request: ask for a new one."
    elif code in ("EntityTooLarge", "EntityTooSmall"):
        text += " A photo must have 1 to 31,457,280 bytes."
    text += _history(attempts, retry_after, once)
    return StorageError(
        text,
        operation=operation,
        status=answer.status_code,
        code=code,
        retry_after=retry_after,
        headers=shown_headers(answer.headers, answer.secrets),
        body=body_head(answer.content, answer.secrets),
        attempts=attempts,
    )


def _history(attempts: int, retry_after: float | None, once: str | None) -> str:
    text = f" Sent {attempts} times." if attempts > 1 else ""
    if retry_after is not None:
        text += f" It asks to wait {retry_after:.0f} s."
    return text + _repeatable(once)


def _repeatable(once: str | None) -> str:
    return "" if once is None else f" {once}, so it cannot be repeated."


def _storage_code(content: bytes) -> str | None:
    # expat resolves no external entities and stops at amplified ones, and no error page is long.
    try:
        return ElementTree.fromstring(content[:100_000]).findtext("Code")  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError):  # an encoding nobody knows
        return None


def breakage(
    error: httpx.TransportError,
    *,
    operation: str,
    method: str,
    maybe_delivered: bool,
    once: str | None,
    attempts: int,
    elapsed: float,
    deadline: float | None,
) -> TransportError:
    """Return the error for a connection that was not made, broke, or was too slow.

    Args:
        error: What httpx raised.
        operation: Method and route of the request.
        method: Its method.
        maybe_delivered: Whether some attempt may have arrived.
        once: What cannot begin anew, if something cannot.
        attempts: How often it was sent or tried.
        elapsed: Seconds since the first attempt.
        deadline: The deadline of the call in seconds, if it is what has passed.
    """
    late = deadline is not None or isinstance(error, httpx.TimeoutException)
    if deadline is not None:
        what = f"did not end within its deadline of {deadline:g} s"
        advice = "Raise deadline= or, for photos, transfer_deadline= if the network is slow."
    elif isinstance(error, httpx.ConnectTimeout | httpx.ConnectError | httpx.ProxyError):
        what = "could not be sent: no connection was made"
        advice = "Check base_url, the network, and HTTPS_PROXY if it is set."
    elif isinstance(error, httpx.PoolTimeout):
        what = "could not be sent: no connection became free"
        advice = "Make fewer calls at once, or raise timeout.pool."
    elif late:
        what = "got no answer in time"
        advice = "Raise timeout= if the service is slow."
    else:
        what = "was cut off before the whole answer had arrived"
        advice = "Try again."
    text = f"{operation} {what} ({type(error).__name__}; {attempts} attempts in {elapsed:.1f} s)."
    text += _repeatable(once)
    if maybe_delivered and method == "POST":
        text += " It may have been carried out: look before you send it again."
    else:
        text += f" {advice}"
    kind = TransportTimeout if late else TransportError
    return kind(
        text,
        operation=operation,
        maybe_delivered=maybe_delivered,
        attempts=attempts,
        elapsed=elapsed,
    )
