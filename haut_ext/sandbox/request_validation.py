"""Validates request bodies and query parameters, with Django REST framework's error messages.

Error responses have the format of the drf-standardized-errors package. Where the API documentation
does not specify the validation, the framework's default rules apply, with one exception: except for
the names of subjects, the sandbox accepts neither a number as a string field nor a string as a number
field.
"""

from __future__ import annotations

import base64
import json
import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from .http_messages import Request, Response, json_response

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")  # takes linear time
_DATA_URL = re.compile(r"\Adata:[^,]*;base64,")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TRUE = {"true", "t", "yes", "y", "on", "1"}
_FALSE = {"false", "f", "no", "n", "off", "0"}


class ErrorResponse(Exception):
    """Exception that is converted to an error response with the API's error envelope."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        attr: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers
        self.errors = [{"code": code, "detail": detail, "attr": attr}]

    def to_response(self) -> Response:
        if self.status >= 500:
            kind = "server_error"
        elif self.status == 400 and self.errors[0]["attr"] is not None:
            kind = "validation_error"
        else:
            kind = "client_error"
        return json_response(self.status, {"type": kind, "errors": self.errors}, self.headers)


def invalid(attr: str, code: str, detail: str) -> ErrorResponse:
    """Return an error with status 400 that names the field or parameter."""
    return ErrorResponse(400, code, detail, attr)


class _InvalidValue(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"Out of range float values are not JSON compliant: {text}")
    return value


def _reject_constant(name: str) -> float:
    raise ValueError(f"Out of range float values are not JSON compliant: {name}")


def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request body. An empty body counts as an empty object.

    Raises:
        ErrorResponse: If the content type is not JSON (status 415), or the body is not a JSON
            object (status 400).
    """
    if not request.body:
        return {}
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        detail = f'Unsupported media type "{content_type}" in request.'
        raise ErrorResponse(415, "unsupported_media_type", detail)
    try:
        data = json.loads(request.body, parse_float=_finite, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise ErrorResponse(400, "parse_error", f"JSON parse error - {error}") from None
    if not isinstance(data, dict):
        kind = type(data).__name__
        detail = f"Invalid data. Expected a dictionary, but got {kind}."
        raise invalid("non_field_errors", "invalid", detail)
    return cast("dict[str, Any]", data)


def text(
    max_length: int | None = None, *, blank: bool = False, numbers: bool = False
) -> Callable[[Any], str]:
    """Return a validator for strings of at most `max_length` characters.

    Args:
        max_length: Maximum number of characters.
        blank: Whether the string may be blank.
        numbers: Whether numbers are accepted and converted to strings.
    """

    def check(value: Any) -> str:
        if numbers and isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise _InvalidValue("invalid", "Not a valid string.")
        string: str = value.strip()
        if not string and not blank:
            raise _InvalidValue("blank", "This field may not be blank.")
        if max_length is not None and len(string) > max_length:
            detail = f"Ensure this field has no more than {max_length} characters."
            raise _InvalidValue("max_length", detail)
        if "\0" in string:
            raise _InvalidValue("null_characters_not_allowed", "Null characters are not allowed.")
        if _SURROGATE.search(string):
            detail = "Surrogate characters are not allowed."
            raise _InvalidValue("surrogate_characters_not_allowed", detail)
        return string

    return check


def email(value: Any) -> str:
    """Check that a value has the form of an email address."""
    address = text()(value)
    if not _EMAIL.fullmatch(address):
        raise _InvalidValue("invalid", "Enter a valid email address.")
    return address


def base64_data(value: Any) -> bytes:
    """Decode non-empty base64 text, which may be a data URL."""
    encoded = text()(value)
    try:
        data = base64.b64decode(_DATA_URL.sub("", encoded), validate=True)
    except ValueError:
        data = b""
    if not data:
        raise _InvalidValue("invalid", "Not valid base64 data.")
    return data


def iso_date(value: Any) -> str:
    """Check that a value is a date in the form YYYY-MM-DD."""
    try:
        if _DATE.fullmatch(value):
            return str(date.fromisoformat(value))
    except (TypeError, ValueError):
        pass
    detail = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."
    raise _InvalidValue("invalid", detail)


def iso_datetime(value: Any) -> datetime:
    """Convert an ISO 8601 date-time to UTC. A date-time without a time zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        detail = (
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
        )
        raise _InvalidValue("invalid", detail) from None


def uuid_text(value: Any) -> str:
    """Convert a UUID to its canonical form."""
    try:
        return str(uuid.UUID(value))
    except (AttributeError, TypeError, ValueError):
        raise _InvalidValue("invalid", "Must be a valid UUID.") from None


def integer(*, high: int | None = None) -> Callable[[Any], int]:
    """Return a validator for integers up to `high`."""

    def check(value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _InvalidValue("invalid", "A valid integer is required.")
        if high is not None and value > high:
            detail = f"Ensure this value is less than or equal to {high}."
            raise _InvalidValue("max_value", detail)
        return value

    return check


def boolean(value: Any) -> bool:
    """Check that a value is a boolean."""
    if not isinstance(value, bool):
        raise _InvalidValue("invalid", "Must be a valid boolean.")
    return value


def one_of(choices: Mapping[int, Any]) -> Callable[[Any], int]:
    """Return a validator for integers that are keys of `choices`."""

    is_integer = integer()

    def check(value: Any) -> int:
        number = is_integer(value)
        if number not in choices:
            raise _InvalidValue("does_not_exist", f'Invalid pk "{number}" - object does not exist.')
        return number

    return check


def anything(value: Any) -> Any:
    """Accept any JSON value."""
    return value


def any_object(value: Any) -> Any:
    """Accept any JSON object."""
    if not isinstance(value, dict):
        raise _InvalidValue("invalid", "Must be a JSON object.")
    return cast("dict[str, Any]", value)


@dataclass(frozen=True, slots=True)
class Field:
    """Rules for a field of a request body; `check` validates and converts the field's value."""

    check: Callable[[Any], Any]
    required: bool = False
    nullable: bool = False


def validate(data: dict[str, Any], fields: Mapping[str, Field], *, partial: bool = False) -> Any:
    """Validate a request body, and return its fields with converted values.

    Unknown keys are ignored.

    Args:
        data: Request body.
        fields: Rules by field name.
        partial: Whether required fields may be missing, as in a PATCH request.

    Raises:
        ErrorResponse: If fields are invalid. The response has status 400 and one error per invalid
            field.
    """
    values: dict[str, Any] = {}
    errors: list[ErrorResponse] = []
    for name, field in fields.items():
        if name not in data:
            if field.required and not partial:
                errors.append(invalid(name, "required", "This field is required."))
        elif data[name] is None:
            values[name] = None
            if not field.nullable:
                errors.append(invalid(name, "null", "This field may not be null."))
        else:
            try:
                values[name] = field.check(data[name])
            except _InvalidValue as error:
                errors.append(invalid(name, error.code, error.detail))
    if errors:
        errors[0].errors = [entry for error in errors for entry in error.errors]
        raise errors[0]
    return values


def query_uuids(values: list[str], name: str) -> list[str]:
    """Validate a required, repeatable query parameter whose values are UUIDs."""
    if not values:
        raise invalid(name, "required", "This field is required.")
    try:
        return [uuid_text(value) for value in values]
    except _InvalidValue as error:
        raise invalid(name, error.code, error.detail) from None


def query_boolean(value: str, name: str) -> bool:
    """Parse a boolean query parameter, in any spelling that Django REST framework accepts."""
    if value.lower() not in _TRUE | _FALSE:
        raise invalid(name, "invalid", "Must be a valid boolean.")
    return value.lower() in _TRUE


def query_integer(value: str, name: str, *, low: int | None = None, high: int | None = None) -> int:
    """Parse an integer query parameter, which must be between `low` and `high`."""
    try:
        number = int(value)
    except ValueError:
        raise invalid(name, "invalid", "A valid integer is required.") from None
    if low is not None and number < low:
        detail = f"Ensure this value is greater than or equal to {low}."
        raise invalid(name, "min_value", detail)
    if high is not None and number > high:
        raise invalid(name, "max_value", f"Ensure this value is less than or equal to {high}.")
    return number
