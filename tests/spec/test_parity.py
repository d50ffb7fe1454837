"""The generated client implements the specification exactly: nothing is missing, added or renamed.

For every operation, the tests compare its module, arguments, types, requests and responses with the
specification. For every schema, they parse and serialize random instances. Expected values are computed
from the specification; only the function that converts names to Python names is shared with the
generator.
"""

from __future__ import annotations

import asyncio
import datetime
import inspect
import json
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from operator import or_
from pathlib import Path
from types import ModuleType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote
from uuid import UUID

import attrs
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_python_client.strings import ClassName, PythonIdentifier

import haut_api
from haut_api import models
from haut_api.client import AuthenticatedClient, Client
from haut_api.types import UNSET, Response, Unset, format_datetime
from scripts.generate import OVERLAY, load_contract
from scripts.spec.document import Json, Operation, operations, pointer, resolve, to_openapi_31, walk

DOCUMENT = to_openapi_31(load_contract(OVERLAY))
OPERATIONS = list(operations(DOCUMENT))
SCHEMAS: Json = {
    name: schema
    for name, schema in DOCUMENT["components"]["schemas"].items()
    if schema.get("type") == "object"
}
FORMATS: dict[str, Any] = {
    "uuid": UUID,
    "date": datetime.date,
    "date-time": datetime.datetime,
}
TYPES: dict[str, Any] = {
    "integer": int,
    "number": float,
    "boolean": bool,
    "null": type(None),
}
INSTANCES = settings(max_examples=10, deadline=None)

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda found: found.id)


# --- the specification as Python names and types


def python_name(name: str) -> str:
    return PythonIdentifier(name, "field_")


def module(operation: Operation) -> ModuleType:
    tag = PythonIdentifier(operation.definition["tags"][0], "tag")
    return import_module(f"haut_api.api.{tag}.{python_name(operation.id)}")


def annotation(schema: Json, name: str) -> Any:
    """Return the Python type for a schema; `name` is the class name used if it is an inline object."""
    if "$ref" in schema:
        name = pointer(schema["$ref"])[-1]
        schema = resolve(DOCUMENT, schema)
    if "oneOf" in schema:
        return Union[tuple(annotation(option, name) for option in schema["oneOf"])]  # noqa: UP007
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    members = [single_type(kind, schema, name) for kind in kinds]
    return Union[tuple(members)] if members else Any  # noqa: UP007  (built at run time)


def single_type(kind: str, schema: Json, name: str) -> Any:
    if "enum" in schema and kind != "null":
        return getattr(models, ClassName(name, "field_"))
    match kind:
        case "object":
            return getattr(models, ClassName(name, "field_"))
        case "array":
            return list[annotation(schema["items"], f"{name}_item")]  # type: ignore[misc]  # built at run time
        case "string":
            return FORMATS.get(schema.get("format", ""), str)
        case _:
            return TYPES[kind]


def parameters(operation: Operation) -> list[Json]:
    return [resolve(DOCUMENT, parameter) for parameter in operation.definition["parameters"]]


def body(operation: Operation) -> tuple[Json, bool] | None:
    """Return the request body's schema and `required` flag, or None if the operation has no body."""
    if "requestBody" not in operation.definition:
        return None
    found = resolve(DOCUMENT, operation.definition["requestBody"])
    return found["content"]["application/json"]["schema"], found.get("required", False)


def responses(operation: Operation) -> dict[int, Json | None]:
    """Return the response schema for each documented status, or None if there is no content."""
    found = {}
    for status, reference in operation.definition["responses"].items():
        content = resolve(DOCUMENT, reference).get("content")
        found[int(status)] = content["application/json"]["schema"] if content else None
    return found


def requires_token(operation: Operation) -> bool:
    return bool(operation.definition["security"])


