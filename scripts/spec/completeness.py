"""Check that a generated package implements its OpenAPI document completely.

Each operation is called through a mock transport with a sample value for every argument, and the
request is compared with the document. The mock transport then returns each documented response, with
enough sample bodies to cover every option of the response schema. The package must parse each body
into typed values that serialize to the same JSON.
The check does not depend on how the package was generated.
"""

from __future__ import annotations

import asyncio
import datetime
import email.parser
import email.policy
import inspect
import itertools
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from io import BytesIO
from types import ModuleType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, quote
from uuid import UUID

import attrs
import httpx
from openapi_python_client.strings import PythonIdentifier

from haut_ext.spec_check.comparison import IGNORED_HEADERS
from scripts.spec.document import Json, look_up, operations, pointer, to_openapi_31, without
from scripts.spec.document import Operation as DocumentedOperation
from scripts.spec.prepare import (
    FORM,
    MULTIPART,
    discriminators,
    is_json,
    is_text,
    media_type,
)

PACKAGE = "haut_api"
MOMENT = datetime.datetime(2025, 2, 27, 3, 40, 28, tzinfo=datetime.UTC)
FORMATS: dict[str, type] = {
    "uuid": UUID,
    "date-time": datetime.datetime,
    "date": datetime.date,
}
TYPES: dict[str, type] = {"integer": int, "number": float, "boolean": bool, "string": str}
# Headers that httpx or the generated client may set on every request.
STANDARD_HEADERS = {
    "host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "authorization",
    "content-type", "cookie", "transfer-encoding",
}  # fmt: skip
MAX_SAMPLES = 60
NULL = {"type": "null"}


