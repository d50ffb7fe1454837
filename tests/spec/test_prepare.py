"""What the client cannot honour is refused, with the construct and its place."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from scripts.spec.document import Json, SpecError, modern
from scripts.spec.prepare import prepare

DOCUMENT: Json = yaml.safe_load("""
openapi: 3.0.3
info: {title: Refusals, version: "1"}
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


def parameter(place: str, **more: Any) -> dict[str, Any]:
    found = {"name": "b", "in": place, "schema": {"type": "string"}, **more}
    return {"parameters": [DOCUMENT["paths"]["/p/{a}/"]["get"]["parameters"][0], found]}


def path_parameter(**more: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "a", "in": "path", "required": True, **more}]}


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "style of a path": (
        path_parameter(style="matrix", schema={"type": "string"}),
        "GET /p/{a}/, parameter a (path): the style matrix is not supported",
    ),
    "array in a path": (
        path_parameter(schema={"type": "array", "items": {"type": "string"}}),
        "parameter a (path): an array in the path is not supported",
    ),
    "style of a query": (parameter("query", style="odd"), "parameter b (query): the style odd"),
    "object in a cookie": (parameter("cookie", schema=OBJECT), "parameter b (cookie): an object"),
    "objects in a query": (
        parameter("query", schema={"type": "array", "items": OBJECT}),
        "parameter b (query): an object inside of an array or object",
    ),
    "place": (parameter("formData"), "GET /p/{a}/: a parameter in formData is not supported"),
    "cookie": ({"security": [{"cookie": []}]}, "GET /p/{a}/: the client cannot satisfy"),
    "digest": ({"security": [{"digest": []}]}, "digest (http digest)"),
    "both": ({"security": [{"bearer": [], "cookie": []}]}, "bearer (http bearer), cookie (apiKey)"),
    "unknown": ({"security": [{"other": []}]}, "the security scheme other is not defined"),
    "server": (
        {"servers": [{"url": "https://other.example"}]},
        "is served by https://other.example",
    ),
    "no body": ({"requestBody": {"content": {}}}, "GET /p/{a}/: the request body has no content"),
}


@pytest.mark.parametrize("construct", REFUSALS)
def test_refused(construct: str) -> None:
    change, words = REFUSALS[construct]
    document = copy.deepcopy(DOCUMENT)
    document["paths"]["/p/{a}/"]["get"] |= change
    with pytest.raises(SpecError) as caught:
        prepare(document)
    assert words in str(caught.value)


def test_all_refusals_are_said_at_once() -> None:
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
def test_null_is_kept_beside_every_keyword(schema: Json, expected: Json) -> None:
    document = {**copy.deepcopy(DOCUMENT), "components": {"schemas": {"S": schema}}}
    assert modern(document)["components"]["schemas"]["S"] == expected
