"""Errors that the functions and models of this package raise."""

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


class DecodeError(ValueError):
    """The body of a response does not have the documented shape.

    The text names the model and the field and quotes no value, since values may be personal data.

    Attributes:
        model: Name of the model that was read, or of the operation if the body has no model.
        field: Dotted path of names as they stand in the JSON and of list indexes, such as
            `results.0.creation_time`; "(body)" if the body as a whole is invalid.
        problem: What is wrong with the field.
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
        """Return the error for a field of a model whose value could not be read.

        Args:
            model: Name of the model.
            field: Name of the field in the JSON, or index of the list item; "(body)" for the body.
            error: What reading the value raised. The field of a DecodeError is appended to the path.
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
        TypeError: If it is not; iterating a string or an object would give characters or keys.
    """
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


READ_FAILURES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading a value of an unexpected type or form can raise."""


__all__ = ["DecodeError", "UnexpectedStatus"]
