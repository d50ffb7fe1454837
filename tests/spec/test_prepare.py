"""Tests that `prepare` rejects an unsupported OpenAPI construct and reports its name and location."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from scripts.spec.document import Json, SpecError, to_openapi_31
from scripts.spec.prepare import prepare

DOCUMENT: Json = yaml.safe_load("""
openapi: 3.0.3
info: {title: Unsupported constructs, version: "1"}
servers: [{url: https://service.example}]
paths:
  /p/{a}/:
    get:
      tags: [Subjects]
      operationId: get_p
      parameters: [{name: a, in: path, required: true, schema: {type: string}}]
      responses: {"204": {description: ok}}
components:
  securitySchemes:
    cookie: {type: apiKey, in: cookie, name: session}
    digest: {type: http, scheme: digest}
    bearer: {type: http, scheme: bearer}
""")
OBJECT = {"type": "object", "properties": {"x": {"type": "string"}}}


def parameter(location: str, **more: Any) -> dict[str, Any]:
    added = {"name": "b", "in": location, "schema": {"type": "string"}, **more}
    return {"parameters": [DOCUMENT["paths"]["/p/{a}/"]["get"]["parameters"][0], added]}


def path_parameter(**more: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "a", "in": "path", "required": True, **more}]}


UNSUPPORTED: dict[str, tuple[dict[str, Any], str]] = {
    "style of a path parameter": (
        path_parameter(style="matrix", schema={"type": "string"}),
        "GET /p/{a}/, parameter a (path): the style matrix is not supported",
    ),
    "array in a path": (
        path_parameter(schema={"type": "array", "items": {"type": "string"}}),
        "parameter a (path): an array in the path is not supported",
    ),
    "style of a query parameter": (
        parameter("query", style="odd"),
        "parameter b (query): the style odd",
    ),
    "object in a cookie": (parameter("cookie", schema=OBJECT), "parameter b (cookie): an object"),
    "objects in a query": (
        parameter("query", schema={"type": "array", "items": OBJECT}),
        "parameter b (query): an object inside an array or object",
    ),
    "schema without values": (
        parameter("query", schema=False),
        "parameter b (query): the schema allows no value",
    ),
    "null instead of a schema": (
        parameter("query", schema=None),
        "parameter b (query): the schema is null",
    ),
    "location": (parameter("formData"), "GET /p/{a}/: a parameter in formData is not supported"),
    "API key in a cookie": (
        {"security": [{"cookie": []}]},
        "GET /p/{a}/: the client cannot satisfy",
    ),
    "digest authentication": ({"security": [{"digest": []}]}, "digest (http digest)"),
    "two schemes at once": (
        {"security": [{"bearer": [], "cookie": []}]},
        "bearer (http bearer), cookie (apiKey)",
    ),
    "undefined scheme": ({"security": [{"other": []}]}, "the security scheme other is not defined"),
    "other server": (
        {"servers": [{"url": "https://other.example"}]},
        "is served by https://other.example",
    ),
    "body without content": (
        {"requestBody": {"content": {}}},
        "GET /p/{a}/: the request body has no content",
    ),
}


@pytest.mark.parametrize("construct", UNSUPPORTED)
def test_unsupported_construct_is_rejected(construct: str) -> None:
    change, message = UNSUPPORTED[construct]
    document = copy.deepcopy(DOCUMENT)
    document["paths"]["/p/{a}/"]["get"] |= change
    with pytest.raises(SpecError) as caught:
        prepare(document)
    assert message in str(caught.value)


def test_all_errors_are_reported_together() -> None:
    document = copy.deepcopy(DOCUMENT)
    servers = {"servers": [{"url": "https://other.example"}]}
    document["paths"]["/p/{a}/"]["get"] |= servers
    document["paths"]["/q/"] = {"get": {"responses": {"204": {"description": "."}}, **servers}}
    with pytest.raises(SpecError) as caught:
        prepare(document)
    assert "GET /p/{a}/" in str(caught.value)
    assert "GET /q/" in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {"allOf": [{"$ref": "#/a"}], "nullable": True, "x-evidence": "inferred"},
            {"oneOf": [{"$ref": "#/a"}, {"type": "null"}], "x-evidence": "inferred"},
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
            {"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        ),
        (
            {"properties": {"x": {}}, "nullable": True, "description": "d"},
            {"oneOf": [{"properties": {"x": {}}}, {"type": "null"}], "description": "d"},
        ),
    ],
)
def test_nullable_schema_without_type_becomes_a_union_with_null(
    schema: Json, expected: Json
) -> None:
    document = {**copy.deepcopy(DOCUMENT), "components": {"schemas": {"S": schema}}}
    assert to_openapi_31(document)["components"]["schemas"]["S"] == expected
