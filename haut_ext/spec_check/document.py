"""Traverse and normalize OpenAPI documents as plain data.

Traversal must follow only real references. It therefore distinguishes OpenAPI keywords from names (a
property may be called `default`) and from data (an example may contain a `$ref`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard
from urllib.parse import unquote

from attrs import frozen

Json = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# Keywords whose value maps names to definitions. The keys of that value are names, not keywords.
NAMES = {
    "properties", "patternProperties", "$defs", "dependentSchemas",
    "paths", "webhooks", "responses", "content", "encoding", "headers", "links", "callbacks",
    "schemas", "parameters", "examples", "requestBodies", "securitySchemes", "pathItems",
}  # fmt: skip
# Keywords whose value is data, not part of the specification.
DATA = {"example", "default", "enum", "const", "value", "dataValue"}

# Schema keywords that do not affect validation.
_ANNOTATIONS = {"title", "description"}
# Keywords that restrict the allowed values even if a schema has no `type`.
_CONSTRAINTS = {
    "$ref", "allOf", "properties", "required", "additionalProperties", "items", "enum", "const",
}  # fmt: skip
_NULL = {"type": "null"}


@frozen
class Operation:
    """An operation in an OpenAPI document, identified by method and path."""

    path: str
    method: str
    definition: Json

    @property
    def id(self) -> str:
        return str(self.definition.get("operationId") or self.key)

    @property
    def key(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def section(self) -> str:
        """The operation's first tag."""
        return str(self.definition.get("tags", ["default"])[0])


def is_object(value: Any) -> TypeGuard[Json]:
    """Return whether a value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Return whether a value is a JSON array."""
    return isinstance(value, list)


def object_in(node: Json, key: str) -> Json:
    """Return the JSON object with a key, or an empty object if there is none."""
    value = node.get(key)
    return value if is_object(value) else {}


def array_in(node: Json, key: str) -> list[Any]:
    """Return the JSON array with a key, or an empty array if there is none."""
    value = node.get(key)
    return value if is_array(value) else []


def printable(text: str) -> str:
    """Escape all characters except printable ASCII, and shorten the text to 1,000 characters."""
    safe = text.isascii() and text.isprintable()
    text = (
        text
        if safe
        else "".join(
            character if character.isascii() and character.isprintable() else ascii(character)[1:-1]
            for character in text[:1000]
        )
    )
    return text if len(text) <= 1000 else f"{text[:997]}..."


def shown(value: Any) -> str:
    """Return a value from a document for a message: in ASCII, and shortened."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


# --- traversal


def children(node: Any, *, names: bool = False) -> Iterator[tuple[str, Any, bool]]:
    """Yield each child as (key, value, flag), where the flag means that the value's keys are names."""
    if is_object(node):
        for key, value in node.items():
            # In a schema, `examples` is a list of data. In a parameter, it maps names to objects.
            is_list = key == "examples" and is_array(value)
            is_data = not names and (key in DATA or key.startswith("x-") or is_list)
            if not is_data and isinstance(value, dict | list):
                yield key, value, not names and key in NAMES and is_object(value)
    elif is_array(node):
        for index, value in enumerate(node):
            yield str(index), value, False


def pointer(reference: str) -> list[str]:
    """Split a reference such as `#/components/schemas/Subject` into its keys, unescaped."""
    return [
        unquote(step).replace("~1", "/").replace("~0", "~")
        for step in reference.removeprefix("#").split("/")[1:]
    ]


def look_up(document: Json, reference: str) -> Any:
    """Return the target of a reference.

    Raises:
        KeyError: If the document has no such location.
    """
    node: Any = document
    for step in pointer(reference):
        if is_array(node):
            if not step.isdecimal() or int(step) >= len(node):
                raise KeyError(reference)
            node = node[int(step)]
        elif is_object(node) and step in node:
            node = node[step]
        else:
            raise KeyError(reference)
    return node


def resolve(document: Json, node: Json) -> Json:
    """Return the target if a node is a reference, and the node itself otherwise.

    Raises:
        KeyError: If the target does not exist, or refers to itself.
    """
    seen: set[str] = set()
    while isinstance(reference := node.get("$ref"), str):
        if reference in seen:
            raise KeyError(reference)
        seen.add(reference)
        node = look_up(document, reference)
    return node


