"""Read, validate, traverse, normalize and write OpenAPI documents as plain data.

The other modules in scripts/spec build on this one. Traversal must follow only real references. It
therefore distinguishes OpenAPI keywords from names (a property may be called `default`) and from data
(an example may contain a `$ref`).
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from attrs import frozen
from openapi_schema_validator import OAS30Validator, OAS31Validator
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "openapi" / "haut.yaml"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# Keywords whose value maps names to definitions. The keys of that value are names, not keywords.
NAMES = {
    "properties", "patternProperties", "$defs", "dependentSchemas",
    "paths", "webhooks", "responses", "content", "encoding", "headers", "links", "callbacks",
    "schemas", "parameters", "examples", "requestBodies", "securitySchemes", "pathItems",
}  # fmt: skip
# Keywords whose value is data, not part of the specification.
_DATA = {"example", "default", "enum", "const", "value", "dataValue"}

# Schema keywords that do not affect validation.
_ANNOTATIONS = {"title", "description"}
# Keywords that restrict the allowed values even if a schema has no `type`.
_CONSTRAINTS = {
    "$ref", "allOf", "properties", "required", "additionalProperties", "items", "enum", "const",
}  # fmt: skip
_NULL = {"type": "null"}


class SpecError(Exception):
    """Raised for an invalid or unsupported document; commands print the message without a traceback."""


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


def command(name: str, run: Callable[[], None], *, when_failed: str = "") -> None:
    """Run a make target's command; on an error, exit with a message instead of a traceback.

    Args:
        name: Name of the make target; the error message starts with it.
        run: Function that executes the command.
        when_failed: Text to append to the error message.
    """
    try:
        run()
    except SpecError as error:
        sys.exit(f"{name}: {error}{when_failed}")
    except Exception as error:
        # A malformed document can raise any exception.
        problem = _without_addresses(f"{type(error).__name__}: {error}")
        sys.exit(f"{name}: the document cannot be processed ({problem}){when_failed}")


# --- reading


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # yaml has no types
    """Loads YAML 1.2 with its JSON schema, in which `no`, `2020-01-01` and `12:30` are strings."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    (
        "float",
        r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)",
        list("-0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first
    )


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Json:
    loader.flatten_mapping(node)
    keys: set[str] = set()
    for key, _ in node.value:
        if key.value in keys:
            raise _DuplicateKey(key.value, key.start_mark.line + 1)
        keys.add(key.value)
    mapping: Json = loader.construct_mapping(node, deep=True)
    return mapping


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


class _DuplicateKey(ValueError):
    """Raised for an object with a duplicate key, because parsers differ in which value they keep."""

    def __init__(self, key: str, line: int | None = None) -> None:
        super().__init__(key)
        self.key = key
        self.line = line


def _pairs(pairs: list[tuple[str, Any]]) -> Json:
    if len({key for key, _ in pairs}) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateKey(next(key for key in keys if keys.count(key) > 1))
    return dict(pairs)


