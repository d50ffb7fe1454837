"""An OpenAPI document as plain data: read, walk, look up, bring to one form, write.

The floor of this package. A walk tells keywords from names (a property may be called `default`) and
from data (an example may hold a `$ref`), so that only true references count.
"""

from __future__ import annotations

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

# The keys of these objects are names, whatever they look like.
NAMES = {
    "properties", "patternProperties", "$defs", "dependentSchemas",
    "paths", "webhooks", "responses", "content", "encoding", "headers", "links", "callbacks",
    "schemas", "parameters", "examples", "requestBodies", "securitySchemes", "pathItems",
}  # fmt: skip
# What stands under these is somebody's data.
_DATA = {"example", "default", "enum", "const", "value", "dataValue"}

# Words for a reader, without meaning for the wire.
_WORDS = {"title", "description"}
# What says of which values a schema without a type is.
_SHAPE = {
    "$ref",
    "allOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
}


class SpecError(Exception):
    """What is wrong with a document or with what is asked of it, in words for a person."""


@frozen
class Operation:
    """An operation: what is sent by which method to which path."""

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
    """Run a command of the Makefile; end with words for a person, whatever is wrong with a document."""
    try:
        run()
    except SpecError as error:
        sys.exit(f"{name}: {error}{when_failed}")
    except Exception as error:
        # A document may be wrong in ways that no message foresees.
        words = _without_addresses(f"{type(error).__name__}: {error}")
        sys.exit(f"{name}: the document cannot be understood ({words}){when_failed}")


# --- reading


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # yaml has no types
    """YAML 1.2's JSON schema: `no`, `2020-01-01` and `12:30` are texts, as their author meant."""


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
            raise _Duplicate(f"the key {key.value!r} twice", key.start_mark.line + 1)
        keys.add(key.value)
    made: Json = loader.construct_mapping(node, deep=True)
    return made


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


class _Duplicate(ValueError):
    """A key that an object has twice: every reader would keep another one of the two."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def _pairs(pairs: list[tuple[str, Any]]) -> Json:
    if len({key for key, _ in pairs}) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Duplicate(f"the key {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return dict(pairs)


def parse(text: str, name: str) -> Json:
    """Return the OpenAPI 3.0 or 3.1 document that `text` holds, in JSON or YAML.

    Raises:
        SpecError: If it is something else: a web page, Swagger 2.0, no document at all.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("<"):
        raise SpecError(
            f"{name} is a web page, not an OpenAPI document: a login page (set HAUT_TOKEN), or the "
            "page that shows the Swagger (give the address of the document behind it)"
        )
    try:
        try:
            found = json.loads(text, object_pairs_hook=_pairs)
        except ValueError:
            # YAML holds JSON, and its reader knows lines.
            found = _named_by_text(yaml.load(text, _Loader))  # noqa: S506  (a SafeLoader)
    except _Duplicate as error:
        line = "" if error.line is None else f" (line {error.line})"
        raise SpecError(f"{name} has {error}{line}; a reader would keep one of them only") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise SpecError(f"{name} is neither JSON nor YAML{line}") from None
    if not isinstance(found, dict):
        raise SpecError(f"{name} is no OpenAPI document: it holds no object")
    if "swagger" in found:
        raise SpecError(
            f"{name} is Swagger {found['swagger']}; OpenAPI 3.0 or 3.1 is needed. Convert it with "
            f"`npx swagger2openapi --outfile openapi.json {name}`, and give openapi.json"
        )
    if not re.fullmatch(r"3\.[01]\.\d+", str(found.get("openapi"))):
        raise SpecError(
            f"{name} is no OpenAPI 3.0 or 3.1 document: `openapi` is {found.get('openapi')!r}"
        )
    if not isinstance(found.get("paths"), dict):
        raise SpecError(f"{name} has no `paths`")
    return found


