"""Reads values of an expected type from JSON of any structure, without raising an error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from haut_ext.argument_checks import is_number

Value = int | float | str | None


def as_dict(value: Any) -> dict[str, Any]:
    """Return a JSON object, or an empty dict for any other value."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return a JSON array, or an empty list for any other value."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def as_text(value: Any) -> str | None:
    """Return a text, or None if it is empty or the value is not a text."""
    return value if isinstance(value, str) and value else None


def as_texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a JSON array."""
    return tuple(text for text in as_list(value) if isinstance(text, str))


def as_number(value: Any) -> float | None:
    """Return a number, or None for any other value."""
    return value if is_number(value) else None


def as_bool(value: Any) -> bool | None:
    """Return a boolean, or None for any other value."""
    return value if isinstance(value, bool) else None


def as_value(value: Any) -> Value:
    """Return a number or a text, or None for any other value, such as a (possibly signed) URL."""
    if isinstance(value, str):
        return None if "://" in value else value
    return as_number(value)


def as_time(value: Any) -> datetime | None:
    """Return a date-time in UTC, or None for any other value. A naive date-time is in UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_uuid(value: Any) -> UUID | None:
    """Return a UUID, or None for any other value."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