def parse(text: str, name: str) -> Json:
    """Parse an OpenAPI 3.0 or 3.1 document in JSON or YAML.

    Args:
        text: The document's text.
        name: The document's file name or URL, for error messages.

    Raises:
        SpecError: If the text is anything else, such as a web page or a Swagger 2.0 document.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("<"):
        raise SpecError(
            f"{name} is a web page, not an OpenAPI document. If it is a login page, set HAUT_TOKEN; if "
            "it is the Swagger UI, give the URL of the OpenAPI document that this page loads"
        )
    try:
        try:
            found = json.loads(text, object_pairs_hook=_pairs)
        except ValueError:
            # The YAML loader reads JSON too, because JSON is valid YAML. It reports line numbers.
            found = _with_string_keys(yaml.load(text, _Loader))  # noqa: S506  (a SafeLoader)
    except _DuplicateKey as error:
        line = "" if error.line is None else f" (line {error.line})"
        raise SpecError(
            f"{name} has the key {error.key!r} twice{line}; parsers keep only one of them"
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise SpecError(f"{name} is neither JSON nor YAML{line}") from None
    if not isinstance(found, dict):
        raise SpecError(f"{name} is not an OpenAPI document: its content is not an object")
    if "swagger" in found:
        raise SpecError(
            f"{name} is Swagger {found['swagger']}; OpenAPI 3.0 or 3.1 is required. Convert it with "
            f"`npx swagger2openapi --outfile openapi.json {name}` and use openapi.json"
        )
    if not re.fullmatch(r"3\.[01]\.\d+", str(found.get("openapi"))):
        raise SpecError(
            f"{name} is not an OpenAPI 3.0 or 3.1 document: `openapi` is {found.get('openapi')!r}"
        )
    if not isinstance(found.get("paths"), dict):
        raise SpecError(f"{name} has no `paths`")
    return found


def _with_string_keys(node: Any) -> Any:
    """Convert every key to a string, because YAML reads an HTTP status such as 200 as a number."""
    if isinstance(node, dict):
        return {str(key): _with_string_keys(value) for key, value in node.items()}
    return [_with_string_keys(item) for item in node] if isinstance(node, list) else node


# --- writing


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no types
    """Quotes every string that a YAML 1.1 or 1.2 parser would read as another type."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # These characters are line breaks in YAML 1.1 but not in YAML 1.2.
    ambiguous = any(character in text for character in "\x85\u2028\u2029")
    style = '"' if ambiguous else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"(?:[-+]?[0-9.]+[eE][-+]?[0-9]+|0o[0-7]+)\Z"),
    list("-+.0123456789"),
)


def dump(document: Json) -> str:
    """Serialize a document as YAML, preserving the order of keys."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


# --- validation


def validation_errors(document: Json) -> list[str]:
    """Validate a document against the OpenAPI specification; return each error with its location."""
    old = str(document["openapi"]).startswith("3.0")
    validator = OpenAPIV30SpecValidator if old else OpenAPIV31SpecValidator
    try:
        errors = list(validator(document).iter_errors())
    except RecursionError:
        return ["#: circular references"]
    except Exception as error:
        # The validator raises an exception for a reference whose target is missing.
        return [f"#: {_without_addresses(str(error))}"]
    found = []
    for fault in errors:
        path = "/".join(map(str, fault.absolute_path))
        # If a default value violates its schema, the validator reports the error without a
        # location.
        locations = [path] if path else _invalid_defaults(document, old=old) or ["#"]
        found += [f"{location}: {_without_addresses(fault.message)}" for location in locations]
    return list(dict.fromkeys(found))


def _invalid_defaults(document: Json, *, old: bool) -> list[str]:
    validator = OAS30Validator if old else OAS31Validator
    return [
        location.removeprefix("#/") + "/default"
        for location, node in walk(document)
        if "default" in node and "$ref" not in json.dumps(node)
        if not validator(node).is_valid(node["default"])
    ]


def _without_addresses(text: str) -> str:
    """Shorten an error message, and remove memory addresses such as `at 0x7f...`."""
    return re.sub(r"<[^<>]* at 0x[0-9a-f]+>", "(object)", text)[:500]


# --- traversal


def children(node: Any, *, names: bool = False) -> Iterator[tuple[str, Any, bool]]:
    """Yield each child as (key, value, flag), where the flag means that the value's keys are names."""
    if isinstance(node, dict):
        for key, value in node.items():
            # In a schema, `examples` is a list of data. In a parameter, it maps names to objects.
            is_list = key == "examples" and isinstance(value, list)
            is_data = not names and (key in _DATA or key.startswith("x-") or is_list)
            if not is_data and isinstance(value, dict | list):
                yield key, value, not names and key in NAMES and isinstance(value, dict)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield str(index), value, False


def walk(node: Any, where: str = "#", *, names: bool = False) -> Iterator[tuple[str, Json]]:
    """Yield a node and every object nested in it, each with its location.

    Data (such as examples) and objects that map names to definitions are omitted.
    """
    if isinstance(node, dict) and not names:
        yield where, node
    for key, value, keys_are_names in children(node, names=names):
        yield from walk(value, f"{where}/{escaped(key)}", names=keys_are_names)