def expected_arguments(operation: Operation) -> dict[str, Any]:
    clients = AuthenticatedClient if requires_token(operation) else AuthenticatedClient | Client
    expected: dict[str, Any] = {"client": clients}
    for parameter in parameters(operation):
        kind = annotation(parameter["schema"], f"{operation.id}_{parameter['name']}")
        name = python_name(parameter["name"])
        expected[name] = kind if parameter.get("required") else kind | Unset
    if (found := body(operation)) is not None:
        schema, required = found
        kind = annotation(schema, f"{operation.id}_body")
        expected["body"] = kind if required else kind | Unset
    return expected


# --- names and types


def test_every_operation_has_a_module_and_every_module_an_operation() -> None:
    modules = {
        f"haut_api.api.{path.parent.name}.{path.stem}"
        for path in Path(haut_api.__path__[0]).glob("api/*/*.py")
        if path.stem != "__init__"
    }
    assert modules == {module(operation).__name__ for operation in OPERATIONS}


@each_operation
def test_argument_and_return_types_match_the_specification(operation: Operation) -> None:
    found = module(operation)
    kinds = [
        Any if schema is None else annotation(schema, f"{operation.id}_response_{status}")
        for status, schema in responses(operation).items()
    ]
    result: Any = Union[tuple(dict.fromkeys(kinds))]  # noqa: UP007  (built at run time)
    results = {
        "sync_detailed": Response[result],
        "asyncio_detailed": Response[result],
        "sync": result | None,
        "asyncio": result | None,
    }
    for name, returned in results.items():
        hints = get_type_hints(getattr(found, name))
        assert hints.pop("return") == returned, name
        assert hints == expected_arguments(operation), name
        signature = inspect.signature(getattr(found, name)).parameters
        optional = {argument for argument, spec in signature.items() if spec.default is UNSET}
        assert optional == {argument for argument, hint in hints.items() if accepts_unset(hint)}


def accepts_unset(hint: Any) -> bool:
    return Unset in getattr(hint, "__args__", ())


@pytest.mark.parametrize("name", SCHEMAS)
def test_fields_and_their_types_match_the_specification(name: str) -> None:
    schema = SCHEMAS[name]
    model: Any = getattr(models, ClassName(name, "field_"))
    required = schema.get("required", [])
    expected: dict[str, Any] = {}
    for field, definition in schema.get("properties", {}).items():
        kind = annotation(definition, f"{name}_{definition.get('title', field)}")
        expected[python_name(field)] = kind if field in required else kind | Unset
    hints = get_type_hints(model, localns=vars(models))
    fields = {field.name: field for field in attrs.fields(model)}
    assert fields.keys() == expected.keys() | {"additional_properties"}
    assert {field: hints[field] for field in expected} == expected
    assert {field for field in expected if fields[field].default is UNSET} == {
        field for field in expected if accepts_unset(hints[field])
    }


# --- instances


