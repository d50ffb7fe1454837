"""The generated client is the specification: nothing of it missing, nothing added, nothing renamed.

For every operation: its module, arguments and types; what a request full of values puts on the wire;
what comes back of an answer full of fields. For every schema: random instances of it
survive reading and writing. What is expected is computed from
the generator's input, of names and types only the generator's own rules for writing them in Python.
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
from scripts.generate import OVERLAY, overlaid
from scripts.spec.document import Json, Operation, modern, operations, pointer, resolve, walk

DOCUMENT = modern(overlaid(OVERLAY))
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


# --- the specification, in Python's words


def python(name: str) -> str:
    return PythonIdentifier(name, "field_")


def module(operation: Operation) -> ModuleType:
    tag = PythonIdentifier(operation.definition["tags"][0], "tag")
    return import_module(f"haut_api.api.{tag}.{python(operation.id)}")


def annotation(schema: Json, name: str) -> Any:
    """The type of a schema's values; `name` is what an object without a name of its own is called."""
    if "$ref" in schema:
        name = pointer(schema["$ref"])[-1]
        schema = resolve(DOCUMENT, schema)
    if "oneOf" in schema:
        return Union[tuple(annotation(option, name) for option in schema["oneOf"])]  # noqa: UP007
    kinds = schema.get("type", [])
    members = [one(kind, schema, name) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return Union[tuple(members)] if members else Any  # noqa: UP007  (made at run time)


def one(kind: str, schema: Json, name: str) -> Any:
    if "enum" in schema and kind != "null":
        return getattr(models, ClassName(name, "field_"))
    match kind:
        case "object":
            return getattr(models, ClassName(name, "field_"))
        case "array":
            return list[annotation(schema["items"], f"{name}_item")]  # type: ignore[misc]  # made at run time
        case "string":
            return FORMATS.get(schema.get("format", ""), str)
        case _:
            return TYPES[kind]


def parameters(operation: Operation) -> list[Json]:
    return [resolve(DOCUMENT, parameter) for parameter in operation.definition["parameters"]]


def body(operation: Operation) -> tuple[Json, bool] | None:
    """The schema of the request body, and whether there must be one."""
    if "requestBody" not in operation.definition:
        return None
    found = resolve(DOCUMENT, operation.definition["requestBody"])
    return found["content"]["application/json"]["schema"], found.get("required", False)


def answers(operation: Operation) -> dict[int, Json | None]:
    """The schema of the answer with each status; none where there is nothing in it."""
    found = {}
    for status, reference in operation.definition["responses"].items():
        content = resolve(DOCUMENT, reference).get("content")
        found[int(status)] = content["application/json"]["schema"] if content else None
    return found


def wants_token(operation: Operation) -> bool:
    return bool(operation.definition["security"])


def expected_arguments(operation: Operation) -> dict[str, Any]:
    callers = AuthenticatedClient if wants_token(operation) else AuthenticatedClient | Client
    expected: dict[str, Any] = {"client": callers}
    for parameter in parameters(operation):
        kind = annotation(parameter["schema"], f"{operation.id}_{parameter['name']}")
        expected[python(parameter["name"])] = kind if parameter.get("required") else kind | Unset
    if (found := body(operation)) is not None:
        schema, required = found
        kind = annotation(schema, f"{operation.id}_body")
        expected["body"] = kind if required else kind | Unset
    return expected


# --- names and types


def test_there_is_a_module_for_every_operation_and_no_other() -> None:
    written = {
        f"haut_api.api.{path.parent.name}.{path.stem}"
        for path in Path(haut_api.__path__[0]).glob("api/*/*.py")
        if path.stem != "__init__"
    }
    assert written == {module(operation).__name__ for operation in OPERATIONS}


@each_operation
def test_arguments_and_results(operation: Operation) -> None:
    found = module(operation)
    kinds = [
        Any if schema is None else annotation(schema, f"{operation.id}_response_{status}")
        for status, schema in answers(operation).items()
    ]
    result: Any = Union[tuple(dict.fromkeys(kinds))]  # noqa: UP007  (made at run time)
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
        assert optional == {argument for argument, hint in hints.items() if _may_be_left_out(hint)}


def _may_be_left_out(hint: Any) -> bool:
    return Unset in getattr(hint, "__args__", ())


@pytest.mark.parametrize("name", SCHEMAS)
def test_fields(name: str) -> None:
    schema = SCHEMAS[name]
    model: Any = getattr(models, ClassName(name, "field_"))
    required = schema.get("required", [])
    expected: dict[str, Any] = {}
    for field, definition in schema.get("properties", {}).items():
        kind = annotation(definition, f"{name}_{definition.get('title', field)}")
        expected[python(field)] = kind if field in required else kind | Unset
    hints = get_type_hints(model, localns=vars(models))
    fields = {field.name: field for field in attrs.fields(model)}
    assert fields.keys() == expected.keys() | {"additional_properties"}
    assert {field: hints[field] for field in expected} == expected
    assert {field for field in expected if fields[field].default is UNSET} == {
        field for field in expected if _may_be_left_out(hints[field])
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
# Times as Python writes them, since what comes in another form goes out in this one.
TEXTS: dict[str, st.SearchStrategy[str]] = {
    "uuid": st.uuids().map(str),
    "date": st.dates().map(str),
    "date-time": st.datetimes(timezones=st.just(datetime.UTC)).map(format_datetime),
    "uri": st.from_regex(r"\Ahttps://[a-z]{1,9}\.example/[a-z]{0,9}\Z"),
}


def instances(schema: Json) -> st.SearchStrategy[Any]:
    """Everything that a schema allows, keys that it does not name among it."""
    schema = resolve(DOCUMENT, schema)
    if "oneOf" in schema:
        return st.one_of([instances(option) for option in schema["oneOf"]])
    kinds = schema.get("type", [])
    members = [values(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return st.one_of(members) if members else JSON


def values(kind: str, schema: Json) -> st.SearchStrategy[Any]:
    if "enum" in schema and kind != "null":
        return st.sampled_from([value for value in schema["enum"] if value is not None])
    least, most = schema.get("minimum"), schema.get("maximum")
    match kind:
        case "object":
            named = schema.get("properties", {})
            fields = {name: instances(definition) for name, definition in named.items()}
            required = {name: fields[name] for name in schema.get("required", [])}
            optional = {name: field for name, field in fields.items() if name not in required}
            others = schema.get("additionalProperties", {})
            other = JSON if others is True else instances(others)
            more = st.dictionaries(NAMES.filter(lambda name: name not in named), other, max_size=2)
            known = st.fixed_dictionaries(required, optional=optional)
            return st.builds(or_, known, more)
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
            whole = st.integers(least, most)
            return whole | st.floats(least, most, allow_nan=False, allow_infinity=False)
        case "integer":
            return st.integers(least, most)
        case _:
            return {"boolean": st.booleans(), "null": st.none()}[kind]


def test_strategies_know_every_keyword_of_the_specification() -> None:
    """A keyword that `instances` does not know would be drawn wrong without a word."""
    known = {"$ref", "oneOf", "type", "properties", "required", "additionalProperties", "items"}
    known |= {"minLength", "maxLength", "pattern", "minItems", "maxItems", "minimum", "maximum"}
    known |= {"format", "enum", "default", "deprecated", "readOnly", "writeOnly"}
    for place, schema in schemas():
        used = {key for key in schema if not key.startswith("x-")} - {"title", "description"}
        assert used <= known, place


def schemas() -> Iterator[tuple[str, Json]]:
    """Every schema of the document with its place."""
    for place, node in walk(DOCUMENT):
        steps = pointer(place)
        named = steps[-2:-1] in (["properties"], ["schemas"], ["oneOf"])
        if named or steps[-1:] in (["schema"], ["items"], ["additionalProperties"]):
            yield place, node


def text(value: Any) -> str:
    """A value as JSON, in which 1, 1.0 and true are three things."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMAS)
def test_instances_survive_both_ways(name: str) -> None:
    model: Any = getattr(models, ClassName(name, "field_"))

    @INSTANCES
    @given(instance=instances(SCHEMAS[name]))
    def survives(instance: Json) -> None:
        read = model.from_dict(instance)
        assert text(read.to_dict()) == text(instance)
        assert model.from_dict(read.to_dict()) == read

    survives()


# --- the wire


def client(operation: Operation, handler: Any) -> AuthenticatedClient | Client:
    base_url, served = "https://service.example", {"transport": httpx.MockTransport(handler)}
    if wants_token(operation):
        return AuthenticatedClient(base_url=base_url, token="a-token", httpx_args=served)
    return Client(base_url=base_url, httpx_args=served)


def call(operation: Operation, face: str, handler: Any, arguments: Json) -> Response[Any]:
    functions: Any = module(operation)
    if face == "sync":
        caller = client(operation, handler)
        response: Response[Any] = functions.sync_detailed(client=caller, **arguments)
        return response

    async def run() -> Response[Any]:
        async with client(operation, handler) as connected:
            answered: Response[Any] = await functions.asyncio_detailed(
                client=connected, **arguments
            )
            return answered

    return asyncio.run(run())


def as_argument(kind: Any, value: Any) -> Any:
    """A value as it is given to a function whose argument has this type."""
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
    """Arguments of an operation, and the path, the query and the body that they must become."""
    arguments: Json = {}
    path, query, sent = operation.path, [], None
    for parameter in parameters(operation):
        required = parameter.get("required", False)
        if not required and not draw(st.booleans()):
            continue
        schema = parameter["schema"]
        value = draw(instances(schema))
        kind = annotation(schema, f"{operation.id}_{parameter['name']}")
        arguments[python(parameter["name"])] = as_argument(kind, value)
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


OF_EVERY_REQUEST = {
    "host",
    "accept",
    "accept-encoding",
    "connection",
    "user-agent",
    "content-length",
}


@pytest.mark.slow
@pytest.mark.parametrize("face", ["sync", "asyncio"])
@each_operation
def test_a_request_is_what_the_specification_says(operation: Operation, face: str) -> None:
    @INSTANCES
    @given(request=requests(operation))
    def is_sent(request: tuple[Json, str, list[tuple[str, str]], Any]) -> None:
        arguments, path, query, sent = request
        seen: list[httpx.Request] = []

        def handler(arrived: httpx.Request) -> httpx.Response:
            seen.append(arrived)
            return httpx.Response(418)  # no operation has it

        call(operation, face, handler, arguments)
        [arrived] = seen
        assert arrived.method == operation.method.upper()
        assert arrived.url.raw_path.decode().partition("?")[0] == path
        assert sorted(arrived.url.params.multi_items()) == sorted(query)
        if sent is None:
            assert arrived.content == b""
        else:
            assert text(json.loads(arrived.content)) == text(sent)
        headers = {"authorization"} if wants_token(operation) else set()
        if body(operation) is not None:
            # The generator names the type of a body that is left out too.
            assert arrived.headers["content-type"] == "application/json"
            headers.add("content-type")
        assert arrived.headers.keys() - OF_EVERY_REQUEST == headers
        if wants_token(operation):
            assert arrived.headers["authorization"] == "Bearer a-token"

    is_sent()


def is_one(kind: Any, value: Any) -> bool:
    """Whether a value is of a type, and none of a list's items of another."""
    if get_origin(kind) is Union:
        return any(is_one(option, value) for option in get_args(kind))
    if get_origin(kind) is list:
        [item] = get_args(kind)
        return type(value) is list and all(is_one(item, found) for found in value)
    return type(value) is kind


def as_content(parsed: Any) -> Any:
    return [item.to_dict() for item in parsed] if isinstance(parsed, list) else parsed.to_dict()


@pytest.mark.slow
@each_operation
def test_an_answer_comes_back_complete(operation: Operation) -> None:
    # Each status and each option of its schema for itself, or chance leaves one out.
    for status, schema in answers(operation).items():
        kind = None if schema is None else annotation(schema, "")
        resolved = resolve(DOCUMENT, schema or {})
        for option in resolved.get("oneOf", [schema]):
            contents = st.none() if option is None else instances(option)
            comes_back(operation, status, kind, contents)


def comes_back(
    operation: Operation, status: int, kind: Any, contents: st.SearchStrategy[Any]
) -> None:
    @settings(INSTANCES, max_examples=4)
    @given(request=requests(operation), content=contents)
    def is_read(request: tuple[Json, Any, Any, Any], content: Any) -> None:
        arguments, *_ = request

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
            assert is_one(kind, parsed)
            assert text(as_content(parsed)) == text(content)

    is_read()
