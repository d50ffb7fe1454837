"""Bodies that do not fit: every documented one, less one key or with one value of another type."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

SPEC = yaml.safe_load((Path(__file__).parents[2] / "openapi" / "haut.yaml").read_text("utf-8"))
WRONG: tuple[object, ...] = (None, 1, "x", True, [], {}, [1], {"x": 1})


@frozen
class Misfit:
    """A body of an operation with something wrong at one place.

    Attributes:
        operation: The operation's id.
        status: Of its success.
        body: JSON.
        field: The place, dotted, without the numbers of list items; empty for the whole.
        must_fail: Whether the spec leaves no doubt: a required key, an id, a time or an object.
    """

    operation: str
    status: int
    body: bytes
    field: str
    must_fail: bool


def misfits() -> Iterator[Misfit]:
    """Give every body of every operation that answers with one."""
    for path in SPEC["paths"].values():
        for operation in path.values():
            if not (isinstance(operation, dict) and "operationId" in operation):
                continue
            for code, answer in operation["responses"].items():
                if code.startswith("2") and "content" in answer:
                    [media] = answer["content"].values()
                    good = _resolved(media["examples"]["document"])["value"]
                    for body, field, must_fail in _wrong(good, media["schema"], ()):
                        content = json.dumps(body).encode()
                        yield Misfit(operation["operationId"], int(code), content, field, must_fail)


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = SPEC
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


Place = tuple[str | int, ...]


def _wrong(good: Any, schema: dict[str, Any], place: Place) -> Iterator[tuple[Any, str, bool]]:
    at: Any = good
    for step in place:
        at = at[step]
    schema = _resolved(schema)
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
    return ".".join(step for step in place if isinstance(step, str))
