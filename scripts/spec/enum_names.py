"""Create member names for enumeration classes, independent of the order of the values."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any

from openapi_python_client.strings import snake_case

_SIGNS = {"-": "MINUS_", "+": "PLUS_", "*": "STAR_", "!": "NOT_"}


def member_names(values: list[Any], given: Any = None) -> list[str]:
    """Return a member name for each enumeration value.

    Args:
        values: The enumeration values, strings or integers.
        given: The schema's `x-enum-varnames`, used if it is a list of unique identifiers.
    """
    if isinstance(given, list) and len(given) == len(values):
        names = [snake_case(str(name)).upper() for name in given]
        if all(name.isidentifier() for name in names) and len(set(names)) == len(names):
            return names
    names = [_name(value) for value in values]
    for unambiguous in (_spelled_name, _hex_name):
        count = Counter(names)
        names = [
            unambiguous(value) if count[name] > 1 else name
            for name, value in zip(names, values, strict=True)
        ]
    return names


def _name(value: Any) -> str:
    if isinstance(value, int):
        return f"VALUE_NEGATIVE_{-value}" if value < 0 else f"VALUE_{value}"
    if value and value[0].isalpha():
        name = snake_case(value.upper()).upper()
    else:
        rest = value[1:] if value[:1] in _SIGNS else value
        name = _SIGNS.get(value[:1], "VALUE_") + snake_case(rest.upper()).upper()
    name = re.sub(r"\W", "", name).strip("_")
    return name if name.isidentifier() and name != "VALUE" else _spelled_name(value)


def _spelled_name(value: Any) -> str:
    """Replace each character other than letters and digits with its Unicode name."""
    words = [
        character if character.isalnum() else f" {unicodedata.name(character, 'X')} "
        for character in str(value)
    ]
    name = re.sub(r"\W+", "_", "".join(words)).strip("_").upper() or "EMPTY"
    return name if name.isidentifier() else f"VALUE_{name}"


def _hex_name(value: Any) -> str:
    return f"VALUE_X{str(value).encode().hex().upper()}"
