"""A response body that does not have the documented shape ends in a DecodeError that names the field.

Every generated model is read from a sample of the contract, less one required key or with one value
that the field cannot have. The text of the error never quotes a value.
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
from tests import answers

Json = dict[str, Any]
SCHEMAS: Json = answers.SPEC["components"]["schemas"]
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
    """Return a value that has every property of a schema."""
    schema = answers.resolved(schema)
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


def holders(schema: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Yield each object inside a schema that is read without alternatives, and its place."""
    schema = answers.resolved(schema)
    if schema.get("nullable") or any(key in schema for key in ("allOf", "oneOf", "anyOf")):
        return  # the generated code tries the next alternative, and leaves what none of them fits
    if schema.get("type") == "object":
        yield path, schema
        for name, inner in schema.get("properties", {}).items():
            yield from holders(inner, (*path, name))
    elif schema.get("type") == "array":
        yield from holders(schema["items"], (*path, 1))


def unfit(schema: Json) -> list[object]:
    """Return values that a field with this schema cannot have."""
    schema = answers.resolved(schema)
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


def read(model: Any, value: Any) -> DecodeError | None:
    try:
        model.from_dict(value)
    except DecodeError as error:
        return error
    return None


def test_every_model_is_read() -> None:
    seen: set[type] = set()

    def collect(value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                collect(item)
        elif attrs.has(type(value)):
            seen.add(type(value))
            for field in attrs.fields(type(value)):
                collect(getattr(value, field.name))

    for name, schema in SCHEMAS.items():
        if name in MODELS:
            collect(MODELS[name].from_dict(sample(schema)))
    assert seen == set(MODELS.values())


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name in MODELS])
def test_each_field(name: str) -> None:
    model = MODELS[name]
    good = sample(SCHEMAS[name])
    for path, schema in holders(SCHEMAS[name]):
        for field, inner in schema.get("properties", {}).items():
            place = ".".join(map(str, (*path, field)))
            if field in schema.get("required", ()):
                body = copy.deepcopy(good)
                del at(body, path)[field]
                error = read(model, body)
                assert error is not None, place
                assert str(error) == f"Cannot read {name}: {place} is missing"
                assert error.field == place
            for value in unfit(inner):
                body = copy.deepcopy(good)
                at(body, path)[field] = value
                error = read(model, body)
                assert error is not None, (place, value)
                assert (error.model, error.field) == (name, place), value
                assert SECRET not in str(error)
                assert SECRET not in repr(error)
                assert error.__suppress_context__


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("value", NOT_OBJECTS, ids=repr)
def test_a_body_that_is_no_object(name: str, value: object) -> None:
    error = read(MODELS[name], value)
    assert error is not None
    assert str(error) == f"Cannot read {name}: (body) is not a JSON object"
    assert error.field == "(body)"


def test_the_path_has_the_index_of_the_item() -> None:
    page = sample(SCHEMAS["PaginatedSubjectList"])
    page["results"][1] = {**page["results"][1], "creation_time": SECRET}
    error = read(models.PaginatedSubjectList, page)
    assert error is not None
    assert str(error) == "Cannot read PaginatedSubjectList: results.1.creation_time is invalid"


def test_error_is_a_value_error_that_pickles() -> None:
    error = DecodeError("Subject", "company.id", "is invalid")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is DecodeError
    assert issubclass(DecodeError, ValueError)
    assert (again.model, again.field, again.problem) == ("Subject", "company.id", "is invalid")
    assert str(again) == str(error) == "Cannot read Subject: company.id is invalid"


def respond(operation: str, status: int, body: bytes) -> Any:
    module, arguments = answers.call(operation)
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    client = AuthenticatedClient(
        base_url="https://saas.haut.ai",
        token="token",
        httpx_args={"transport": transport},
        raise_on_unexpected_status=True,
    )
    if "company_id" in answers.OPERATIONS[operation][1]:
        arguments["company_id"] = answers.SOMEBODY
    return module.sync_detailed(client=client, **arguments)


@pytest.mark.parametrize("operation", answers.ANSWERING)
@pytest.mark.parametrize("body", [b"null", b"1", b'"x"', b"true", b"[1]", b"", b"<html>"])
def test_a_response_of_another_kind(operation: str, body: bytes) -> None:
    code, _ = answers.success(operation)
    with pytest.raises(DecodeError) as caught:
        respond(operation, code, body)
    many = operation in ("list_datasets_short", "list_image_results", "list_aux_images")
    assert caught.value.field == ("0" if many and body == b"[1]" else "(body)")
    assert caught.value.__suppress_context__


def test_an_item_of_a_list_response() -> None:
    results = [*answers.good("list_image_results"), *answers.good("list_image_results")]
    del results[1]["is_ok"]
    with pytest.raises(DecodeError, match=r"^Cannot read list: 1\.is_ok is missing$"):
        respond("list_image_results", 200, json.dumps(results).encode())


def test_an_undocumented_status_is_not_a_decode_error() -> None:
    with pytest.raises(UnexpectedStatus):
        respond("list_image_results", 418, b"tea")
