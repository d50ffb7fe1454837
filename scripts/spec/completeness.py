"""Check that a generated package implements its OpenAPI document completely.

Each operation is called through a mock transport with a sample value for every argument, and the
request is compared with the document. The mock transport then returns each documented response, with
enough sample bodies to cover every option of the response schema. The package must parse each body
into typed values that serialize to the same JSON.
The check does not depend on how the package was generated.
"""

from __future__ import annotations

import asyncio
import copy
import datetime
import email.parser
import email.policy
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from io import BytesIO
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, quote
from uuid import UUID

import attrs
import httpx
from openapi_python_client.strings import PythonIdentifier

from haut_ext.spec_check.comparison import IGNORED_HEADERS
from scripts.spec.document import Json, look_up, operations, pointer, to_openapi_31, without
from scripts.spec.document import Operation as DocumentedOperation
from scripts.spec.prepare import discriminators, is_text, media_type

PACKAGE = "haut_api"
MOMENT = datetime.datetime(2025, 2, 27, 3, 40, 28, tzinfo=datetime.UTC)
FORMATS: dict[str, tuple[type, str]] = {
    "uuid": (UUID, "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"),
    "date-time": (datetime.datetime, "2025-02-27T03:40:28.000Z"),
    "date": (datetime.date, "1990-02-27"),
}
TYPES: dict[str, tuple[type, Any]] = {
    "integer": (int, 7),
    "number": (float, 1.5),
    "boolean": (bool, True),
    "string": (str, "text"),
}
# Headers that httpx or the generated client may set on every request.
STANDARD_HEADERS = {
    "host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "authorization",
    "content-type", "cookie", "transfer-encoding",
}  # fmt: skip
MAX_VARIANTS = 60
NULL = {"type": "null"}


