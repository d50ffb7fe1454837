"""Validates arguments that many methods accept, such as ids, names and durations."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import TypeGuard
from uuid import UUID

from haut_ext.errors import ConfigError

Id = str | UUID
"""Id of a subject, image, batch, dataset or company: a UUID object or its string form."""

MAX_NAME_LENGTH = 512
"""Maximum number of characters in the name of a subject or dataset."""


def parse_id(value: object, name: str) -> UUID:
    """Return `value` as a UUID.

    Only UUIDs are accepted, because ids become segments of a URL path. An id such as `""` or `".."`
    would change the route, and a DELETE could delete something else.

    Args:
        value: The argument.
        name: The argument's name, for the message.

    Raises:
        ConfigError: If `value` is not a UUID. The message does not contain the value, which may be
            a token or a person's name passed by mistake.
    """
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        with suppress(ValueError):
            return UUID(value)
    kind = f"a string of {len(value)} characters" if isinstance(value, str) else _type_name(value)
    raise ConfigError(
        f"{name} must be a UUID such as 2fea742a-62ec-4a81-9729-9e0283f9c40c, not {kind}"
    )


def check_text(**arguments: object) -> None:
    """Raise ConfigError if an argument is not a string or cannot be encoded as UTF-8."""
    for name, value in arguments.items():
        if not isinstance(value, str):
            raise ConfigError(f"{name} must be a string, not {_type_name(value)}")
        try:
            value.encode()
        except UnicodeError:
            raise ConfigError(f"{name} contains a lone surrogate") from None


def check_name(name: str) -> str:
    """Return the name of a subject or dataset if it is valid.

    Raises:
        ConfigError: If the name is blank or does not have 1 to 512 characters.
    """
    check_text(name=name)
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise ConfigError(f"name must have 1 to {MAX_NAME_LENGTH} characters, not {len(name)}")
    if not name.strip():
        raise ConfigError("name must not be blank")
    return name


def comparable_name(name: str) -> str:
    """Return the form of a name in which names are compared.

    The service removes blanks around a name. The Unicode forms NFC and NFD of a name look the same,
    and operating systems and browsers convert one to the other.
    """
    stripped = name.strip()
    # Normalization takes quadratic time. It combines at most four characters to one, so a longer name
    # is not equal to one of MAX_NAME_LENGTH characters.
    longest = 4 * MAX_NAME_LENGTH
    return stripped if len(stripped) > longest else unicodedata.normalize("NFC", stripped)


def check_seconds(**arguments: object) -> None:
    """Raise ConfigError if an argument is not a positive number."""
    for name, value in arguments.items():
        if not is_number(value) or not value > 0:
            raise ConfigError(f"{name} must be a positive number of seconds")


def check_wait(**arguments: object) -> None:
    """Raise ConfigError for an argument that is not a number of seconds, 0 or more."""
    for name, value in arguments.items():
        if not is_number(value) or not value >= 0:
            raise ConfigError(f"{name} must be a number of seconds, 0 or more")


def check_time_zone(**arguments: object) -> None:
    """Raise ConfigError if an argument is a datetime without a time zone."""
    for name, value in arguments.items():
        if isinstance(value, datetime) and value.utcoffset() is None:
            raise ConfigError(f"{name} has no time zone; pass one, for example tzinfo=UTC")


def check_names(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ConfigError if a keyword argument is unknown."""
    valid = sorted(known)
    if unknown := sorted(set(given) - set(valid)):
        raise ConfigError(f"unknown option {unknown[0]!r}; valid options are {', '.join(valid)}")


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number, which a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _type_name(value: object) -> str:
    return type(value).__name__