def reference_keys(node: Json) -> Iterator[tuple[Json, str]]:
    """Yield each reference in an object as (mapping, key), where `mapping[key]` is the reference."""
    for keyword in ("$ref", "$dynamicRef"):
        if isinstance(node.get(keyword), str):
            yield node, keyword
    mapping = node.get("mapping")
    if isinstance(mapping, dict) and isinstance(node.get("propertyName"), str):
        yield from ((mapping, key) for key, target in mapping.items() if isinstance(target, str))


def references(node: Any, where: str = "#", *, names: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the location and the target of every reference in a node."""
    for location, found in walk(node, where, names=names):
        for mapping, key in reference_keys(found):
            target = mapping[key]
            yield location, target if "/" in target else f"#/components/schemas/{target}"


def pointer(reference: str) -> list[str]:
    """Split a reference such as `#/components/schemas/Subject` into its keys, unescaped."""
    return [
        unquote(step).replace("~1", "/").replace("~0", "~")
        for step in reference.removeprefix("#").split("/")[1:]
    ]


def escaped(step: str) -> str:
    """Escape `~` and `/` in a key for use in a JSON pointer."""
    return step.replace("~", "~0").replace("/", "~1")


def look_up(document: Json, reference: str) -> Any:
    """Return the target of a reference.

    Raises:
        KeyError: If the document has no such location.
    """
    node: Any = document
    for step in pointer(reference):
        if isinstance(node, list):
            if not step.isdecimal() or int(step) >= len(node):
                raise KeyError(reference)
            node = node[int(step)]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            raise KeyError(reference)
    return node


def resolve(document: Json, node: Json) -> Json:
    """Return the target if a node is a reference, and the node itself otherwise."""
    while isinstance(node.get("$ref"), str):
        node = look_up(document, node["$ref"])
    return node


def without(node: Json, *keys: str) -> Json:
    """Return a copy of a dictionary without the given keys."""
    return {key: value for key, value in node.items() if key not in keys}


def unused_name(name: str, is_taken: Callable[[str], bool], *, separator: str = "_") -> str:
    """Return a name that is not taken, by appending 2, 3 and so on if necessary."""
    numbered = (f"{name}{separator}{number}" for number in itertools.count(2))
    return next(
        candidate for candidate in itertools.chain([name], numbered) if not is_taken(candidate)
    )


def operations(document: Json) -> Iterator[Operation]:
    """Yield a document's operations in order, including the parameters defined on the path."""
    for path, item in document["paths"].items():
        for method, found in item.items():
            if method in METHODS:
                shared = item.get("parameters", [])
                parameters = [*shared, *found.get("parameters", [])]
                yield Operation(path, method, {**found, "parameters": parameters})


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
        if isinstance(node, list):
            return [convert(item, False) for item in node]
        if not isinstance(node, dict):
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
    if isinstance(parts, list) and len(parts) == 1 and schema.keys() <= {"allOf", *_ANNOTATIONS}:
        # To add annotations to a reference, frameworks wrap it in an `allOf` with one element.
        schema = {"oneOf": [*parts, _NULL]} if nullable else dict(parts[0])
    elif nullable:
        _allow_null(schema)
    options = schema.get("anyOf")
    if (
        "oneOf" not in schema
        and isinstance(options, list)
        and len(options) == 2
        and _NULL in options
    ):
        # If one of two options is null, anyOf and oneOf are equivalent, and frameworks use either.
        schema["oneOf"] = schema.pop("anyOf")
    options = schema.get("oneOf")
    if isinstance(options, list) and _NULL in options:
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
            if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
                schema["enum"] = [*schema["enum"], None]
        return
    for keyword in ("oneOf", "anyOf"):
        if isinstance(schema.get(keyword), list) and _NULL not in schema[keyword]:
            schema[keyword] = [*schema[keyword], _NULL]
            return
    constraints = {key: schema.pop(key) for key in [*schema] if key in _CONSTRAINTS}
    if constraints:
        parts = constraints.get("allOf")
        if isinstance(parts, list) and constraints == {"allOf": parts[:1]}:
            constraints = parts[0]
        schema["oneOf"] = [constraints, _NULL]