def to_text(value: Any) -> str:
    """Format a value as text for a path, query, header, cookie or form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


class Problems(list[str]):
    """List of differences between the document and the package, without duplicates."""

    def add(self, location: str, problem: str) -> None:
        entry = f"{location}: {problem}"
        if entry not in self:
            self.append(entry)


class Samples:
    """Creates sample JSON values for the schemas of an OpenAPI document.

    The `use` argument is "request", "response" or "multipart". Samples omit readOnly fields in
    requests and writeOnly fields in responses. In multipart bodies, a binary string becomes a file.
    """

    def __init__(self, document: Json) -> None:
        self.document = to_openapi_31(document)
        schemas = self.document.get("components", {}).get("schemas", {})
        self.discriminator_values, self.subclasses = discriminators(self.document, schemas)

    def resolve(self, node: Any) -> Any:
        """Replace a `$ref` with its target; keys next to `$ref` override the target's keys."""
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            node = {**look_up(self.document, node["$ref"]), **without(node, "$ref")}
        return node

    def merge(self, schema: Any) -> Json:
        """Resolve a schema's `$ref` and merge the parts of its `allOf` into a single schema."""
        schema = self.resolve(schema) if isinstance(schema, dict) else {}
        if "allOf" not in schema:
            return dict(schema)
        merged: Json = {}
        for part in map(self.merge, [*schema["allOf"], without(schema, "allOf")]):
            properties = dict(merged.get("properties", {}))
            for name, definition in part.get("properties", {}).items():
                known = properties.get(name, definition)
                same = known == definition
                properties[name] = definition if same else {"allOf": [known, definition]}
            merged = {
                **merged,
                **part,
                "properties": properties,
                "required": [*merged.get("required", []), *part.get("required", [])],
            }
        return {key: value for key, value in merged.items() if value not in ({}, [])}

    def options(self, schema: Any) -> list[Json]:
        """Return the alternatives that a schema allows, each as a merged schema with a single type."""
        name = pointer(schema["$ref"])[-1] if isinstance(schema, dict) and "$ref" in schema else ""
        found: list[Json] = []
        for child in self.subclasses.get(name, []):
            found += self.options({"$ref": f"#/components/schemas/{child}"})
        schema = self.merge(schema)
        if name in self.discriminator_values and "properties" in schema:
            field, values = self.discriminator_values[name]
            schema = {**schema, "properties": {**schema["properties"], field: {"enum": values}}}
            schema["required"] = [*schema.get("required", []), field]
        for keyword in ("oneOf", "anyOf"):
            if keyword in schema:
                siblings = without(schema, keyword)
                for option in schema[keyword]:
                    combined = {"allOf": [siblings, option]}
                    found += self.options(combined if "properties" in siblings else option)
                return found
        if "const" in schema:
            return [*found, {**schema, "enum": [schema["const"]]}]
        types = schema.get("type")
        if isinstance(types, list):
            values = list(schema.get("enum", []))
            for kind in types:
                of_type = [value for value in values if has_type(value, kind)]
                if values and not of_type and kind != "null":
                    continue
                enum = {"enum": of_type} if values and kind != "null" else {}
                found.append({**schema, "type": kind, **enum})
            return found
        if "enum" in schema and None in schema["enum"]:
            rest = [value for value in schema["enum"] if value is not None]
            return [*found, *([{**schema, "enum": rest}] if rest else []), NULL]
        return [*found, schema]

    def variants(self, schema: Any, visited: tuple[str, ...] = ()) -> int:
        """Return how many samples cover all options and enum values, limited to MAX_VARIANTS."""
        options = self.options(schema)
        count = max(1, sum(len(option.get("enum", [1])) for option in options))
        key = json.dumps(schema, sort_keys=True, default=str)
        if key not in visited and len(visited) < 12:
            for option in options:
                inner = [option.get("items"), option.get("additionalProperties")]
                for part in (*option.get("properties", {}).values(), *inner):
                    if isinstance(part, dict):
                        count = max(count, self.variants(part, (*visited, key)))
        return min(count, MAX_VARIANTS)

    def instances(self, schema: Any, use: str) -> Iterator[Any]:
        """Yield samples for every alternative of a schema, with and without optional fields."""
        for choice in range(self.variants(schema)):
            for full in (True, False):
                yield self.instance(schema, use, choice, full=full)

    def instance(
        self, schema: Any, use: str, choice: int, *, full: bool = True, depth: int = 0
    ) -> Any:
        """Return a sample for a schema; unless `full` is true, it has only the required fields."""
        options = [
            ({**option, "enum": [value]} if "enum" in option else option)
            for option in self.options(schema)
            for value in option.get("enum", [None])
        ]
        if depth > 5 and NULL in options:
            return None
        option = options[choice % len(options)] if depth < 6 else options[0]
        if "enum" in option:
            return option["enum"][0]
        kind = option.get("type")
        if kind == "null":
            return None
        if kind == "array":
            return [
                self.instance(option["items"], use, choice + index, full=full, depth=depth + 1)
                for index in range(0 if depth > 6 or "items" not in option else 2)
            ]
        if is_object(option):
            return self.object_instance(option, use, choice, full=full, depth=depth)
        if kind == "string":
            if option.get("format") == "binary" and use == "multipart":
                return b"a file"
            return FORMATS.get(option.get("format", ""), (str, f"text {choice}"))[1]
        return TYPES[kind][1] if kind in TYPES else f"anything {choice}"

    def object_instance(
        self, option: Json, use: str, choice: int, *, full: bool, depth: int
    ) -> Json:
        required, properties = option.get("required", []), option.get("properties", {})
        with_optional = full and depth < 6
        sample = {
            name: self.instance(definition, use, choice, full=full, depth=depth + 1)
            for name, definition in properties.items()
            if (name in required or with_optional) and not is_omitted(definition, use)
        }
        sample |= {name: "anything" for name in required if name not in properties}
        others = option.get("additionalProperties", True)
        if with_optional and others is not False and use != "multipart":
            schema = others if isinstance(others, dict) else {}
            sample["undeclared key"] = self.instance(
                schema, use, choice, full=full, depth=depth + 1
            )
        return sample

    def fits(self, option: Json, instance: Any, use: str) -> bool:
        """Return whether a JSON value is valid for one option of a schema."""
        if "enum" in option:
            return instance in option["enum"]
        kind = option.get("type")
        if kind is None:
            return "properties" not in option or isinstance(instance, dict)
        if isinstance(instance, list):
            return bool(kind == "array")
        if isinstance(instance, dict):
            properties = option.get("properties", {})
            return (
                kind == "object"
                and all(
                    name in instance or is_omitted(properties.get(name), use)
                    for name in option.get("required", [])
                )
                and all(
                    any(self.fits(inner, instance[name], use) for inner in self.options(definition))
                    for name, definition in properties.items()
                    if name in instance
                )
            )
        if kind == "string" and option.get("format") in FORMATS:
            return isinstance(instance, str) and has_format(instance, option["format"])
        return has_type(instance, kind)


def is_object(schema: Json) -> bool:
    return schema.get("type") == "object" or (
        "type" not in schema and bool(schema.keys() & {"properties", "additionalProperties"})
    )


def is_omitted(definition: Any, use: str) -> bool:
    """Return True for a readOnly field in a request, or a writeOnly field in a response."""
    if not isinstance(definition, dict):
        return False
    keyword = "writeOnly" if use == "response" else "readOnly"
    parts = [part for part in definition.get("allOf", []) if "$ref" not in part]
    return any(part.get(keyword) is True for part in (definition, *parts))


def has_type(value: Any, kind: str) -> bool:
    """Return whether a JSON value has a JSON Schema type."""
    if kind == "null" or value is None:
        return kind == "null" and value is None
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(
        value, {"integer": int, "number": int | float, "string": str}.get(kind, object)
    )


def has_format(text: str, name: str) -> bool:
    """Return whether a string is valid for the given format, such as "uuid"."""
    try:
        if name == "uuid":
            UUID(text)
        elif name == "date":
            datetime.date.fromisoformat(text)
        else:
            datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return name != "date-time" or "T" in text