def _named_by_text(node: Any) -> Any:
    """The same with every key a text: YAML reads the status 200 as a number."""
    if isinstance(node, dict):
        return {str(key): _named_by_text(value) for key, value in node.items()}
    return [_named_by_text(item) for item in node] if isinstance(node, list) else node


# --- writing


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no types
    """Quotes whatever any reader of YAML 1.1 or 1.2 would take for something else than a text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # YAML 1.1 takes these for line breaks, YAML 1.2 does not.
    broken = any(character in text for character in "\x85\u2028\u2029")
    style = '"' if broken else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"(?:[-+]?[0-9.]+[eE][-+]?[0-9]+|0o[0-7]+)\Z"),
    list("-+.0123456789"),
)


def dump(document: Json) -> str:
    """Return the document as YAML, in its own order."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


# --- validity


def faults(document: Json) -> list[str]:
    """Return what makes a document invalid OpenAPI, each with its place."""
    old = str(document["openapi"]).startswith("3.0")
    validator = OpenAPIV30SpecValidator if old else OpenAPIV31SpecValidator
    try:
        errors = list(validator(document).iter_errors())
    except RecursionError:
        return ["#: references that never end"]
    except Exception as error:
        # The validator stumbles over references to nothing.
        return [f"#: {_without_addresses(str(error))}"]
    found = []
    for fault in errors:
        place = "/".join(map(str, fault.absolute_path))
        # The validator does not say where a default is that its schema does not allow.
        places = [place] if place else _wrong_defaults(document, old=old) or ["#"]
        found += [f"{place}: {_without_addresses(fault.message)}" for place in places]
    return list(dict.fromkeys(found))


def _wrong_defaults(document: Json, *, old: bool) -> list[str]:
    validator = OAS30Validator if old else OAS31Validator
    return [
        place.removeprefix("#/") + "/default"
        for place, node in walk(document)
        if "default" in node and "$ref" not in json.dumps(node)
        if not validator(node).is_valid(node["default"])
    ]


def _without_addresses(text: str) -> str:
    return re.sub(r"<[^<>]* at 0x[0-9a-f]+>", "(object)", text)[:500]


# --- walking


def children(node: Any, *, names: bool = False) -> Iterator[tuple[str, Any, bool]]:
    """Yield what stands directly below a node: key, value, and whether its keys are names."""
    if isinstance(node, dict):
        for key, value in node.items():
            # The examples of a schema are a list of data; those of a parameter, a table of objects.
            listed = key == "examples" and isinstance(value, list)
            data = not names and (key in _DATA or key.startswith("x-") or listed)
            if not data and isinstance(value, dict | list):
                yield key, value, not names and key in NAMES and isinstance(value, dict)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield str(index), value, False


def walk(node: Any, where: str = "#", *, names: bool = False) -> Iterator[tuple[str, Json]]:
    """Yield every object below a node that is no data and no table of names, with its place."""
    if isinstance(node, dict) and not names:
        yield where, node
    for key, value, table in children(node, names=names):
        yield from walk(value, f"{where}/{escaped(key)}", names=table)


def references(node: Any, where: str = "#", *, names: bool = False) -> Iterator[tuple[str, str]]:
    """Yield every reference below a node: where it stands, and what it points to."""
    for place, found in walk(node, where, names=names):
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(found.get(keyword), str):
                yield place, found[keyword]
        mapping = found.get("mapping")
        if isinstance(mapping, dict) and isinstance(found.get("propertyName"), str):
            for target in mapping.values():
                yield place, target if "/" in target else f"#/components/schemas/{target}"


def pointer(reference: str) -> list[str]:
    """Return the steps of a reference into the document, `#/components/schemas/Subject`."""
    return [
        unquote(step).replace("~1", "/").replace("~0", "~")
        for step in reference.removeprefix("#").split("/")[1:]
    ]


def escaped(step: str) -> str:
    """Return a step as a reference writes it."""
    return step.replace("~", "~0").replace("/", "~1")


