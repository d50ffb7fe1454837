"""Whether a generated package is what a document says, found out by using it.

Every operation is called with a sample of every argument against a transport that only listens, once by
each way to call it; what arrives is compared with the document. Every documented response is then given,
in as many variants as its schema has options, and must be read into typed values that are written again
as the same JSON. Nothing here knows how the package was generated.
"""

from __future__ import annotations

import argparse
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
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, quote
from uuid import UUID

import attrs
import httpx

from scripts.spec.document import Json, look_up, modern, operations, pointer
from scripts.spec.prepare import discriminators

PACKAGE = "haut_api"
MOMENT = datetime.datetime(2025, 2, 27, 3, 40, 28, tzinfo=datetime.UTC)
FORMATS: dict[str, tuple[type, str]] = {
    "uuid": (UUID, "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"),
    "date-time": (datetime.datetime, "2025-02-27T03:40:28.000Z"),
    "date": (datetime.date, "1990-02-27"),
}
KINDS: dict[str, tuple[type, Any]] = {
    "integer": (int, 7),
    "number": (float, 1.5),
    "boolean": (bool, True),
    "string": (str, "text"),
}
OF_EVERY_REQUEST = {
    "host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "authorization",
    "content-type", "cookie", "transfer-encoding",
}  # fmt: skip
MOST_VARIANTS = 60
TEXTS = (
    "text/",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/x-ndjson",
)


