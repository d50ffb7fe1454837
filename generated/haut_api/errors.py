"""Exceptions of the functions and models of this package."""

from __future__ import annotations

from typing import Any


class UnexpectedStatus(Exception):
    """The response has an undocumented status, and Client.raise_on_unexpected_status is True."""

    def __init__(self, status_code: int, content: bytes):
        self.status_code = status_code
        self.content = content

        super().__init__(
            f"Unexpected status code: {status_code}\n\nResponse content:\n{content.decode(errors='ignore')}"
        )


class ErrorBody:
    """Base class of the models that are documented for the bodies of error responses only."""

    __slots__ = ()


class DecodeError(ValueError):
    """The body of a response does not match its schema.

    The message names the model and the field. It contains no value, since values may be personal data.

    Attributes:
        model: Name of the model, or of the operation if the body has no model.
        field: Path of the field, JSON names and list indexes joined by dots, such as
            `results.0.creation_time`; "(body)" if the body itself is invalid.
        problem: Description of the error, such as "is missing".
    """

    def __init__(self, model: str, field: str, problem: str) -> None:
        super().__init__(model, field, problem)
        self.model = model
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"Cannot read {self.model}: {self.field} {self.problem}"

    @classmethod
    def at(cls, model: str, field: str | int, error: Exception) -> DecodeError:
        """Return the error for a field whose value could not be parsed.

        Args:
            model: Name of the model.
            field: JSON name of the field, or index of the list item; "(body)" for the body.
            error: The exception that parsing raised. If it is a DecodeError, its path is appended.
        """
        if isinstance(error, DecodeError):
            if field == "(body)":
                return error
            inner = "" if error.field == "(body)" else f".{error.field}"
            return cls(model, f"{field}{inner}", error.problem)
        return cls(
            model,
            str(field),
            "is missing" if isinstance(error, KeyError) else "is invalid",
        )


def as_list(value: Any) -> list[Any]:
    """Return the value if it is a list.

    Raises:
        TypeError: If it is not a list. Iterating a string or an object would not fail.
    """
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


READ_FAILURES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Exceptions that parsing a value of an unexpected type or format can raise."""


__all__ = ["DecodeError", "ErrorBody", "UnexpectedStatus"]