def look_up(document: Json, reference: str) -> Any:
    """Return what stands at a place of the document.

    Raises:
        KeyError: If nothing does.
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
    """Return the object that a node stands for: itself, or what it refers to."""
    while isinstance(node.get("$ref"), str):
        node = look_up(document, node["$ref"])
    return node


def operations(document: Json) -> Iterator[Operation]:
    """Yield the operations of a document in its order, parameters of their path included."""
    for path, item in document["paths"].items():
        for method, found in item.items():
            if method in METHODS:
                shared = item.get("parameters", [])
                whole = {**found, "parameters": [*shared, *found.get("parameters", [])]}
                yield Operation(path, method, whole)


# --- one form


def modern(document: Json) -> Json:
    """Return the document with every nullable schema in the words of OpenAPI 3.1.

    OpenAPI 3.0 has several ways to say "or null", and frameworks use all of them; only when they
    are one way can two documents be compared, or a JSON Schema tool be given one.
    """
    old = str(document["openapi"]).startswith("3.0")
    null_names = {
        f"#/components/schemas/{name}"
        for name, schema in document.get("components", {}).get("schemas", {}).items()
        if _only_null(schema)
    }

    def rewritten(node: Any, names: bool) -> Any:
        if isinstance(node, list):
            return [rewritten(item, False) for item in node]
        if not isinstance(node, dict):
            return node
        if not names and node.get("$ref") in null_names:
            return {"type": "null"}
        tables = {key: table for key, _, table in children(node, names=names)}
        made = {
            key: rewritten(value, tables[key]) if key in tables else value
            for key, value in node.items()
        }
        return made if names else _without_nullable(made, old=old)

    result: Json = rewritten(document, False)
    result["openapi"] = "3.1.0"
    return result


def _only_null(schema: Json) -> bool:
    return schema.get("enum") == [None] or schema.get("type") == "null"


def _without_nullable(schema: Json, *, old: bool) -> Json:
    if _only_null(schema):
        return {"type": "null"}
    nullable = schema.pop("nullable", False) is True if old else False
    whole = schema.get("allOf")
    if isinstance(whole, list) and len(whole) == 1 and schema.keys() <= {"allOf", *_WORDS}:
        # Frameworks put a lone reference into allOf only to write words beside it.
        schema = {"oneOf": [*whole, {"type": "null"}]} if nullable else dict(whole[0])
        nullable = False
    if nullable and "type" not in schema:
        for keyword in ("oneOf", "anyOf"):
            if isinstance(schema.get(keyword), list) and {"type": "null"} not in schema[keyword]:
                schema[keyword] = [*schema[keyword], {"type": "null"}]
                break
        else:
            shape = {key: schema.pop(key) for key in [*schema] if key in _SHAPE}
            if shape:
                one = (
                    whole[0] if isinstance(whole, list) and shape == {"allOf": whole[:1]} else shape
                )
                schema["oneOf"] = [one, {"type": "null"}]
    if nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    if "anyOf" in schema and "oneOf" not in schema:
        # The same to a reader of one value; which of the two is written is the framework's habit.
        options = schema["anyOf"]
        if isinstance(options, list) and {"type": "null"} in options and len(options) == 2:
            schema["oneOf"] = schema.pop("anyOf")
    options = schema.get("oneOf")
    if isinstance(options, list) and {"type": "null"} in options:
        others = [option for option in options if option != {"type": "null"}]
        simple = len(others) == 1 and isinstance(others[0].get("type"), str)
        if simple and "enum" not in others[0]:
            schema.pop("oneOf")
            return {**others[0], **schema, "type": [others[0]["type"], "null"]}
        schema["oneOf"] = [*others, {"type": "null"}]
    exclusive = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
    for bound, keyword in exclusive.items():
        if schema.get(keyword) is True:
            schema[keyword] = schema.pop(bound)
        elif schema.get(keyword) is False:
            schema.pop(keyword)
    return schema
