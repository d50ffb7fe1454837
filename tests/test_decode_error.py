"""Tests that parsing an invalid response body raises a DecodeError that names the field.

Every generated model parses sample JSON with one required key removed or one value invalid. The error
message never contains a value of the response.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from inspect import isclass
from typing import Any

import attrs
import httpx
import pytest

from haut_api import models
from haut_api.client import AuthenticatedClient
from haut_api.errors import DecodeError, UnexpectedStatus
from tests.support import operation_examples

Json = dict[str, Any]
SCHEMAS: Json = operation_examples.SPEC["components"]["schemas"]
MODELS = {
    name: model
    for name, model in vars(models).items()
    if isclass(model) and hasattr(model, "from_dict")
}
SECRET = "Jane Doe 1990"
NOT_OBJECTS: list[object] = [None, 1, SECRET, True, [], [1], [["name", SECRET]]]
TEXTS = {
    "uuid": "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2",
    "date-time": "2025-02-27 03:40:28",
    "date": "1990-02-27",
}
VALUES: dict[str, object] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True}


def sample(schema: Json) -> Any:
    """Return a sample value that contains every property of a schema."""
    schema = operation_examples.resolve(schema)
    for keyword in ("allOf", "oneOf", "anyOf"):
        if keyword in schema:
            return sample(schema[keyword][0])
    match schema.get("type"):
        case "object":
            named = schema.get("properties", {})
            return {name: sample(inner) for name, inner in named.items()}
        case "array":
            return [sample(schema["items"]), sample(schema["items"])]
        case "string":
            return TEXTS.get(schema.get("format", ""), "text")
        case kind:
            return VALUES.get(kind or "", {})


Path = tuple[str | int, ...]


def objects(schema: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Yield the path and schema of each object within a schema, except inside unions."""
    schema = operation_examples.resolve(schema)
    if schema.get("nullable") or any(key in schema for key in ("allOf", "oneOf", "anyOf")):
        return  # for a value that matches no union option, the generated code returns the raw value
    if schema.get("type") == "object":
        yield path, schema
        for name, inner in schema.get("properties", {}).items():
            yield from objects(inner, (*path, name))
    elif schema.get("type") == "array":
        yield from objects(schema["items"], (*path, 1))


def invalid_values(schema: Json) -> list[object]:
    """Return values that the model must reject for a field with this schema."""
    schema = operation_examples.resolve(schema)
    if schema.get("nullable") or any(key in schema for key in ("allOf", "oneOf", "anyOf")):
        return []
    match schema.get("type"):
        case "object":
            return NOT_OBJECTS
        case "array":
            return [None, 1, SECRET, {SECRET: 1}]
        case "string" if schema.get("format") in TEXTS:
            return [None, 1, SECRET, [], {SECRET: 1}]
    return []


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def decode_error(model: Any, value: Any) -> DecodeError | None:
    try:
        model.from_dict(value)
    except DecodeError as error:
        return error
    return None


def test_samples_use_every_model() -> None:
    used: set[type] = set()

    def collect(value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                collect(item)
        elif attrs.has(type(value)):
            used.add(type(value))
            for field in attrs.fields(type(value)):
                collect(getattr(value, field.name))

    for name, schema in SCHEMAS.items():
        if name in MODELS:
            collect(MODELS[name].from_dict(sample(schema)))
    assert used == set(MODELS.values())


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name in MODELS])
def test_error_names_a_missing_or_invalid_field(name: str) -> None:
    model = MODELS[name]
    valid = sample(SCHEMAS[name])
    for path, schema in objects(SCHEMAS[name]):
        for field, inner in schema.get("properties", {}).items():
            place = ".".join(map(str, (*path, field)))
            if field in schema.get("required", ()):
                body = copy.deepcopy(valid)
                del at(body, path)[field]
                error = decode_error(model, body)
                assert error is not None, place
                assert str(error) == f"Cannot read {name}: {place} is missing"
                assert error.field == place
            for value in invalid_values(inner):
                body = copy.deepcopy(valid)
                at(body, path)[field] = value
                error = decode_error(model, body)
                assert error is not None, (place, value)
                assert (error.model, error.field) == (name, place), value
                assert SECRET not in str(error)
                assert SECRET not in repr(error)
                assert error.__suppress_context__


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("value", NOT_OBJECTS, ids=repr)
def test_body_must_be_an_object(name: str, value: object) -> None:
    error = decode_error(MODELS[name], value)
    assert error is not None
    assert str(error) == f"Cannot read {name}: (body) is not a JSON object"
    assert error.field == "(body)"


def test_field_path_contains_list_indexes() -> None:
    page = sample(SCHEMAS["PaginatedSubjectList"])
    page["results"][1] = {**page["results"][1], "creation_time": SECRET}
    error = decode_error(models.PaginatedSubjectList, page)
    assert error is not None
    assert str(error) == "Cannot read PaginatedSubjectList: results.1.creation_time is invalid"


def test_decode_error_is_a_value_error_and_can_be_pickled() -> None:
    error = DecodeError("Subject", "company.id", "is invalid")
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is DecodeError
    assert issubclass(DecodeError, ValueError)
    assert (copied.model, copied.field, copied.problem) == ("Subject", "company.id", "is invalid")
    assert str(copied) == str(error) == "Cannot read Subject: company.id is invalid"


def call_with_response(operation: str, status: int, body: bytes) -> Any:
    """Call an operation with a transport that always returns the given response."""
    module, arguments = operation_examples.example_call(operation)
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    client = AuthenticatedClient(
        base_url="https://saas.haut.ai",
        token="token",
        httpx_args={"transport": transport},
        raise_on_unexpected_status=True,
    )
    if "company_id" in operation_examples.OPERATIONS[operation][1]:
        arguments["company_id"] = operation_examples.EXAMPLE_ID
    return module.sync_detailed(client=client, **arguments)


@pytest.mark.parametrize("operation", operation_examples.JSON_OPERATIONS)
@pytest.mark.parametrize("body", [b"null", b"1", b'"x"', b"true", b"[1]", b"", b"<html>"])
def test_unexpected_body_raises_decode_error(operation: str, body: bytes) -> None:
    code, _ = operation_examples.success_response(operation)
    with pytest.raises(DecodeError) as caught:
        call_with_response(operation, code, body)
    is_list = isinstance(operation_examples.example_response(operation), list)
    is_list &= operation not in operation_examples.OTHER_SHAPES
    assert caught.value.field == ("0" if is_list and body == b"[1]" else "(body)")
    assert caught.value.__suppress_context__


def test_error_names_the_item_of_a_list_response() -> None:
    results = [
        *operation_examples.example_response("list_image_results"),
        *operation_examples.example_response("list_image_results"),
    ]
    del results[1]["is_ok"]
    with pytest.raises(DecodeError, match=r"^Cannot read list: 1\.is_ok is missing$"):
        call_with_response("list_image_results", 200, json.dumps(results).encode())


def test_undocumented_status_raises_unexpected_status() -> None:
    with pytest.raises(UnexpectedStatus):
        call_with_response("list_image_results", 418, b"tea")