def text(value: Any) -> str:
    """A value as the API writes it in paths, queries, headers, cookies and forms."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


class Losses(list[str]):
    """What is missing, merged or sent otherwise."""

    def add(self, place: str, problem: str) -> None:
        entry = f"{place}: {problem}"
        if entry not in self:
            self.append(entry)


class Package:
    """A generated package and the document that it must equal."""

    def __init__(self, document: Json, names: dict[str, dict[str, str]]) -> None:
        self.document = modern(document)
        self.schemas: Json = self.document.get("components", {}).get("schemas", {})
        self.tags, self.subclasses = discriminators(self.document, self.schemas)
        self.names = names
        self.losses = Losses()
        self.checked: set[tuple[type, str]] = set()
        self.client = import_module(f"{PACKAGE}.client")
        self.types = import_module(f"{PACKAGE}.types")
        self.errors = import_module(f"{PACKAGE}.errors")
        self.models = import_module(f"{PACKAGE}.models")

    def check(self) -> Losses:
        api = import_module(f"{PACKAGE}.api")
        found = [
            import_module(info.name)
            for info in pkgutil.walk_packages(api.__path__, f"{api.__name__}.")
            if not info.ispkg
        ]
        modules = {str(module.__doc__): module for module in found}
        if len(modules) < len(found):
            self.losses.add("package", "two modules call the same operation")
        for operation in operations(self.document):
            key = operation.key
            module = modules.pop(key, None)
            if module is None:
                self.losses.add(key, "no module calls this operation; see that its name is its own")
                continue
            item = self.resolved(self.document["paths"][operation.path])
            shared = [self.resolved(entry) for entry in item.get("parameters", [])]
            own = [self.resolved(entry) for entry in item[operation.method].get("parameters", [])]
            parameters = {(entry["in"], entry["name"]): entry for entry in [*shared, *own]}
            try:
                Operation(
                    self, key, module, item[operation.method], list(parameters.values())
                ).check()
            except Exception as error:
                self.losses.add(key, f"cannot be called: {type(error).__name__}: {error}"[:300])
        for key, module in modules.items():
            self.losses.add(key, f"{module.__name__} is no operation of the document")
        return self.losses

    # --- the document

    def resolved(self, node: Any) -> Any:
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            node = {
                **look_up(self.document, node["$ref"]),
                **{k: v for k, v in node.items() if k != "$ref"},
            }
        return node

    def flat(self, schema: Any) -> Json:
        """The schema with what it refers to and is all of, in one."""
        schema = self.resolved(schema) if isinstance(schema, dict) else {}
        if "allOf" not in schema:
            return dict(schema)
        whole: Json = {}
        for part in [
            *schema["allOf"],
            {key: value for key, value in schema.items() if key != "allOf"},
        ]:
            part = self.flat(part)
            whole = {
                **whole,
                **part,
                "properties": {**whole.get("properties", {}), **part.get("properties", {})},
                "required": [*whole.get("required", []), *part.get("required", [])],
            }
        return {key: value for key, value in whole.items() if value not in ({}, [])}

    def options(self, schema: Any) -> list[Json]:
        """The alternatives of a schema, each flat and with one type; null as `{"type": "null"}`."""
        name = pointer(schema["$ref"])[-1] if isinstance(schema, dict) and "$ref" in schema else ""
        found: list[Json] = []
        for child in self.subclasses.get(name, []):
            found += self.options({"$ref": f"#/components/schemas/{child}"})
        schema = self.flat(schema)
        if name in self.tags and "properties" in schema:
            tag, values = self.tags[name]
            schema = {**schema, "properties": {**schema["properties"], tag: {"enum": values}}}
            schema["required"] = [*schema.get("required", []), tag]
        for keyword in ("oneOf", "anyOf"):
            if keyword in schema:
                beside = {key: value for key, value in schema.items() if key != keyword}
                for option in schema[keyword]:
                    inner = (
                        {"allOf": [beside, option]} if beside.keys() & {"properties"} else option
                    )
                    found += self.options(inner)
                return found
        if "const" in schema:
            return [*found, {**schema, "enum": [schema["const"]]}]
        kinds = schema.get("type")
        if isinstance(kinds, list):
            kept = list(schema.get("enum", []))
            for kind in kinds:
                of_it = [value for value in kept if self.is_a(value, kind)]
                if kept and not of_it and kind != "null":
                    continue
                extra = {"enum": of_it} if kept and kind != "null" else {}
                found.append({**schema, "type": kind, **extra})
            return found
        if "enum" in schema and None in schema["enum"]:
            rest = [value for value in schema["enum"] if value is not None]
            return [*found, *([{**schema, "enum": rest}] if rest else []), {"type": "null"}]
        return [*found, schema]

    @staticmethod
    def is_a(value: Any, kind: str) -> bool:
        if kind == "null" or value is None:
            return kind == "null" and value is None
        if isinstance(value, bool):
            return kind == "boolean"
        return isinstance(
            value, {"integer": int, "number": int | float, "string": str}.get(kind, object)
        )

    def variants(self, schema: Any, use: str, seen: tuple[str, ...] = ()) -> int:
        """How many instances show every option and every value of an enumeration."""
        count = 1
        options = self.options(schema)
        inner: list[Any] = []
        total = 0
        for option in options:
            total += len(option.get("enum", [1]))
            inner += [
                *option.get("properties", {}).values(),
                option.get("items"),
                option.get("additionalProperties"),
            ]
        count = max(count, total)
        name = json.dumps(schema, sort_keys=True, default=str)
        if name not in seen and len(seen) < 12:
            for part in inner:
                if isinstance(part, dict):
                    count = max(count, self.variants(part, use, (*seen, name)))
        return min(count, MOST_VARIANTS)

    def instance(
        self, schema: Any, use: str, choice: int, *, full: bool = True, depth: int = 0
    ) -> Any:
        """Return JSON that fits a schema: everything that it names, or only what it requires."""
        found = [
            ({**option, "enum": [value]} if "enum" in option else option)
            for option in self.options(schema)
            for value in option.get("enum", [None])
        ]
        if depth > 5 and {"type": "null"} in found:
            return None
        option = found[choice % len(found)] if depth < 6 else found[0]
        if "enum" in option:
            return option["enum"][0]
        kind = option.get("type")
        if kind == "null":
            return None
        if kind == "array":
            empty = depth > 6 or "items" not in option
            items = range(0 if empty else 2)
            return [
                self.instance(option["items"], use, choice + index, full=full, depth=depth + 1)
                for index in items
            ]
        if kind == "object" or (
            kind is None and option.keys() & {"properties", "additionalProperties"}
        ):
            return self.an_object(option, use, choice, full=full, depth=depth)
        if kind == "string":
            if option.get("format") == "binary" and use == "multipart":
                return b"a file"
            return FORMATS.get(option.get("format", ""), (str, f"text {choice}"))[1]
        return KINDS[kind][1] if kind in KINDS else f"anything {choice}"

    def an_object(self, option: Json, use: str, choice: int, *, full: bool, depth: int) -> Json:
        required = option.get("required", [])
        made = {}
        for name, definition in option.get("properties", {}).items():
            if self.is_left_out(definition, use) or not (name in required or (full and depth < 6)):
                continue
            made[name] = self.instance(definition, use, choice, full=full, depth=depth + 1)
        for name in required:
            if name not in option.get("properties", {}):
                made[name] = "anything"
        others = option.get("additionalProperties", True)
        if full and others is not False and depth < 6 and use != "multipart":
            schema = others if isinstance(others, dict) else {}
            made["a key of its own"] = self.instance(
                schema, use, choice, full=full, depth=depth + 1
            )
        return made

    def is_left_out(self, definition: Any, use: str) -> bool:
        if not isinstance(definition, dict):
            return False
        unsent = "writeOnly" if use == "response" else "readOnly"
        inside = [part for part in definition.get("allOf", []) if "$ref" not in part]
        return definition.get(unsent) is True or any(part.get(unsent) is True for part in inside)

    # --- values

    def argument(self, hint: Any, number: int, inside: tuple[Any, ...] = ()) -> Any:
        """Return a value of a type, as unlike those of other numbers as the type allows."""
        options = [kind for kind in alternatives(hint) if kind not in (NoneType, self.types.Unset)]
        kind = options[0]
        if get_origin(kind) is list:
            return [self.argument(get_args(kind)[0], number + index, inside) for index in (0, 1)]
        if get_origin(kind) is Literal:
            return get_args(kind)[0]
        if kind is Any:
            return f"anything {number}"
        if kind is self.types.File:
            return self.types.File(
                BytesIO(f"file {number}".encode()), f"{number}.bin", "application/x-test"
            )
        if issubclass(kind, Enum):
            members = list(kind)
            return members[number % len(members)]
        if attrs.has(kind) and kind in inside and self.types.Unset in alternatives(hint):
            return self.types.UNSET
        if attrs.has(kind):
            hints = model_hints(kind, self.models)
            named = [field.name for field in attrs.fields(kind) if field.init]
            made = kind(**{
                name: self.argument(hints[name], number + index, (*inside, kind))
                for index, name in enumerate(named)
            })  # fmt: skip
            if not named and "additional_properties" in hints:
                free = get_args(hints["additional_properties"])[1]
                vars_of(made)["free"] = self.argument(free, number, (*inside, kind))
            return made
        samples: dict[type, Any] = {
            str: f"text-{number}", bool: True, int: number, float: number + 0.5, UUID: UUID(int=number),
            datetime.datetime: MOMENT + datetime.timedelta(number),
            datetime.date: datetime.date(2000, 1, 1) + datetime.timedelta(number),
        }  # fmt: skip
        return samples[kind]

    def given(self, hint: Any, value: Any) -> Any:
        """Return JSON as an argument of a type."""
        for kind in alternatives(hint):
            try:
                if kind is Any or kind is type(value):
                    return value
                if get_origin(kind) is list and isinstance(value, list):
                    return [self.given(get_args(kind)[0], item) for item in value]
                if get_origin(kind) is Literal and value in get_args(kind):
                    return value
                if isinstance(kind, type) and attrs.has(kind) and isinstance(value, dict):
                    return self.read_model(kind, value)
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
        raise TypeError(f"no argument of the type {hint} is {value!r}")

    @staticmethod
    def read_model(kind: Any, value: Json) -> Any:
        return kind.from_dict(value)

    def same(self, place: str, parsed: Any, schema: Any, instance: Any, use: str) -> None:
        """Compare a value that was read with the JSON that it was read from and with its schema."""
        if instance is None or isinstance(parsed, bool):
            if parsed != instance:
                self.losses.add(place, f"{instance!r} is read as {type(parsed).__name__}")
            return
        fitting = [option for option in self.options(schema) if self.fits(option, instance, use)]
        if not fitting:
            return
        expected = [self.python_type(option, instance) for option in fitting]
        if isinstance(instance, list) and isinstance(parsed, list):
            items = fitting[0].get("items", {})
            for index, (one, other) in enumerate(zip(parsed, instance, strict=False)):
                self.same(f"{place}[{index}]", one, items, other, use)
            if len(parsed) != len(instance):
                self.losses.add(place, "a list loses items")
            return
        if "model" in expected:
            if not attrs.has(type(parsed)):
                self.losses.add(place, f"an object is read as {type(parsed).__name__}")
                return
            # Where several options fit, the value may be read as any of them.
            problems: list[Losses] = []
            for option, kind in zip(fitting, expected, strict=True):
                if kind != "model":
                    continue
                outside, self.losses = self.losses, Losses()
                self.same_object(place, parsed, option, instance, use)
                problems.append(self.losses)
                self.losses = outside
                if not problems[-1]:
                    return
            for loss in problems[0]:
                if loss not in self.losses:
                    self.losses.append(loss)
            return
        if not any(self.is_one(parsed, kind) for kind in expected):
            names = " or ".join(str(getattr(kind, "__name__", kind)) for kind in expected)
            self.losses.add(place, f"is read as {type(parsed).__name__}, not as {names}")
        elif text(parsed) != text(instance) and not isinstance(parsed, dict | list):
            self.losses.add(place, f"{instance!r} is read as {parsed!r}")

    @staticmethod
    def is_one(parsed: Any, kind: Any) -> bool:
        if kind is Enum:
            return isinstance(parsed, Enum | str | int | float)
        if kind is object:
            return True
        return type(parsed) is kind or (kind is float and type(parsed) is int)

    def python_type(self, option: Json, instance: Any) -> Any:
        if "enum" in option:
            return Enum
        kind = option.get("type")
        if isinstance(instance, dict) and (
            kind == "object" or option.keys() & {"properties", "additionalProperties"}
        ):
            return "model"
        if kind == "string":
            return FORMATS.get(option.get("format", ""), (str, ""))[0]
        return KINDS[kind][0] if kind in KINDS else object

    def fits(self, option: Json, instance: Any, use: str) -> bool:
        if "enum" in option:
            return instance in option["enum"]
        kind = option.get("type")
        if kind is None:
            return not (option.keys() & {"properties"}) or isinstance(instance, dict)
        if isinstance(instance, list):
            return bool(kind == "array")
        if isinstance(instance, dict):
            if kind != "object":
                return False
            properties = option.get("properties", {})
            needed = [
                name
                for name in option.get("required", [])
                if not self.is_left_out(properties.get(name), use)
            ]
            return all(name in instance for name in needed) and all(
                any(self.fits(inner, instance[name], use) for inner in self.options(definition))
                for name, definition in properties.items()
                if name in instance
            )
        if kind == "string" and option.get("format") in FORMATS:
            return isinstance(instance, str) and isinstance(
                self.read(option["format"], instance), FORMATS[option["format"]][0]
            )
        return self.is_a(instance, kind)

    def read(self, form: str, value: str) -> Any:
        try:
            if form == "date":
                return datetime.date.fromisoformat(value)
            return (
                UUID(value)
                if form == "uuid"
                else self.types.parse_datetime(value)
                if "T" in value
                else None
            )
        except ValueError:
            return None

    def same_object(self, place: str, parsed: Any, option: Json, instance: Json, use: str) -> None:
        kind = type(parsed)
        if json.dumps(parsed.to_dict(), sort_keys=True) != json.dumps(instance, sort_keys=True):
            self.losses.add(place, f"{kind.__name__} writes other JSON than it reads")
        own = {wire: name for name, wire in self.names.get(kind.__name__, {}).items()}
        attributes = attribute_names(kind)
        properties = {
            name: definition
            for name, definition in option.get("properties", {}).items()
            if not self.is_left_out(definition, use)
        }
        for name, definition in properties.items():
            attribute = attributes.get(own.get(name, name))
            if attribute is None:
                self.losses.add(f"{kind.__name__}, field {name}", "there is no attribute for it")
            elif name in instance:
                self.same(
                    f"{place}.{name}", getattr(parsed, attribute), definition, instance[name], use
                )
            if (
                attribute
                and isinstance(definition, dict)
                and self.flat(definition).get("deprecated") is True
            ):
                said = str(kind.__doc__).partition(f"\n        {attribute} (")[2]
                if "Deprecated." not in re.split(r"\n {8}(?=\w+ \()", said)[0]:
                    self.losses.add(
                        f"{kind.__name__}, field {name}",
                        "its docstring does not say that it is deprecated",
                    )
        key = kind, json.dumps(option, sort_keys=True, default=str)
        if key not in self.checked:
            self.checked.add(key)
            required = {*option.get("required", [])} & {*properties}
            self.check_required(kind, properties, required, instance)

    def check_required(
        self, kind: Any, properties: Json, required: set[str], instance: Json
    ) -> None:
        if not required <= instance.keys():
            return
        for name in properties:
            if name not in instance:
                continue
            less = {key: value for key, value in instance.items() if key != name}
            try:
                again = kind.from_dict(less).to_dict()
            except self.errors.DecodeError:
                if name not in required:
                    self.losses.add(
                        f"{kind.__name__}, field {name}",
                        "is required, though optional in the document",
                    )
                continue
            if name in required:
                self.losses.add(
                    f"{kind.__name__}, field {name}", "is optional, though required in the document"
                )
            elif again != less:
                self.losses.add(
                    f"{kind.__name__}, field {name}", "changes the object when it is left out"
                )


def alternatives(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, UnionType):
        return [kind for option in get_args(hint) for kind in alternatives(option)]
    return [hint]


def model_hints(kind: type, models: ModuleType) -> dict[str, Any]:
    module = sys.modules[kind.__module__]
    return get_type_hints(kind, globalns={**vars(models), **vars(module)}, localns=vars(models))


def attribute_names(kind: type) -> dict[str, str]:
    """The attribute for each name of a field, with and without what makes it a Python name."""
    from openapi_python_client.strings import PythonIdentifier

    names = {field.name: field.name for field in attrs.fields(kind) if field.init}

    class Lookup(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            return names.get(PythonIdentifier(name, "field_"), default)

    return Lookup(names)


class Operation:
    """One operation, called."""

    def __init__(
        self,
        package: Package,
        key: str,
        module: ModuleType,
        definition: Json,
        parameters: list[Json],
    ) -> None:
        self.package, self.key, self.module, self.definition = package, key, module, definition
        self.parameters = [
            entry
            for entry in parameters
            if entry["in"] != "header"
            or entry["name"].lower() not in ("accept", "content-type", "authorization")
        ]
        self.hints = get_type_hints(module.sync_detailed, localns=vars(package.models))
        self.signature = inspect.signature(module.sync_detailed).parameters
        self.path = key.partition(" ")[2]
        self.method = key.partition(" ")[0]

    def lose(self, problem: str) -> None:
        self.package.losses.add(self.key, problem)

    def check(self) -> None:
        self.check_client()
        arguments = {
            name: self.package.argument(self.hints[name], 11 * (index + 1))
            for index, name in enumerate(self.signature)
            if name not in ("client", "body")
        }
        body = self.a_body()
        everything = {**arguments, **({"body": body[0]} if body else {})}
        arrived = self.send(everything)
        self.check_token(arrived)
        self.check_arrived(arrived, arguments)
        if body:
            self.check_body(arrived, *body)
        elif "requestBody" in self.definition:
            self.lose("the request body has no argument")
        elif arrived.content:
            self.lose("a body is sent that the document does not have")
        again = self.send(everything, asynchronous=True)
        if (again.url, again.method) != (arrived.url, arrived.method) or not same_content(
            again, arrived
        ):
            self.lose("the asynchronous function sends another request")
        self.check_left_out(arguments, body)
        self.check_responses(everything)

    def check_client(self) -> None:
        options = self.definition.get("security", self.package.document.get("security", []))
        open_to_all = not options or {} in options
        plain = self.package.client.Client in alternatives(self.hints["client"])
        if plain != open_to_all:
            self.lose(
                "needs a token" if not plain else "needs no token, though the document wants one"
            )
        said = str(self.module.sync_detailed.__doc__).strip().startswith("Deprecated.")
        if self.definition.get("deprecated") is True and not said:
            self.lose("its docstring does not say that it is deprecated")

    def check_token(self, request: httpx.Request) -> None:
        options = self.definition.get("security", self.package.document.get("security", []))
        schemes = self.package.document.get("components", {}).get("securitySchemes", {})
        if not options or {} in options:
            return
        sent = [
            request.headers.get(scheme.get("name", "Authorization"), "").partition(" ")
            for option in options
            for scheme in (schemes[name] for name in option)
            if scheme.get("in", "header") == "header"
        ]
        wanted = [("Bearer", " ", "a-token"), ("Basic", " ", "a-token"), ("a-token", "", "")]
        keys = [scheme.get("type") == "apiKey" for scheme in schemes.values()]
        if not any(one in wanted or (any(keys) and one[2] == "a-token") for one in sent):
            self.lose("the token is not sent as the document says")

    # --- the request

    def send(
        self, arguments: Json, *, asynchronous: bool = False, answer: httpx.Response | None = None
    ) -> Any:
        seen: list[httpx.Request] = []

        def handler(request: httpx.Request) -> httpx.Response:
            request.read()
            seen.append(request)
            return answer or httpx.Response(599)

        kinds = alternatives(self.hints["client"])
        secured = self.package.client.AuthenticatedClient
        options: Json = {
            "base_url": "https://service.example",
            "httpx_args": {"transport": httpx.MockTransport(handler)},
        }
        if secured in kinds:
            options["token"] = "a-token"  # noqa: S105
        for value in arguments.values():
            rewind(value)

        async def call() -> Any:
            async with kinds[0](**options) as client:
                return await self.module.asyncio_detailed(client=client, **arguments)

        response = None
        try:
            if asynchronous:
                response = asyncio.run(call())
            else:
                response = self.module.sync_detailed(client=kinds[0](**options), **arguments)
        except self.package.errors.DecodeError:
            if answer is not None:
                raise
        return response if answer is not None else seen[0]

    def arrived_at(self, request: httpx.Request, entry: Json) -> Any:
        """Return what of a request a parameter of the document is, or None."""
        name, place = entry["name"], entry["in"]
        match place:
            case "path":
                return self.in_path(request).get(name)
            case "header":
                return request.headers.get(name)
            case "cookie":
                cookies = dict(
                    part.strip().partition("=")[::2]
                    for part in request.headers.get("cookie", "").split(";")
                )
                return cookies.get(name)
        pairs = request.url.params.multi_items()
        found = [value for key, value in pairs if key == name]
        if not found:
            deep = {key: value for key, value in pairs if key.startswith(f"{name}[")}
            named = self.package.flat(entry.get("schema", {})).get("properties", {})
            if not named and self.package.flat(entry.get("schema", {})).get("type") == "object":
                named = {"free": {}}
            deep = deep or {
                key: value for key, value in pairs if key in named and key not in self.query_names()
            }
            return deep or None
        return found

    def query_names(self) -> set[str]:
        return {entry["name"] for entry in self.parameters if entry["in"] == "query"}

    def in_path(self, request: httpx.Request) -> dict[str, str]:
        sent = request.url.raw_path.decode().partition("?")[0].split("/")
        named = self.path.split("/")
        return {
            part[1:-1]: value
            for part, value in zip(named, sent, strict=False)
            if part.startswith("{") and part.endswith("}")
        }

    def written(self, entry: Json, value: Any) -> Any:
        """Return how the document has a value sent."""
        place = entry["in"]
        if "content" in entry:
            return [
                json.dumps(value.to_dict() if hasattr(value, "to_dict") else value, default=text)
            ]
        style = entry.get("style", "form" if place in ("query", "cookie") else "simple")
        explode = entry.get("explode", style == "form")
        if isinstance(value, list):
            items = list(map(text, value))
            joined = {"pipeDelimited": "|", "spaceDelimited": " "}.get(style, ",").join(items)
            if place == "query":
                return items if explode else [joined]
            return joined
        if hasattr(value, "to_dict"):
            name = entry["name"]
            if style == "form" and not explode:
                return [",".join(f"{key},{text(item)}" for key, item in value.to_dict().items())]
            return {
                (f"{name}[{key}]" if style == "deepObject" else key): text(item)
                for key, item in value.to_dict().items()
                if not isinstance(item, list)
            }
        written = text(value)
        if place == "path":
            return quote(written, safe="")
        return [written] if place == "query" else written

    def check_arrived(self, request: httpx.Request, arguments: Json) -> None:
        if request.method != self.method:
            self.lose(f"is sent as {request.method}")
        path = request.url.raw_path.decode().partition("?")[0]
        inserted = self.in_path(request)
        if (
            "".join(f"/{inserted.get(part[1:-1], part)}" for part in self.path.split("/")[1:])
            != path
            and "}" not in path
        ):
            rest = self.path
            for name, value in inserted.items():
                rest = rest.replace(f"{{{name}}}", value)
            if rest != path:
                self.lose(f"is sent to {path}")
        if len(arguments) != len(self.parameters):
            self.lose(f"has {len(self.parameters)} parameters and {len(arguments)} arguments")
        self.matched: dict[str, Json] = {}
        for entry in self.parameters:
            where = f"parameter {entry['name']} ({entry['in']})"
            raw = self.arrived_at(request, entry)
            if raw is None:
                self.lose(f"{where} is not sent")
                continue
            fitting = [
                name
                for name, value in arguments.items()
                if name not in self.matched and self.equal(raw, self.written(entry, value))
            ]
            fitting.sort(key=lambda name: plain(name) != plain(entry["name"]))
            if not fitting:
                self.lose(
                    f"{where} arrives as {raw!r}, which is no argument in the form that the document has"
                )
                continue
            self.matched[fitting[0]] = entry
            self.check_type(where, entry, fitting[0])
        known = {entry["name"].lower() for entry in self.parameters if entry["in"] == "header"}
        schemes = self.package.document.get("components", {}).get("securitySchemes", {})
        known |= {str(scheme.get("name")).lower() for scheme in schemes.values()}
        for name in request.headers.keys() - known - OF_EVERY_REQUEST:
            self.lose(f"sends the header {name}, which the document does not have")

    @staticmethod
    def equal(raw: Any, written: Any) -> bool:
        if isinstance(raw, dict) and isinstance(written, dict):
            return bool(written) and written.items() <= raw.items()
        return bool(raw == written)

    def check_type(self, where: str, entry: Json, name: str) -> None:
        """Compare the type of an argument with the schema of its parameter."""
        contents: list[Json] = list(entry.get("content", {}).values()) or [{}]
        schema: Json = entry.get("schema") or contents[0].get("schema", {})
        hint = self.hints[name]
        optional = self.signature[name].default is not inspect.Parameter.empty
        required = entry["in"] == "path" or entry.get("required") is True
        if optional == required:
            self.lose(
                f"{where} is {'optional' if optional else 'required'}, and not so in the document"
            )
        deprecated = [self.package.flat(schema).get("deprecated"), entry.get("deprecated")]
        said = f"{name}: Deprecated." in str(self.module.sync_detailed.__doc__)
        if True in deprecated and not said:
            self.lose(f"{where}: its docstring does not say that it is deprecated")
        for choice in range(self.package.variants(schema, "request")):
            instance = self.package.instance(schema, "request", choice, depth=1)
            if instance is None and entry["in"] == "path":
                continue  # a path has no null
            try:
                value = self.package.given(hint, instance)
            except (TypeError, self.package.errors.DecodeError):
                self.lose(f"{where}: no value of its type {hint} is {instance!r}"[:300])
                continue
            if not isinstance(instance, dict):
                self.package.same(f"{self.key}, {where}", value, schema, instance, "request")

    # --- the body

    def a_body(self) -> tuple[Any, str, Any] | None:
        """Return a body as argument, its media type, and what must arrive."""
        if "body" not in self.hints:
            return None
        content = self.package.resolved(self.definition["requestBody"])["content"]
        media = str(self.sent_as(content))
        schema: Json = next(
            (value.get("schema", {}) for name, value in content.items() if media_of(name) == media),
            {},
        )
        hint = self.hints["body"]
        if self.package.types.File in alternatives(hint):
            return self.package.types.File(BytesIO(b"\x00\xff")), media, b"\x00\xff"
        use = "multipart" if media == "multipart/form-data" else "request"
        if use == "multipart":
            kind = next(
                kind for kind in alternatives(hint) if isinstance(kind, type) and attrs.has(kind)
            )
            return self.package.argument(kind, 5), media, schema
        instance = self.package.instance(schema, use, 0)
        return self.package.given(hint, instance), media, instance

    def sent_as(self, content: Json) -> str | None:
        source = inspect.getsource(self.module)
        medias = [media_of(name) for name in content]
        if '_kwargs["files"]' in source:
            return "multipart/form-data"
        if '_kwargs["data"]' in source:
            return "application/x-www-form-urlencoded"
        if '_kwargs["json"]' in source:
            return next((media for media in medias if "json" in media or media == "*/*"), None)
        return medias[0]

    def check_body(self, request: httpx.Request, argument: Any, media: str, expected: Any) -> None:
        content = self.package.resolved(self.definition["requestBody"])["content"]
        kind = request.headers.get("content-type", "")
        if media_of(kind) not in [media_of(name) for name in content] and "*/*" not in content:
            self.lose(f"the body is sent as {kind}, which the document does not have")
        if isinstance(expected, bytes):
            if request.content != expected:
                self.lose("the bytes of the body change on their way")
        elif media == "multipart/form-data":
            self.check_multipart(request, argument, expected)
        elif media == "application/x-www-form-urlencoded":
            sent = parse_qsl(request.content.decode(), keep_blank_values=True)
            wanted = [
                (name, text(item) if not isinstance(item, dict | list) else json.dumps(item))
                for name, value in expected.items()
                if value is not None
                for item in (value if isinstance(value, list) else [value])
            ]
            if sorted(sent) != sorted(wanted):
                self.lose(f"the form is sent as {sent}")
        elif json.loads(request.content or b"null") != expected:
            self.lose("the JSON of the body changes on its way")
        schema: Json = next(
            (value.get("schema", {}) for name, value in content.items() if media_of(name) == media),
            {},
        )
        if not isinstance(expected, bytes) and media != "multipart/form-data":
            for choice in range(self.package.variants(schema, "request")):
                for full in (True, False):
                    instance = self.package.instance(schema, "request", choice, full=full)
                    place = f"{self.key}, request body"
                    try:
                        value = self.package.given(self.hints["body"], instance)
                    except (TypeError, self.package.errors.DecodeError) as error:
                        self.lose(f"request body: {error}"[:300])
                        continue
                    self.package.same(place, value, schema, instance, "request")

    def check_multipart(self, request: httpx.Request, argument: Any, schema: Any) -> None:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
            head + request.content
        )
        parts: list[Any] = list(message.iter_parts())
        named = {str(part.get_param("name", header="content-disposition")) for part in parts}
        properties = self.package.options(schema)[0].get("properties", {})
        wanted = {
            name
            for name, definition in properties.items()
            if not self.package.is_left_out(definition, "request")
        }
        left_out = [
            field
            for field in attrs.fields(type(argument))
            if isinstance(getattr(argument, field.name), self.package.types.Unset)
        ]
        if not named <= wanted or len(wanted - named) != len(left_out):
            self.lose(
                f"the multipart body has too many or too few fields: {sorted(named ^ wanted)}"
            )
        sent = sorted(part.get_payload(decode=True) for part in parts)
        if sent != sorted(in_parts(argument)):
            self.lose(f"the values of the multipart body are sent as {sent}"[:300])

    # --- what is left out

    def check_left_out(self, arguments: Json, body: tuple[Any, str, Any] | None) -> None:
        required = {
            name: value
            for name, value in arguments.items()
            if self.signature[name].default is inspect.Parameter.empty
        }
        whole_body = {"body": body[0]} if body else {}
        for name in arguments.keys() - required.keys():
            entry = self.matched.get(name)
            if entry is None:
                continue
            rest = {key: value for key, value in arguments.items() if key != name}
            request = self.send({**rest, **whole_body})
            if self.arrived_at(request, entry) is not None:
                self.lose(
                    f"parameter {entry['name']} ({entry['in']}) is sent though it is not given"
                )
        if body and self.signature["body"].default is not inspect.Parameter.empty:
            if self.package.resolved(self.definition["requestBody"]).get("required") is True:
                self.lose("the request body is optional, and required in the document")
            if self.send(required).content:
                self.lose("a body is sent though none is given")

    # --- responses

    def check_responses(self, arguments: Json) -> None:
        documented = {
            str(status): found for status, found in self.definition.get("responses", {}).items()
        }
        answers = [
            (code, status, found)
            for status, found in documented.items()
            for code in self.codes_of(status, set(documented))
        ]
        for code, status, found in answers:
            response = self.package.resolved(found)
            contents = response.get("content", {})
            if not contents:
                self.receive(arguments, code, status, b"", None, None)
            for name, content in contents.items():
                media, schema = media_of(name), content.get("schema", {})
                schema = content.get("schema", {})
                binary = self.package.flat(schema).get("format") == "binary"
                if media == "*/*" and not binary:
                    media = "application/json"
                if media == "application/json" or media.endswith("+json"):
                    for choice in range(self.package.variants(schema, "response")):
                        for full in (True, False):
                            instance = self.package.instance(schema, "response", choice, full=full)
                            raw = json.dumps(instance).encode()
                            self.receive(arguments, code, status, raw, media, (schema, instance))
                elif media.startswith(TEXTS) or media.endswith(("+xml", "+yaml")):
                    self.receive(arguments, code, status, "täxt".encode(), media, "täxt")
                else:
                    self.receive(arguments, code, status, b"\x00\xff", media, b"\x00\xff")

    @staticmethod
    def codes_of(status: str, documented: set[str]) -> list[int]:
        if status.isdecimal():
            return [int(status)]
        ranges = {f"{entry[0]}XX" for entry in documented if entry.upper().endswith("XX")}
        possible = (
            range(200, 600)
            if status == "default"
            else range(int(status[0]) * 100, int(status[0]) * 100 + 100)
        )
        free = [
            code
            for code in possible
            if str(code) not in documented
            and (status != "default" or f"{code // 100}XX" not in ranges)
        ]
        return [free[0], free[-1]]

    def receive(
        self, arguments: Json, code: int, status: str, raw: bytes, media: str | None, expected: Any
    ) -> None:
        kind = f"{media}; charset=utf-8" if media and not isinstance(expected, bytes) else media
        answer = httpx.Response(code, content=raw, headers={"content-type": kind} if kind else {})
        place = f"{self.key}, response {status}" + (f" ({media})" if media else "")
        try:
            response = self.send(copy.deepcopy(arguments) if not raw else arguments, answer=answer)
        except self.package.errors.DecodeError as error:
            self.package.losses.add(place, f"cannot be read: {error}")
            return
        parsed = response.parsed
        if response.status_code != code:
            self.package.losses.add(place, "another status is reported")
        if expected is None:
            if parsed is not None:
                self.package.losses.add(
                    place, f"is read as {type(parsed).__name__}, though it has no content"
                )
        elif isinstance(expected, tuple):
            schema, instance = expected
            self.package.same(place, parsed, schema, instance, "response")
        elif isinstance(expected, bytes):
            if not isinstance(parsed, self.package.types.File) or parsed.payload.read() != expected:
                self.package.losses.add(place, "is not read as a file")
        elif parsed != expected:
            self.package.losses.add(place, f"text is read as {type(parsed).__name__}")


def in_parts(value: Any) -> Iterator[bytes]:
    """What the parts of a multipart body hold that sends the fields of a model."""
    for field in attrs.fields(type(value)):
        found = getattr(value, field.name)
        for item in found if isinstance(found, list) else [found]:
            if hasattr(item, "payload"):
                item.payload.seek(0)
                yield item.payload.read()
            elif hasattr(item, "to_dict"):
                yield json.dumps(item.to_dict()).encode()
            elif field.init and type(item).__name__ != "Unset":
                yield text(item).encode()


def media_of(name: str) -> str:
    return name.partition(";")[0].strip().lower()


def plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def vars_of(model: Any) -> Json:
    """The fields of a model that the document does not name."""
    found: Json = model.additional_properties
    return found


def rewind(value: Any) -> None:
    if hasattr(value, "payload"):
        value.payload.seek(0)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            rewind(getattr(value, field.name))
    elif isinstance(value, list):
        for item in value:
            rewind(item)


def same_content(one: httpx.Request, other: httpx.Request) -> bool:
    def without_boundary(request: httpx.Request) -> bytes:
        _, _, boundary = request.headers.get("content-type", "").partition("boundary=")
        return request.content.replace(boundary.encode(), b"") if boundary else request.content

    return without_boundary(one) == without_boundary(other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("document", type=Path, help="the OpenAPI document, as JSON")
    parser.add_argument("names", type=Path, help="names of fields on the wire, by class, as JSON")
    parser.add_argument("folder", type=Path, help="the folder that holds the package")
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.folder))
    document = json.loads(arguments.document.read_text("utf-8"))
    names = json.loads(arguments.names.read_text("utf-8"))
    print(json.dumps(Package(document, names).check()))


if __name__ == "__main__":
    main()