def operations(document: Json) -> Iterator[Operation]:
    """Yield a document's operations in order, including what is defined for all methods of the path."""
    for path, item in document["paths"].items():
        if "$ref" in item:
            item = {**resolve(document, item), **item}
        for method, found in item.items():
            if method in METHODS:
                shared = {"servers": item["servers"]} if item.get("servers") else {}
                parameters = [*item.get("parameters", []), *found.get("parameters", [])]
                yield Operation(path, method, {**shared, **found, "parameters": parameters})


# --- normalization


def to_openapi_31(document: Json) -> Json:
    """Convert a document to OpenAPI 3.1, with one notation for nullable schemas.

    OpenAPI 3.0 has several notations for nullable schemas, and frameworks use all of them. A single
    notation makes documents comparable and their schemas valid JSON Schema.
    """
    old = str(document["openapi"]).startswith("3.0")
    null_names = {
        f"#/components/schemas/{name}"
        for name, schema in document.get("components", {}).get("schemas", {}).items()
        if _only_null(schema)
    }

    def convert(node: Any, names: bool) -> Any:
        if is_array(node):
            return [convert(item, False) for item in node]
        if not is_object(node):
            return node
        if not names and node.get("$ref") in null_names:
            return dict(_NULL)
        nested = {key: keys_are_names for key, _, keys_are_names in children(node, names=names)}
        converted = {
            key: convert(value, nested[key]) if key in nested else value
            for key, value in node.items()
        }
        return converted if names else _normalize_schema(converted, old=old)

    result: Json = convert(document, False)
    result["openapi"] = "3.1.0"
    return result


def _only_null(schema: Json) -> bool:
    return schema.get("enum") == [None] or schema.get("type") == "null"


def _normalize_schema(schema: Json, *, old: bool) -> Json:
    if _only_null(schema):
        return dict(_NULL)
    nullable = schema.pop("nullable", False) is True if old else False
    parts = schema.get("allOf")
    if is_array(parts) and len(parts) == 1 and schema.keys() <= {"allOf", *_ANNOTATIONS}:
        # To add annotations to a reference, frameworks wrap it in an `allOf` with one element.
        schema = {"oneOf": [*parts, _NULL]} if nullable else dict(parts[0])
    elif nullable:
        _allow_null(schema)
    options = schema.get("anyOf")
    if "oneOf" not in schema and is_array(options) and len(options) == 2 and _NULL in options:
        # If one of two options is null, anyOf and oneOf are equivalent, and frameworks use either.
        schema["oneOf"] = schema.pop("anyOf")
    options = schema.get("oneOf")
    if is_array(options) and _NULL in options:
        others = [option for option in options if option != _NULL]
        if len(others) == 1 and isinstance(others[0].get("type"), str) and "enum" not in others[0]:
            schema.pop("oneOf")
            return {**others[0], **schema, "type": [others[0]["type"], "null"]}
        schema["oneOf"] = [*others, _NULL]
    for bound, keyword in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if schema.get(keyword) is True:
            schema[keyword] = schema.pop(bound)
        elif schema.get(keyword) is False:
            schema.pop(keyword)
    return schema


def _allow_null(schema: Json) -> None:
    """Rewrite an OpenAPI 3.0 schema with `nullable: true` so that it allows the type null."""
    if "type" in schema:
        if isinstance(schema["type"], str):
            schema["type"] = [schema["type"], "null"]
            if is_array(schema.get("enum")) and None not in schema["enum"]:
                schema["enum"] = [*schema["enum"], None]
        return
    for keyword in ("oneOf", "anyOf"):
        if is_array(schema.get(keyword)) and _NULL not in schema[keyword]:
            schema[keyword] = [*schema[keyword], _NULL]
            return
    constraints = {key: schema.pop(key) for key in [*schema] if key in _CONSTRAINTS}
    if constraints:
        parts = constraints.get("allOf")
        if is_array(parts) and constraints == {"allOf": parts[:1]}:
            constraints = parts[0]
        schema["oneOf"] = [constraints, _NULL]