class Package(Samples):
    """A generated package and the document that it must implement.

    Args:
        document: The OpenAPI document.
        names: JSON names of renamed fields, by class and field.
    """

    def __init__(self, document: Json, names: dict[str, dict[str, str]]) -> None:
        super().__init__(document)
        self.names = names
        self.problems = Problems()
        self.checked: set[tuple[type, str]] = set()
        self.client = import_module(f"{PACKAGE}.client")
        self.types = import_module(f"{PACKAGE}.types")
        self.errors = import_module(f"{PACKAGE}.errors")
        self.models = import_module(f"{PACKAGE}.models")

    def check(self) -> Problems:
        """Check every operation in the document, and report modules for undocumented operations."""
        api = import_module(f"{PACKAGE}.api")
        found = [
            import_module(info.name)
            for info in pkgutil.walk_packages(api.__path__, f"{api.__name__}.")
            if not info.ispkg
        ]
        modules = {str(module.__doc__): module for module in found}
        if len(modules) < len(found):
            self.problems.add("package", "several modules call the same operation")
        for operation in operations(self.document):
            module = modules.pop(operation.key, None)
            if module is None:
                self.problems.add(
                    operation.key,
                    "no module calls this operation; is its name used twice in its section?",
                )
                continue
            try:
                OperationCheck(self, operation, module).check()
            except Exception as error:
                failure = f"the check failed: {type(error).__name__}: {error}"
                self.problems.add(operation.key, failure[:300])
        for key, module in modules.items():
            self.problems.add(key, f"the document lacks the operation called by {module.__name__}")
        return self.problems

    # --- arguments

    def argument(self, hint: Any, number: int, parents: tuple[Any, ...] = ()) -> Any:
        """Return a sample value of a type; where possible, each `number` gives a different value."""
        options = [kind for kind in union_members(hint) if kind not in (NoneType, self.types.Unset)]
        kind = options[0]
        if get_origin(kind) is list:
            return [self.argument(get_args(kind)[0], number + index, parents) for index in (0, 1)]
        if get_origin(kind) is Literal:
            return get_args(kind)[0]
        if kind is Any:
            return f"anything {number}"
        if kind is self.types.File:
            content = BytesIO(f"file {number}".encode())
            return self.types.File(content, f"{number}.bin", "application/x-test")
        if issubclass(kind, Enum):
            members = list(kind)
            return members[number % len(members)]
        if attrs.has(kind) and kind in parents and self.types.Unset in union_members(hint):
            return self.types.UNSET
        if attrs.has(kind):
            return self.model_argument(kind, number, (*parents, kind))
        samples: dict[type, Any] = {
            str: f"text-{number}", bool: True, int: number, float: number + 0.5, UUID: UUID(int=number),
            datetime.datetime: MOMENT + datetime.timedelta(number),
            datetime.date: datetime.date(2000, 1, 1) + datetime.timedelta(number),
        }  # fmt: skip
        return samples[kind]

    def model_argument(self, kind: Any, number: int, parents: tuple[Any, ...]) -> Any:
        hints = model_hints(kind, self.models)
        fields = [field.name for field in attrs.fields(kind) if field.init]
        model = kind(**{
            name: self.argument(hints[name], number + index, parents)
            for index, name in enumerate(fields)
        })  # fmt: skip
        if not fields and "additional_properties" in hints:
            value_type = get_args(hints["additional_properties"])[1]
            model.additional_properties["free"] = self.argument(value_type, number, parents)
        return model

    def from_json(self, hint: Any, value: Any) -> Any:
        """Convert a JSON value to a Python value of a given type.

        Raises:
            TypeError: If no member of the type accepts the JSON value.
        """
        for kind in union_members(hint):
            try:
                if kind is Any or kind is type(value):
                    return value
                if get_origin(kind) is list and isinstance(value, list):
                    return [self.from_json(get_args(kind)[0], item) for item in value]
                if get_origin(kind) is Literal and value in get_args(kind):
                    return value
                if isinstance(kind, type) and attrs.has(kind) and isinstance(value, dict):
                    model: Any = kind
                    parsed = model.from_dict(value)
                    # A closed object drops the fields that only another option has.
                    if value.keys() <= parsed.to_dict().keys():
                        return parsed
                if (isinstance(kind, type) and issubclass(kind, Enum)) or kind is UUID:
                    return kind(value)
                if kind is datetime.datetime and "T" in value:
                    return self.types.parse_datetime(value)
                if kind is datetime.date and "T" not in value:
                    return datetime.date.fromisoformat(value)
                if kind is float and isinstance(value, int):
                    return float(value)
            except (ValueError, TypeError):
                continue
        raise TypeError(f"the type {hint} does not accept {value!r}")

    # --- parsed values

    def compare(self, location: str, parsed: Any, schema: Any, instance: Any, use: str) -> None:
        """Compare a parsed value with its original JSON and its schema, and report differences."""
        if instance is None or isinstance(parsed, bool):
            if parsed != instance:
                self.problems.add(location, f"{instance!r} is parsed as {type(parsed).__name__}")
            return
        fitting = [option for option in self.options(schema) if self.fits(option, instance, use)]
        if not fitting:
            return
        if isinstance(instance, list) and isinstance(parsed, list):
            items = fitting[0].get("items", {})
            for index, (item, original) in enumerate(zip(parsed, instance, strict=False)):
                self.compare(f"{location}[{index}]", item, items, original, use)
            if len(parsed) != len(instance):
                self.problems.add(location, "the parsed list and the JSON list differ in length")
            return
        expected = [python_type(option, instance) for option in fitting]
        models = [option for option in fitting if python_type(option, instance) == "model"]
        # If an option allows any value, values are not parsed into models.
        if models and object not in expected:
            self.compare_models(location, parsed, models, instance, use)
            return
        if not any(is_instance_of(parsed, kind) for kind in expected):
            names = " or ".join(str(getattr(kind, "__name__", kind)) for kind in expected)
            self.problems.add(
                location, f"value is parsed as {type(parsed).__name__}, expected {names}"
            )
        elif to_text(parsed) != to_text(instance) and not isinstance(parsed, dict | list):
            self.problems.add(location, f"{instance!r} is parsed as {parsed!r}")

    def compare_models(
        self, location: str, parsed: Any, options: list[Json], instance: Json, use: str
    ) -> None:
        """Compare a parsed object with the matching schema options; report a problem if all differ."""
        if not attrs.has(type(parsed)):
            self.problems.add(location, f"a JSON object is parsed as {type(parsed).__name__}")
            return
        problems, results = self.problems, []
        for option in options:
            self.problems = Problems()
            try:
                self.compare_object(location, parsed, option, instance, use)
            finally:
                results.append(self.problems)
                self.problems = problems
            if not results[-1]:
                return
        self.problems += [problem for problem in results[0] if problem not in self.problems]

    def compare_object(
        self, location: str, parsed: Any, option: Json, instance: Json, use: str
    ) -> None:
        kind = type(parsed)
        if json.dumps(parsed.to_dict(), sort_keys=True) != json.dumps(instance, sort_keys=True):
            self.problems.add(
                location, f"{kind.__name__} serializes to JSON that differs from the parsed JSON"
            )
        internal = {
            json_name: name for name, json_name in self.names.get(kind.__name__, {}).items()
        }
        properties = {
            name: definition
            for name, definition in option.get("properties", {}).items()
            if not is_omitted(definition, use)
        }
        for name, definition in properties.items():
            field = f"{kind.__name__}, field {name}"
            attribute = attribute_name(kind, internal.get(name, name))
            if attribute is None:
                self.problems.add(field, "the class has no attribute for this field")
                continue
            if name in instance:
                value = getattr(parsed, attribute)
                self.compare(f"{location}.{name}", value, definition, instance[name], use)
            if isinstance(definition, dict) and self.merge(definition).get("deprecated") is True:
                docs = str(kind.__doc__).partition(f"\n        {attribute} (")[2]
                if "Deprecated." not in re.split(r"\n {8}(?=\w+ \()", docs)[0]:
                    self.problems.add(field, NOT_DEPRECATED)
        key = kind, json.dumps(option, sort_keys=True, default=str)
        if key not in self.checked:
            self.checked.add(key)
            required = {*option.get("required", [])} & {*properties}
            self.check_required(kind, properties, required, instance)

    def check_required(
        self, kind: Any, properties: Json, required: set[str], instance: Json
    ) -> None:
        """Omit one field of the object at a time; parsing may fail only without a required field."""
        if not required <= instance.keys():
            return
        for name in [name for name in properties if name in instance]:
            field = f"{kind.__name__}, field {name}"
            rest = without(instance, name)
            try:
                serialized = kind.from_dict(rest).to_dict()
            except self.errors.DecodeError:
                if name not in required:
                    self.problems.add(field, "required in the class, but optional in the document")
                continue
            if name in required:
                self.problems.add(field, "optional in the class, but required in the document")
            elif serialized != rest:
                self.problems.add(field, "the serialized object changes if this field is omitted")