NAMES = st.text(min_size=1, max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
# Use date-times as the client formats them, because the parsed and serialized text must be equal.
TEXTS: dict[str, st.SearchStrategy[str]] = {
    "uuid": st.uuids().map(str),
    "date": st.dates().map(str),
    "date-time": st.datetimes(timezones=st.just(datetime.UTC)).map(format_datetime),
    "uri": st.from_regex(r"\Ahttps://[a-z]{1,9}\.example/[a-z]{0,9}\Z"),
}


def instances(schema: Json) -> st.SearchStrategy[Any]:
    """Return a Hypothesis strategy for the values that a schema allows, including undeclared keys."""
    schema = resolve(DOCUMENT, schema)
    if "oneOf" in schema:
        return st.one_of([instances(option) for option in schema["oneOf"]])
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    members = [values(kind, schema) for kind in kinds]
    return st.one_of(members) if members else JSON


def values(kind: str, schema: Json) -> st.SearchStrategy[Any]:
    if "enum" in schema and kind != "null":
        return st.sampled_from([value for value in schema["enum"] if value is not None])
    least, most = schema.get("minimum"), schema.get("maximum")
    match kind:
        case "object":
            properties = schema.get("properties", {})
            fields = {name: instances(definition) for name, definition in properties.items()}
            required = {name: fields[name] for name in schema.get("required", [])}
            optional = {name: field for name, field in fields.items() if name not in required}
            others = schema.get("additionalProperties", {})
            other = JSON if others is True else instances(others)
            undeclared = NAMES.filter(lambda name: name not in properties)
            declared = st.fixed_dictionaries(required, optional=optional)
            return st.builds(or_, declared, st.dictionaries(undeclared, other, max_size=2))
        case "array":
            return st.lists(
                instances(schema["items"]),
                min_size=schema.get("minItems", 0),
                max_size=min(schema.get("maxItems", 3), schema.get("minItems", 0) + 3),
            )
        case "string":
            if "pattern" in schema:
                return st.from_regex(schema["pattern"])
            shortest = schema.get("minLength", 0)
            longest = min(schema.get("maxLength", shortest + 20), shortest + 20)
            plain = st.text(min_size=shortest, max_size=longest)
            return TEXTS.get(schema.get("format", ""), plain)
        case "number":
            integers = st.integers(least, most)
            return integers | st.floats(least, most, allow_nan=False, allow_infinity=False)
        case "integer":
            return st.integers(least, most)
        case _:
            return {"boolean": st.booleans(), "null": st.none()}[kind]


def test_strategies_support_every_keyword_of_the_specification() -> None:
    """The strategy `instances` ignores unknown keywords, so the specification must not use any."""
    known = {"$ref", "oneOf", "type", "properties", "required", "additionalProperties", "items"}
    known |= {"minLength", "maxLength", "pattern", "minItems", "maxItems", "minimum", "maximum"}
    known |= {"format", "enum", "default", "deprecated", "readOnly", "writeOnly"}
    for location, schema in schemas():
        used = {key for key in schema if not key.startswith("x-")} - {"title", "description"}
        assert used <= known, location


def schemas() -> Iterator[tuple[str, Json]]:
    """Yield every schema of the document with its location."""
    for location, node in walk(DOCUMENT):
        steps = pointer(location)
        named = steps[-2:-1] in (["properties"], ["schemas"], ["oneOf"])
        if named or steps[-1:] in (["schema"], ["items"], ["additionalProperties"]):
            yield location, node


def text(value: Any) -> str:
    """Convert a value to JSON text. In Python, 1, 1.0 and True are equal, but their JSON differs."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMAS)
def test_instances_are_unchanged_by_parsing_and_serializing(name: str) -> None:
    model: Any = getattr(models, ClassName(name, "field_"))

    @INSTANCES
    @given(instance=instances(SCHEMAS[name]))
    def is_unchanged(instance: Json) -> None:
        parsed = model.from_dict(instance)
        assert text(parsed.to_dict()) == text(instance)
        assert model.from_dict(parsed.to_dict()) == parsed

    is_unchanged()


# --- requests and responses


def client(operation: Operation, handler: Any) -> AuthenticatedClient | Client:
    base_url, options = "https://service.example", {"transport": httpx.MockTransport(handler)}
    if requires_token(operation):
        return AuthenticatedClient(base_url=base_url, token="a-token", httpx_args=options)
    return Client(base_url=base_url, httpx_args=options)


def call(operation: Operation, mode: str, handler: Any, arguments: Json) -> Response[Any]:
    functions: Any = module(operation)
    if mode == "sync":
        sync_client = client(operation, handler)
        response: Response[Any] = functions.sync_detailed(client=sync_client, **arguments)
        return response

    async def run() -> Response[Any]:
        async with client(operation, handler) as async_client:
            response: Response[Any] = await functions.asyncio_detailed(
                client=async_client, **arguments
            )
            return response

    return asyncio.run(run())


def as_argument(kind: Any, value: Any) -> Any:
    """Convert a JSON value to an argument of the given Python type."""
    if isinstance(value, list):
        return [as_argument(kind.__args__[0], item) for item in value]
    return (
        kind(value)
        if kind is UUID or (isinstance(kind, type) and issubclass(kind, Enum))
        else value
    )


def as_sent(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@st.composite
def requests(draw: st.DrawFn, operation: Operation) -> tuple[Json, str, list[tuple[str, str]], Any]:
    """Draw arguments for an operation, and compute the expected path, query and body of its request."""
    arguments: Json = {}
    path, query, sent = operation.path, [], None
    for parameter in parameters(operation):
        required = parameter.get("required", False)
        if not required and not draw(st.booleans()):
            continue
        schema = parameter["schema"]
        value = draw(instances(schema))
        kind = annotation(schema, f"{operation.id}_{parameter['name']}")
        arguments[python_name(parameter["name"])] = as_argument(kind, value)
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(as_sent(value), safe=""))
        else:
            assert parameter["in"] == "query"
            assert parameter.get("style", "form") == "form"
            assert parameter.get("explode", True), "lists are sent by repeating the key"
            values = value if isinstance(value, list) else [value]
            query += [(parameter["name"], as_sent(item)) for item in values]
    if (found := body(operation)) is not None:
        schema, required = found
        if required or draw(st.booleans()):
            sent = draw(instances(schema))
            arguments["body"] = annotation(schema, "").from_dict(sent)
    return arguments, path, query, sent


STANDARD_HEADERS = {
    "host",
    "accept",
    "accept-encoding",
    "connection",
    "user-agent",
    "content-length",
}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@each_operation
def test_requests_match_the_specification(operation: Operation, mode: str) -> None:
    @INSTANCES
    @given(drawn=requests(operation))
    def matches(drawn: tuple[Json, str, list[tuple[str, str]], Any]) -> None:
        arguments, path, query, sent = drawn
        received: list[httpx.Request] = []

        def handler(request: httpx.Request) -> httpx.Response:
            received.append(request)
            return httpx.Response(418)  # no operation in the contract documents status 418

        call(operation, mode, handler, arguments)
        [request] = received
        assert request.method == operation.method.upper()
        assert request.url.raw_path.decode().partition("?")[0] == path
        assert sorted(request.url.params.multi_items()) == sorted(query)
        if sent is None:
            assert request.content == b""
        else:
            assert text(json.loads(request.content)) == text(sent)
        headers = {"authorization"} if requires_token(operation) else set()
        if body(operation) is not None:
            # Without a body, the generated code still sends a Content-Type header.
            assert request.headers["content-type"] == "application/json"
            headers.add("content-type")
        assert request.headers.keys() - STANDARD_HEADERS == headers
        if requires_token(operation):
            assert request.headers["authorization"] == "Bearer a-token"

    matches()


def has_type(kind: Any, value: Any) -> bool:
    """Return whether a value, including all items of a list, is of the given type."""
    if get_origin(kind) is Union:
        return any(has_type(option, value) for option in get_args(kind))
    if get_origin(kind) is list:
        [item] = get_args(kind)
        return type(value) is list and all(has_type(item, found) for found in value)
    return type(value) is kind


def serialized(parsed: Any) -> Any:
    return [item.to_dict() for item in parsed] if isinstance(parsed, list) else parsed.to_dict()


@pytest.mark.slow
@each_operation
def test_responses_are_parsed_completely(operation: Operation) -> None:
    # Test every documented status and every `oneOf` option of its schema, not a random choice of them.
    for status, schema in responses(operation).items():
        kind = None if schema is None else annotation(schema, "")
        resolved = resolve(DOCUMENT, schema or {})
        for option in resolved.get("oneOf", [schema]):
            contents = st.none() if option is None else instances(option)
            check_response(operation, status, kind, contents)


def check_response(
    operation: Operation, status: int, kind: Any, contents: st.SearchStrategy[Any]
) -> None:
    @settings(INSTANCES, max_examples=4)
    @given(drawn=requests(operation), content=contents)
    def is_parsed(drawn: tuple[Json, Any, Any, Any], content: Any) -> None:
        arguments, *_ = drawn

        def handler(_: httpx.Request) -> httpx.Response:
            return (
                httpx.Response(status) if content is None else httpx.Response(status, json=content)
            )

        response = call(operation, "sync", handler, arguments)
        assert response.status_code == status
        parsed: Any = response.parsed
        if kind is None:
            assert parsed is None
        else:
            assert has_type(kind, parsed)
            assert text(serialized(parsed)) == text(content)

    is_parsed()
