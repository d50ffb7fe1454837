"""Bodies that do not fit: every documented one, less one key or with one value of another type."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from tests.support import operation_examples as answers

WRONG: tuple[object, ...] = (None, 1, "x", True, [], {}, [1], {"x": 1})


@frozen
class Misfit:
    """A body of an operation with something wrong at one place.

    Attributes:
        operation: The operation's id.
        status: Of its success.
        body: JSON.
        field: The path in the body, dotted, with the indexes of lists; empty for the whole body.
        must_fail: Whether the spec leaves no doubt: a required key, an id, a time or an object.
    """

    operation: str
    status: int
    body: bytes
    field: str
    must_fail: bool


def misfits() -> Iterator[Misfit]:
    """Give every body of every operation that answers with one."""
    for operation in answers.ANSWERING:
        code, schema = answers.success(operation)
        good = answers.good(operation)
        either = schema.get("oneOf")
        if either is not None:
            schema = either[0 if isinstance(good, list) else 1]
        for body, field, must_fail in _wrong(good, schema, ()):
            content = json.dumps(body).encode()
            # Of two shapes that both do not fit, no place can be named.
            yield Misfit(operation, code, content, "" if either else field, must_fail)


Place = tuple[str | int, ...]


def _wrong(good: Any, schema: dict[str, Any], place: Place) -> Iterator[tuple[Any, str, bool]]:
    at: Any = good
    for step in place:
        at = at[step]
    schema = answers.resolved(schema)
    strict = schema.get("format") in ("uuid", "date-time") or schema.get("type") == "object"
    strict = strict and not schema.get("nullable")
    for value in WRONG:
        if type(value) is not type(at):
            # An empty list makes an empty object; what is then missing is found inside.
            yield _changed(good, place, value), _dotted(place), strict and value not in ([],)
    if isinstance(at, list) and at and "items" in schema:
        yield from _wrong(good, schema["items"], (*place, 0))
    if isinstance(at, dict):
        for name in at:
            inner = (*place, name)
            yield _changed(good, inner, ...), _dotted(inner), name in schema.get("required", ())
            if not schema.get("additionalProperties"):  # what is open fits whatever it holds
                yield from _wrong(good, schema.get("properties", {}).get(name, {}), inner)


def _changed(good: Any, place: Place, value: object) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(good)
    at = changed
    for step in place[:-1]:
        at = at[step]
    if value is ...:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return changed


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))