NOT_DEPRECATED = "the docstring does not mention the documented deprecation"


def is_instance_of(parsed: Any, kind: Any) -> bool:
    """Return whether a parsed value is an instance of a type returned by `python_type`."""
    if kind is Enum:
        return isinstance(parsed, Enum | str | int | float)
    return kind is object or type(parsed) is kind or (kind is float and type(parsed) is int)


def python_type(option: Json, instance: Any) -> Any:
    """Return the Python type expected for a JSON value; "model" stands for any generated class."""
    if "enum" in option:
        return Enum
    kind = option.get("type")
    has_fields = bool(option.keys() & {"properties", "additionalProperties"})
    if isinstance(instance, dict) and (kind == "object" or has_fields):
        return "model"
    if kind == "string":
        return FORMATS.get(option.get("format", ""), (str, ""))[0]
    return TYPES[kind][0] if kind in TYPES else object


def union_members(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, UnionType):
        return [kind for option in get_args(hint) for kind in union_members(option)]
    return [hint]


def model_hints(kind: type, models: ModuleType) -> dict[str, Any]:
    module = sys.modules[kind.__module__]
    return get_type_hints(kind, globalns={**vars(models), **vars(module)}, localns=vars(models))


def attribute_name(kind: type, name: str) -> str | None:
    """Return a generated class's attribute name for a field, or None if there is no attribute."""
    attribute: str = PythonIdentifier(name, "field_")
    known = {field.name for field in attrs.fields(kind) if field.init}
    return attribute if attribute in known else None


