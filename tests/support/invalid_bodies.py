"""Generates response bodies that violate the OpenAPI contract: missing keys and wrong types."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from tests.support import operation_examples

WRONG_VALUES: tuple[object, ...] = (None, 1, "x", True, [], {}, [1], {"x": 1})


@frozen
class InvalidBody:
    """A response body with one invalid or missing value.

    Attributes:
        operation: Operation id.
        status: Success status of the operation.
        body: The response body, encoded as JSON.
        field: Dotted path of the invalid value, including list indexes. Empty for the entire body.
        must_fail: Whether the client must raise an error. This is the case for a missing required
            key and for an invalid id, time or object.
    """

    operation: str
    status: int
    body: bytes
    field: str
    must_fail: bool


def invalid_bodies() -> Iterator[InvalidBody]:
    """Yield invalid response bodies for all operations that return JSON."""
    for operation in operation_examples.JSON_OPERATIONS:
        code, schema = operation_examples.success_response(operation)
        valid = operation_examples.example_response(operation)
        alternatives = schema.get("oneOf")
        if alternatives is not None:
            schema = alternatives[0 if isinstance(valid, list) else 1]
        for body, field, must_fail in _invalid_variants(valid, schema, ()):
            content = json.dumps(body).encode()
            # If a body matches none of several alternative schemas, the error cannot name a field.
            yield InvalidBody(operation, code, content, "" if alternatives else field, must_fail)


Location = tuple[str | int, ...]


def _invalid_variants(
    valid: Any, schema: dict[str, Any], location: Location
) -> Iterator[tuple[Any, str, bool]]:
    current: Any = valid
    for step in location:
        current = current[step]
    schema = operation_examples.resolve(schema)
    strict = schema.get("format") in ("uuid", "date-time") or schema.get("type") == "object"
    strict = strict and not schema.get("nullable")
    for value in WRONG_VALUES:
        if type(value) is not type(current):
            # The parser may accept an empty list, because it treats it as an empty object.
            yield _changed(valid, location, value), _dotted(location), strict and value not in ([],)
    if isinstance(current, list) and current and "items" in schema:
        yield from _invalid_variants(valid, schema["items"], (*location, 0))
    if isinstance(current, dict):
        for name in current:
            inner = (*location, name)
            yield _changed(valid, inner, ...), _dotted(inner), name in schema.get("required", ())
            if not schema.get("additionalProperties"):  # a free-form object accepts any value
                yield from _invalid_variants(
                    valid, schema.get("properties", {}).get(name, {}), inner
                )


def _changed(valid: Any, location: Location, value: object) -> Any:
    if not location:
        return value
    changed = copy.deepcopy(valid)
    current = changed
    for step in location[:-1]:
        current = current[step]
    if value is ...:
        del current[location[-1]]
    else:
        current[location[-1]] = value
    return changed


def _dotted(location: Location) -> str:
    return ".".join(map(str, location))