def to_text(value: Any) -> str:
    """Format a JSON value, or a value parsed from it, as text for a path, query, header or form."""
    if isinstance(value, bool | dict | list):
        return canonical(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def canonical(value: Any) -> str:
    """Format a JSON value as JSON, independent of the order of keys."""
    return json.dumps(value, sort_keys=True)


class Problems(list[str]):
    """List of differences between the document and the package, without duplicates."""

    def add(self, location: str, problem: str) -> None:
        entry = f"{location}: {problem}"
        if entry not in self:
            self.append(entry)


class Samples:
    """Creates sample JSON values for the schemas of an OpenAPI document.

    The `use` argument is "request", "response" or "multipart". Samples omit readOnly fields in
    requests and writeOnly fields in responses. In multipart bodies, a binary string becomes bytes.
    Texts, numbers and times are different in each sample.
    """

    def __init__(self, document: Json) -> None:
        self.document = to_openapi_31(document)
        self.numbers = itertools.count(11)
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

    def samples(self, schema: Any, use: str, above: tuple[str, ...] = ()) -> list[Any]:
        """Return samples for every option and enum value of a schema, the most complete one first.

        `above` contains the schemas from the outermost one to the one around this one, as JSON. A
        schema that contains itself is sampled only once more, with its required fields.
        """
        above = (*above, canonical(schema))
        minimal = len({*above}) < len(above)
        options = self.options(schema)
        if minimal:
            options = [NULL] if NULL in options else options[:1]
        found: list[Any] = []
        for option in options:
            kind = option.get("type")
            if "enum" in option:
                found += option["enum"]
            elif kind == "null":
                found.append(None)
            elif kind == "array":
                items = None if minimal else option.get("items")
                values = [] if items is None else self.samples(items, use, above)
                found.append(
                    values if len(values) != 1 else [*values, *self.samples(items, use, above)]
                )
            elif is_object(option):
                found += self.objects(option, use, above, minimal=minimal)
            else:
                found.append(self.scalar(kind, option.get("format"), use))
        return found[:MAX_SAMPLES]

    def objects(
        self, option: Json, use: str, above: tuple[str, ...], *, minimal: bool
    ) -> list[Json]:
        """Return samples that together contain all samples of each field of an object."""
        required, properties = option.get("required", []), option.get("properties", {})
        # In a multipart body, an object inside of the body is sent as JSON, which cannot contain files.
        outer = above if use == "multipart" else ()
        fields = {
            name: self.samples(definition, use, above)
            for name, definition in properties.items()
            if (name in required or not minimal) and not is_omitted(definition, use)
            if not any(schema in canonical(definition) for schema in outer)
        }
        fields |= {name: ["anything"] for name in required if name not in properties}
        others = option.get("additionalProperties", True)
        if not minimal and others is not False and use != "multipart":
            schema = others if isinstance(others, dict) else {}
            fields["undeclared key"] = self.samples(schema, use, above)
        fields = {name: values for name, values in fields.items() if values}
        first, *more = (
            {name: values[index % len(values)] for name, values in fields.items()}
            for index in range(max([1, *map(len, fields.values())]))
        )
        return [first, {name: first[name] for name in first if name in required}, *more]

    def scalar(self, kind: str | None, form: str | None, use: str) -> Any:
        number = next(self.numbers)
        moment = MOMENT + datetime.timedelta(number % 1000)
        match kind, form:
            case "integer", _:
                return number
            case "number", _:
                return number + 0.5
            case "boolean", _:
                return True
            case "string", "binary" if use == "multipart":
                return f"file {number}".encode()
            case "string", "uuid":
                return str(UUID(int=number))
            case "string", "date-time":
                return to_text(moment)
            case "string", "date":
                return to_text(moment.date())
        return f"text-{number}"

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
        fields: JSON names of renamed fields, by class and field.
        arguments: Location and name of each parameter, by operation and argument.
    """

    def __init__(
        self,
        document: Json,
        fields: dict[str, dict[str, str]],
        arguments: dict[str, dict[str, list[str]]],
    ) -> None:
        super().__init__(document)
        self.fields, self.arguments = fields, arguments
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

    # --- parsed values

    def from_json(self, hint: Any, value: Any) -> Any:
        """Convert a JSON value to a Python value of a given type.

        Raises:
            TypeError: If no member of the type accepts the JSON value.
        """
        for kind in union_members(hint):
            try:
                if kind is Any or kind is type(value):
                    return value
                if kind is self.types.File and isinstance(value, bytes):
                    return self.types.File(BytesIO(value))
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
            json_name: name for name, json_name in self.fields.get(kind.__name__, {}).items()
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
        return FORMATS.get(option.get("format", ""), str)
    return TYPES.get(str(kind), object)


def union_members(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, UnionType):
        return [kind for option in get_args(hint) for kind in union_members(option)]
    return [hint]


def attribute_name(kind: type, name: str) -> str | None:
    """Return a generated class's attribute name for a field, or None if there is no attribute."""
    attribute: str = PythonIdentifier(name, "field_")
    known = {field.name for field in attrs.fields(kind) if field.init}
    return attribute if attribute in known else None


class OperationCheck:
    """Checks the requests and responses of one operation.

    A sample maps arguments of the function to JSON values; in a multipart body, bytes are a file.
    """

    def __init__(
        self, package: Package, operation: DocumentedOperation, module: ModuleType
    ) -> None:
        self.package, self.operation, self.module = package, operation, module
        definition = operation.definition
        security: Any = definition.get("security", package.document.get("security"))
        self.security: list[Json] = security or []
        self.body: Json = package.resolve(definition.get("requestBody", {}))
        self.body_contents: Json = {
            media_type(name): content for name, content in self.body.get("content", {}).items()
        }
        self.hints = get_type_hints(module.sync_detailed, localns=vars(package.models))
        self.signature = inspect.signature(module.sync_detailed).parameters
        self.sample: Json = {}
        self.media = ""
        self.prefix = ""
        self.parameters = self.documented_parameters()

    def documented_parameters(self) -> dict[str, Json]:
        """Return the documented parameters by the function's arguments."""
        names = self.package.arguments.get(self.operation.key, {})
        # The generator changes a name that is reserved in Python, such as `__class__`.
        arguments = {
            (place, name): PythonIdentifier(argument, "field_")
            for argument, (place, name) in names.items()
        }
        found: dict[str, Json] = {}
        for parameter in map(self.package.resolve, self.operation.definition["parameters"]):
            place, name = parameter["in"], parameter["name"]
            if place == "header" and name.lower() in IGNORED_HEADERS:
                continue
            argument: str = arguments.get((place, name), "")
            if argument in self.signature:
                found[argument] = parameter
            else:
                self.report(f"the function has no argument for the parameter {name} ({place})")
        return found

    @property
    def key(self) -> str:
        return self.operation.key

    @property
    def is_public(self) -> bool:
        return not self.security or {} in self.security

    def report(self, problem: str) -> None:
        self.package.problems.add(self.key, f"{self.prefix}{problem}")

    def is_optional(self, name: str) -> bool:
        return self.signature[name].default is not inspect.Parameter.empty

    def check(self) -> None:
        self.check_client()
        for name in self.signature.keys() - self.parameters.keys() - {"client", "body"}:
            self.report(f"the document has no parameter for the argument {name}")
        for name, parameter in self.parameters.items():
            self.check_parameter(name, parameter)
        if "body" in self.signature:
            self.check_body()
        elif self.body:
            self.report("the function has no argument for the request body")
        required = {
            name: value for name, value in self.sample.items() if not self.is_optional(name)
        }
        problems = len(self.package.problems)
        for self.prefix in ("", "the asynchronous function: "):
            if len(self.package.problems) == problems:
                for sample in (self.sample, required):
                    self.check_request(sample)
        self.prefix = ""
        self.check_responses()

    def check_client(self) -> None:
        accepts_public = self.package.client.Client in union_members(self.hints["client"])
        if accepts_public != self.is_public:
            expected = "no token" if self.is_public else "a token"
            self.report(f"the client argument has the wrong type; the document requires {expected}")
        marked = str(self.module.sync_detailed.__doc__).strip().startswith("Deprecated.")
        if self.operation.definition.get("deprecated") is True and not marked:
            self.report(NOT_DEPRECATED)

    # --- arguments

    def check_parameter(self, name: str, parameter: Json) -> None:
        """Compare an argument's type with the schema of its parameter; add a value to the sample."""
        label = f"parameter {parameter['name']} ({parameter['in']})"
        contents: list[Json] = list(parameter.get("content", {}).values()) or [{}]
        schema: Json = parameter.get("schema") or contents[0].get("schema", {})
        required = parameter["in"] == "path" or parameter.get("required") is True
        if self.is_optional(name) == required:
            self.report(f"{label} must be {'required' if required else 'optional'}")
        deprecated = [self.package.merge(schema).get("deprecated"), parameter.get("deprecated")]
        marked = f"{name}: Deprecated." in str(self.module.sync_detailed.__doc__)
        if True in deprecated and not marked:
            self.report(f"{label}: {NOT_DEPRECATED}")
        for instance in self.package.samples(schema, "request"):
            if instance is None and parameter["in"] == "path":
                continue  # null cannot be represented in a URL path
            if self.check_argument(name, label, schema, instance) and instance is not None:
                self.sample.setdefault(name, instance)

    def check_argument(self, name: str, label: str, schema: Any, instance: Any) -> bool:
        """Check that an argument's type accepts a JSON value; return False if it does not."""
        try:
            value = self.package.from_json(self.hints[name], instance)
        except (TypeError, self.package.errors.DecodeError) as error:
            self.report(f"{label}: {error}"[:300])
            return False
        self.package.compare(f"{self.key}, {label}", value, schema, instance, "request")
        return True

    def check_body(self) -> None:
        """Find the media type in which the body is sent, and add a body to the sample."""
        sent_as, problem = "", ""
        for media, content in self.body_contents.items():
            schema = content.get("schema", {})
            is_model = is_json(media) or media in (FORM, MULTIPART)
            use = "multipart" if media == MULTIPART else "request"
            samples = self.package.samples(schema, use) if is_model else [b"\x00\xff"]
            try:
                request = self.send({**self.sample, "body": samples[0]})
            except (TypeError, self.package.errors.DecodeError) as error:
                problem = f"request body: {error}"[:300]
                continue
            sent_as = media_type(request.headers.get("content-type", ""))
            if sent_as != media and not (is_json(media) and "*" in media):
                continue
            self.media, self.sample["body"] = media, samples[0]
            if is_model and media != MULTIPART:
                for instance in samples:
                    self.check_argument("body", "request body", schema, instance)
            break
        if not self.media:
            self.report(problem or UNDEFINED_BODY.format(sent_as))
        if self.body.get("required") is True and self.is_optional("body"):
            self.report(
                "the request body is optional in the function, but required in the document"
            )

    # --- requests

    def send(
        self, sample: Json, *, asynchronous: bool = False, response: httpx.Response | None = None
    ) -> Any:
        """Call the operation through a mock transport.

        Return the operation's result if `response` is given, and the captured request otherwise.
        """
        requests: list[httpx.Request] = []

        def handler(request: httpx.Request) -> httpx.Response:
            request.read()
            requests.append(request)
            return response or httpx.Response(599)

        arguments = {
            name: self.package.from_json(self.hints[name], value) for name, value in sample.items()
        }
        client_types = union_members(self.hints["client"])
        options: Json = {
            "base_url": "https://service.example",
            "httpx_args": {"transport": httpx.MockTransport(handler)},
        }
        if self.package.client.AuthenticatedClient in client_types:
            options["token"] = "a-token"  # noqa: S105

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

    def check_request(self, sample: Json) -> None:
        """Compare the request that is sent for a sample with the document."""
        request: httpx.Request = self.send(sample, asynchronous=bool(self.prefix))
        if request.method != self.operation.method.upper():
            self.report(f"the request method is {request.method}")
        if not self.is_public:
            self.check_token(request)
        sent = self.sent_pairs(request)
        for name, parameter in self.parameters.items():
            place, label = parameter["in"], f"parameter {parameter['name']} ({parameter['in']})"
            others = [one["name"] for one in self.parameters.values() if one is not parameter]
            keys = {key for key, _ in self.pairs(name, self.sample.get(name))}
            keys -= set(others) if place == "query" else set()
            found = [(key, text) for key, text in sent[place] if key in keys]
            if "content" in parameter:
                found = [(key, canonical(json.loads(text))) for key, text in found]
            if name not in sample:
                if found:
                    self.report(f"omitted {label} is sent")
            elif not found:
                self.report(f"{label} is not sent")
            elif sorted(found) != sorted(self.pairs(name, sample[name])):
                self.report(f"{label} is sent as {found}, which is not the documented format")
        known = {one["name"].lower() for one in self.parameters.values() if one["in"] == "header"}
        schemes = self.package.document.get("components", {}).get("securitySchemes", {})
        known |= {str(scheme.get("name")).lower() for scheme in schemes.values()}
        for name in request.headers.keys() - known - STANDARD_HEADERS:
            self.report(f"the request has a header {name}, but the document defines none")
        if "body" in sample:
            self.check_content(request, sample["body"])
        elif request.content:
            self.report("the request has a body, although none was given")

    def check_token(self, request: httpx.Request) -> None:
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

    def sent_pairs(self, request: httpx.Request) -> dict[str, list[tuple[str, str]]]:
        """Return the names and values that a request sends, by location."""
        path = request.url.raw_path.decode().partition("?")[0]
        texts = re.split(r"{[^{}]*}", self.operation.path)
        found = re.fullmatch("([^/]*)".join(map(re.escape, texts)), path)
        if not found:
            self.report(f"the request path is {path}")
        names = re.findall(r"{([^{}]*)}", self.operation.path)
        cookies = request.headers.get("cookie", "").split(";")
        return {
            "path": list(zip(names, found.groups(), strict=True)) if found else [],
            "query": request.url.params.multi_items(),
            "header": request.headers.multi_items(),
            "cookie": [pair.strip().partition("=")[::2] for pair in cookies],
        }

    def pairs(self, name: str, instance: Any) -> list[tuple[str, str]]:
        """Return the names and values that must be sent for an argument."""
        parameter = self.parameters[name]
        place, key = parameter["in"], parameter["name"]
        key = key.lower() if place == "header" else key
        if instance is None or "content" in parameter:
            return [] if instance is None else [(key, canonical(instance))]
        style = parameter.get("style", "form" if place in ("query", "cookie") else "simple")
        explode = parameter.get("explode", style == "form")
        if isinstance(instance, list):
            items = [to_text(item) for item in instance if item is not None]
            if place == "query" and explode:
                return [(key, item) for item in items]
            separator = {"pipeDelimited": "|", "spaceDelimited": " "}.get(style, ",")
            return [(key, separator.join(items))]
        if isinstance(instance, dict):
            # The order of the fields is not documented.
            sent = self.package.from_json(self.hints[name], instance).to_dict()
            fields = {field: item for field, item in sent.items() if item is not None}
            if style == "form" and not explode:
                return [(key, ",".join(f"{name},{to_text(it)}" for name, it in fields.items()))]
            return [
                (f"{key}[{field}]" if style == "deepObject" else field, to_text(item))
                for field, item in fields.items()
                if not isinstance(item, list)
            ]
        return [(key, quote(to_text(instance), safe="") if place == "path" else to_text(instance))]

    def check_content(self, request: httpx.Request, instance: Any) -> None:
        """Compare the content of a request with the JSON value of the body."""
        if isinstance(instance, bytes):
            if request.content != instance:
                self.report("the request body differs from the bytes of the file")
        elif self.media in (FORM, MULTIPART):
            body = "multipart body" if self.media == MULTIPART else "URL-encoded body"
            sent, expected = sorted(sent_fields(request)), sorted(form_fields(instance))
            if names := {name for name, _ in sent} ^ {name for name, _ in expected}:
                self.report(f"missing or unexpected fields in the {body}: {sorted(names)}")
            elif sent != expected:
                self.report(f"the {body} has unexpected values: {sent}"[:300])
        elif json.loads(request.content or b"null") != instance:
            self.report("the request body differs from the JSON of the argument")

    # --- responses

    def check_responses(self) -> None:
        documented = {
            str(status): self.package.resolve(response)
            for status, response in self.operation.definition.get("responses", {}).items()
        }
        for status, response in documented.items():
            for code in status_codes(status, set(documented)):
                if not response.get("content"):
                    self.check_response(code, status, b"", None, None)
                for name, content in response.get("content", {}).items():
                    schema = content.get("schema", {})
                    self.check_response_content(code, status, media_type(name), schema)

    def check_response_content(self, code: int, status: str, media: str, schema: Json) -> None:
        """Check the operation with sample response bodies of one media type."""
        if media == "*/*" and self.package.merge(schema).get("format") != "binary":
            media = "application/json"
        if media == "application/json" or media.endswith("+json"):
            for instance in self.package.samples(schema, "response"):
                body = json.dumps(instance).encode()
                self.check_response(code, status, body, media, (schema, instance))
        elif is_text(media):
            self.check_response(code, status, "täxt".encode(), media, "täxt")
        else:
            self.check_response(code, status, b"\x00\xff", media, b"\x00\xff")

    def check_response(
        self, code: int, status: str, body: bytes, media: str | None, expected: Any
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
            response = self.send(self.sample, response=served)
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


UNDEFINED_BODY = "the body has the content type {}, which the document does not define"


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


def sent_fields(request: httpx.Request) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each field of a form; see `form_fields`."""
    content_type = request.headers["content-type"]
    if media_type(content_type) == FORM:
        yield from parse_qsl(request.content.decode(), keep_blank_values=True)
        return
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    parts: Any = parser.parsebytes(head + request.content).iter_parts()
    for part in parts:
        name = str(part.get_param("name", header="content-disposition"))
        text = part.get_payload(decode=True).decode()
        is_json_part = part.get_content_type() == "application/json"
        yield name, canonical(json.loads(text)) if is_json_part else text


def form_fields(instance: Json) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each field of a form that must be sent for a JSON object."""
    for name, value in instance.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield name, item.decode() if isinstance(item, bytes) else to_text(item)


def main() -> None:
    """Check the package described by the JSON on standard input, and print the problems found."""
    print(json.dumps(Package(*json.load(sys.stdin)).check()))


if __name__ == "__main__":
    main()