class OperationCheck:
    """Checks the requests and responses of one operation."""

    def __init__(
        self, package: Package, operation: DocumentedOperation, module: ModuleType
    ) -> None:
        self.package, self.operation, self.module = package, operation, module
        definition = operation.definition
        resolved = map(package.resolve, definition["parameters"])
        by_name = {(entry["in"], entry["name"]): entry for entry in resolved}
        self.parameters = [
            entry
            for entry in by_name.values()
            if entry["in"] != "header" or entry["name"].lower() not in IGNORED_HEADERS
        ]
        security: Any = definition.get("security", package.document.get("security"))
        self.security: list[Json] = security or []
        self.body: Json = package.resolve(definition.get("requestBody", {}))
        self.body_contents: Json = {
            media_type(name): content for name, content in self.body.get("content", {}).items()
        }
        self.hints = get_type_hints(module.sync_detailed, localns=vars(package.models))
        self.signature = inspect.signature(module.sync_detailed).parameters

    @property
    def key(self) -> str:
        return self.operation.key

    @property
    def is_public(self) -> bool:
        return not self.security or {} in self.security

    def report(self, problem: str) -> None:
        self.package.problems.add(self.key, problem)

    def is_optional(self, name: str) -> bool:
        return self.signature[name].default is not inspect.Parameter.empty

    def check(self) -> None:
        self.check_client()
        arguments = {
            name: self.package.argument(self.hints[name], 11 * (index + 1))
            for index, name in enumerate(self.signature)
            if name not in ("client", "body")
        }
        body = self.sample_body()
        everything = {**arguments, **({"body": body[0]} if body else {})}
        request = self.send(everything)
        self.check_token(request)
        self.check_request(request, arguments)
        if body:
            self.check_body(request, *body)
        elif self.body:
            self.report("the function has no argument for the request body")
        elif request.content:
            self.report("the request has a body, but the document defines none")
        other = self.send(everything, asynchronous=True)
        if (other.url, other.method) != (request.url, request.method) or not same_content(
            other, request
        ):
            self.report("the asynchronous and the synchronous function send different requests")
        self.check_omitted(arguments, body)
        self.check_responses(everything)

    def check_client(self) -> None:
        accepts_public = self.package.client.Client in union_members(self.hints["client"])
        if accepts_public != self.is_public:
            expected = "no token" if self.is_public else "a token"
            self.report(f"the client argument has the wrong type; the document requires {expected}")
        marked = str(self.module.sync_detailed.__doc__).strip().startswith("Deprecated.")
        if self.operation.definition.get("deprecated") is True and not marked:
            self.report(NOT_DEPRECATED)

    def check_token(self, request: httpx.Request) -> None:
        if self.is_public:
            return
        schemes = self.package.document.get("components", {}).get("securitySchemes", {})
        sent = [
            request.headers.get(scheme.get("name", "Authorization"), "").partition(" ")
            for option in self.security
            for scheme in (schemes[name] for name in option)
            if scheme.get("in", "header") == "header"
        ]
        valid = [("Bearer", " ", "a-token"), ("Basic", " ", "a-token"), ("a-token", "", "")]
        has_api_key = any(scheme.get("type") == "apiKey" for scheme in schemes.values())
        if not any(parts in valid or (has_api_key and parts[2] == "a-token") for parts in sent):
            self.report("the token is not sent in the way that the document requires")

    # --- the request

    def send(
        self, arguments: Json, *, asynchronous: bool = False, response: httpx.Response | None = None
    ) -> Any:
        """Call the operation through a mock transport.

        Return the operation's result if `response` is given, and the captured request otherwise.
        """
        requests: list[httpx.Request] = []

        def handler(request: httpx.Request) -> httpx.Response:
            request.read()
            requests.append(request)
            return response or httpx.Response(599)

        client_types = union_members(self.hints["client"])
        options: Json = {
            "base_url": "https://service.example",
            "httpx_args": {"transport": httpx.MockTransport(handler)},
        }
        if self.package.client.AuthenticatedClient in client_types:
            options["token"] = "a-token"  # noqa: S105
        for value in arguments.values():
            rewind(value)

        async def call() -> Any:
            async with client_types[0](**options) as client:
                return await self.module.asyncio_detailed(client=client, **arguments)

        result = None
        try:
            if asynchronous:
                result = asyncio.run(call())
            else:
                result = self.module.sync_detailed(client=client_types[0](**options), **arguments)
        except self.package.errors.DecodeError:
            if response is not None:
                raise
        return result if response is not None else requests[0]

    def sent_value(self, request: httpx.Request, entry: Json) -> Any:
        """Return the value that a request sends for a parameter, or None if it sends none."""
        name = entry["name"]
        match entry["in"]:
            case "path":
                return self.path_values(request).get(name)
            case "header":
                return request.headers.get(name)
            case "cookie":
                pairs = request.headers.get("cookie", "").split(";")
                return dict(pair.strip().partition("=")[::2] for pair in pairs).get(name)
        query = request.url.params.multi_items()
        values = [value for key, value in query if key == name]
        if values:
            return values
        schema = self.package.merge(entry.get("schema", {}))
        fields = set(schema.get("properties", {}))
        if not fields and schema.get("type") == "object":
            fields = {"free"}
        fields -= {entry["name"] for entry in self.parameters if entry["in"] == "query"}
        return (
            {key: value for key, value in query if key.startswith(f"{name}[")}
            or {key: value for key, value in query if key in fields}
            or None
        )

    def path_values(self, request: httpx.Request) -> dict[str, str]:
        sent = request.url.raw_path.decode().partition("?")[0]
        texts = re.split(r"{[^}]*}", self.operation.path)
        found = re.fullmatch("([^/]*)".join(map(re.escape, texts)), sent)
        names = re.findall(r"{([^}]*)}", self.operation.path)
        return dict(zip(names, found.groups(), strict=True)) if found else {}

    @staticmethod
    def expected_value(entry: Json, value: Any) -> Any:
        """Serialize a parameter value in the style that the document specifies."""
        location = entry["in"]
        if "content" in entry:
            content = value.to_dict() if hasattr(value, "to_dict") else value
            return [json.dumps(content, default=to_text)]
        style = entry.get("style", "form" if location in ("query", "cookie") else "simple")
        explode = entry.get("explode", style == "form")
        if isinstance(value, list):
            items = list(map(to_text, value))
            joined = {"pipeDelimited": "|", "spaceDelimited": " "}.get(style, ",").join(items)
            if location == "query":
                return items if explode else [joined]
            return joined
        if hasattr(value, "to_dict"):
            name, fields = entry["name"], value.to_dict()
            if style == "form" and not explode:
                return [",".join(f"{key},{to_text(item)}" for key, item in fields.items())]
            return {
                (f"{name}[{key}]" if style == "deepObject" else key): to_text(item)
                for key, item in fields.items()
                if not isinstance(item, list)
            }
        text = to_text(value)
        if location == "path":
            return quote(text, safe="")
        return [text] if location == "query" else text

    def check_request(self, request: httpx.Request, arguments: Json) -> None:
        if request.method != self.operation.method.upper():
            self.report(f"the request method is {request.method}")
        path = request.url.raw_path.decode().partition("?")[0]
        expected = self.operation.path
        for name, value in self.path_values(request).items():
            expected = expected.replace(f"{{{name}}}", value)
        if expected != path:
            self.report(f"the request path is {path}")
        if len(arguments) != len(self.parameters):
            self.report(
                f"the function has {len(arguments)} arguments for {len(self.parameters)} parameters"
            )
        self.matched: dict[str, Json] = {}
        for entry in self.parameters:
            self.match_parameter(request, entry, arguments)
        known = {entry["name"].lower() for entry in self.parameters if entry["in"] == "header"}
        schemes = self.package.document.get("components", {}).get("securitySchemes", {})
        known |= {str(scheme.get("name")).lower() for scheme in schemes.values()}
        for name in request.headers.keys() - known - STANDARD_HEADERS:
            self.report(f"the request has a header {name}, but the document defines none")

    def match_parameter(self, request: httpx.Request, entry: Json, arguments: Json) -> None:
        """Find the function argument whose value was sent as this parameter, and check its type."""
        parameter = f"parameter {entry['name']} ({entry['in']})"
        sent = self.sent_value(request, entry)
        if sent is None:
            self.report(f"{parameter} is not sent")
            return
        fitting = [
            name
            for name, value in arguments.items()
            if name not in self.matched and same_value(sent, self.expected_value(entry, value))
        ]
        fitting.sort(key=lambda name: letters(name) != letters(entry["name"]))
        if not fitting:
            self.report(
                f"{parameter} is sent as {sent!r}, which does not have the documented format"
            )
            return
        self.matched[fitting[0]] = entry
        self.check_type(parameter, entry, fitting[0])

    def check_type(self, parameter: str, entry: Json, name: str) -> None:
        """Compare a function argument's type with the schema of the documented parameter."""
        contents: list[Json] = list(entry.get("content", {}).values()) or [{}]
        schema: Json = entry.get("schema") or contents[0].get("schema", {})
        required = entry["in"] == "path" or entry.get("required") is True
        if self.is_optional(name) == required:
            expected = "required" if required else "optional"
            self.report(f"{parameter} must be {expected}")
        deprecated = [self.package.merge(schema).get("deprecated"), entry.get("deprecated")]
        marked = f"{name}: Deprecated." in str(self.module.sync_detailed.__doc__)
        if True in deprecated and not marked:
            self.report(f"{parameter}: {NOT_DEPRECATED}")
        for choice in range(self.package.variants(schema)):
            instance = self.package.instance(schema, "request", choice, depth=1)
            if instance is None and entry["in"] == "path":
                continue  # null cannot be represented in a URL path
            value = self.convert(name, parameter, instance)
            if value is not FAILED and not isinstance(instance, dict):
                location = f"{self.key}, {parameter}"
                self.package.compare(location, value, schema, instance, "request")

    def convert(self, name: str, location: str, instance: Any) -> Any:
        """Convert a JSON value to an argument's type; on failure, report a problem and return FAILED."""
        try:
            return self.package.from_json(self.hints[name], instance)
        except (TypeError, self.package.errors.DecodeError) as error:
            self.report(f"{location}: {error}"[:300])
            return FAILED

    # --- the body

    def sample_body(self) -> tuple[Any, str, Any] | None:
        """Return a sample `body` argument, its media type, and the request content expected for it.

        The expected content is JSON, bytes, or the schema of a multipart body.
        """
        if "body" not in self.hints:
            return None
        media = str(self.body_media_type())
        schema = self.body_contents.get(media, {}).get("schema", {})
        hint = self.hints["body"]
        if self.package.types.File in union_members(hint):
            return self.package.types.File(BytesIO(b"\x00\xff")), media, b"\x00\xff"
        if media == "multipart/form-data":
            kinds = union_members(hint)
            kind = next(kind for kind in kinds if isinstance(kind, type) and attrs.has(kind))
            return self.package.argument(kind, 5), media, schema
        instance = self.package.instance(schema, "request", 0)
        return self.package.from_json(hint, instance), media, instance

    def body_media_type(self) -> str | None:
        source = inspect.getsource(self.module)
        if '_kwargs["files"]' in source:
            return "multipart/form-data"
        if '_kwargs["data"]' in source:
            return "application/x-www-form-urlencoded"
        names = list(self.body_contents)
        if '_kwargs["json"]' in source:
            return next((name for name in names if "json" in name or name == "*/*"), None)
        return names[0]

    def check_body(self, request: httpx.Request, argument: Any, media: str, expected: Any) -> None:
        sent_as = request.headers.get("content-type", "")
        if media_type(sent_as) not in self.body_contents and "*/*" not in self.body_contents:
            self.report(
                f"the body has the content type {sent_as}, which the document does not define"
            )
        if isinstance(expected, bytes):
            if request.content != expected:
                self.report("the request body differs from the bytes of the file")
            return
        if media == "multipart/form-data":
            self.check_multipart(request, argument, expected)
            return
        if media == "application/x-www-form-urlencoded":
            sent = parse_qsl(request.content.decode(), keep_blank_values=True)
            fields = [
                (name, json.dumps(item) if isinstance(item, dict | list) else to_text(item))
                for name, value in expected.items()
                if value is not None
                for item in (value if isinstance(value, list) else [value])
            ]
            if sorted(sent) != sorted(fields):
                self.report(f"the URL-encoded form has unexpected fields: {sent}")
        elif json.loads(request.content or b"null") != expected:
            self.report("the request body differs from the JSON of the argument")
        schema = self.body_contents.get(media, {}).get("schema", {})
        for instance in self.package.instances(schema, "request"):
            value = self.convert("body", "request body", instance)
            if value is not FAILED:
                location = f"{self.key}, request body"
                self.package.compare(location, value, schema, instance, "request")

    def check_multipart(self, request: httpx.Request, argument: Any, schema: Any) -> None:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        parser = email.parser.BytesParser(policy=email.policy.HTTP)
        parts: list[Any] = list(parser.parsebytes(head + request.content).iter_parts())
        names = {str(part.get_param("name", header="content-disposition")) for part in parts}
        properties = self.package.options(schema)[0].get("properties", {})
        expected = {
            name for name, definition in properties.items() if not is_omitted(definition, "request")
        }
        values = [getattr(argument, field.name) for field in attrs.fields(type(argument))]
        unset = sum(isinstance(value, self.package.types.Unset) for value in values)
        if not names <= expected or len(expected - names) != unset:
            self.report(
                f"missing or unexpected fields in the multipart body: {sorted(names ^ expected)}"
            )
        sent = sorted(part.get_payload(decode=True) for part in parts)
        if sent != sorted(multipart_values(argument)):
            self.report(f"the multipart body has unexpected values: {sent}"[:300])

    # --- omitted arguments

    def check_omitted(self, arguments: Json, body: tuple[Any, str, Any] | None) -> None:
        """Check that nothing is sent for an optional argument if the caller omits it."""
        body_argument = {"body": body[0]} if body else {}
        for name in arguments:
            entry = self.matched.get(name)
            if entry is None or not self.is_optional(name):
                continue
            request = self.send({**without(arguments, name), **body_argument})
            if self.sent_value(request, entry) is not None:
                self.report(f"omitted parameter {entry['name']} ({entry['in']}) is sent")
        if body and self.is_optional("body"):
            if self.body.get("required") is True:
                self.report(
                    "the request body is optional in the function, but required in the document"
                )
            required = {
                name: value for name, value in arguments.items() if not self.is_optional(name)
            }
            if self.send(required).content:
                self.report("a request body is sent although it was omitted")

    # --- responses

    def check_responses(self, arguments: Json) -> None:
        documented = {
            str(status): self.package.resolve(response)
            for status, response in self.operation.definition.get("responses", {}).items()
        }
        for status, response in documented.items():
            for code in status_codes(status, set(documented)):
                if not response.get("content"):
                    self.check_response(arguments, code, status, b"", None, None)
                for name, content in response.get("content", {}).items():
                    schema = content.get("schema", {})
                    self.check_content(arguments, code, status, media_type(name), schema)

    def check_content(
        self, arguments: Json, code: int, status: str, media: str, schema: Json
    ) -> None:
        """Check the operation with sample response bodies of one media type."""
        if media == "*/*" and self.package.merge(schema).get("format") != "binary":
            media = "application/json"
        if media == "application/json" or media.endswith("+json"):
            for instance in self.package.instances(schema, "response"):
                body = json.dumps(instance).encode()
                self.check_response(arguments, code, status, body, media, (schema, instance))
        elif is_text(media):
            self.check_response(arguments, code, status, "täxt".encode(), media, "täxt")
        else:
            self.check_response(arguments, code, status, b"\x00\xff", media, b"\x00\xff")

    def check_response(
        self, arguments: Json, code: int, status: str, body: bytes, media: str | None, expected: Any
    ) -> None:
        """Call the operation with a mock response, and check the returned value.

        `expected` is a tuple of a schema and a JSON value, a text, a file's bytes, or None for an
        empty body.
        """
        kind = f"{media}; charset=utf-8" if media and not isinstance(expected, bytes) else media
        served = httpx.Response(code, content=body, headers={"content-type": kind} if kind else {})
        location = f"{self.key}, response {status}" + (f" ({media})" if media else "")
        problems = self.package.problems
        try:
            response = self.send(
                copy.deepcopy(arguments) if not body else arguments, response=served
            )
        except self.package.errors.DecodeError as error:
            problems.add(location, f"cannot be parsed: {error}")
            return
        parsed = response.parsed
        if response.status_code != code:
            problems.add(location, "the function returns a different status")
        if isinstance(expected, tuple):
            schema, instance = expected
            self.package.compare(location, parsed, schema, instance, "response")
        elif isinstance(expected, bytes):
            if not isinstance(parsed, self.package.types.File) or parsed.payload.read() != expected:
                problems.add(location, "the response body is not parsed as a file")
        elif parsed != expected:
            content = "no content" if expected is None else "text"
            problems.add(location, f"{content} is parsed as {type(parsed).__name__}")


FAILED = object()


def same_value(sent: Any, expected: Any) -> bool:
    if isinstance(sent, dict) and isinstance(expected, dict):
        return bool(expected) and expected.items() <= sent.items()
    return bool(sent == expected)


def status_codes(status: str, documented: set[str]) -> list[int]:
    """Return the status codes to test for a documented status.

    For a range such as `4XX`, these are the first and the last code that the document does not list
    separately.
    """
    if status.isdecimal():
        return [int(status)]
    ranges = {entry[0] for entry in documented if entry.upper().endswith("XX")}
    first = 200 if status == "default" else int(status[0]) * 100
    free = [
        code
        for code in range(first, 600 if status == "default" else first + 100)
        if str(code) not in documented and not (status == "default" and str(code // 100) in ranges)
    ]
    return [free[0], free[-1]]


def multipart_values(model: Any) -> Iterator[bytes]:
    """Yield the expected content of each multipart part for a model instance."""
    for field in attrs.fields(type(model)):
        value = getattr(model, field.name)
        for item in value if isinstance(value, list) else [value]:
            if is_file(item):
                item.payload.seek(0)
                yield item.payload.read()
            elif hasattr(item, "to_dict"):
                yield json.dumps(item.to_dict()).encode()
            elif field.init and type(item).__name__ != "Unset":
                yield to_text(item).encode()


def is_file(value: Any) -> bool:
    return type(value).__name__ == "File" and hasattr(value, "payload")


def letters(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def rewind(value: Any) -> None:
    """Rewind every file in an argument, so that the files can be sent again."""
    if is_file(value):
        value.payload.seek(0)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            rewind(getattr(value, field.name))
    elif isinstance(value, list):
        for item in value:
            rewind(item)


def same_content(left: httpx.Request, right: httpx.Request) -> bool:
    """Return whether two requests have the same body, ignoring multipart boundaries."""

    def without_boundary(request: httpx.Request) -> bytes:
        _, _, boundary = request.headers.get("content-type", "").partition("boundary=")
        return request.content.replace(boundary.encode(), b"") if boundary else request.content

    return without_boundary(left) == without_boundary(right)


def main() -> None:
    """Check the package described by the JSON on standard input, and print the problems found."""
    document, names = json.load(sys.stdin)
    print(json.dumps(Package(document, names).check()))


if __name__ == "__main__":
    main()
