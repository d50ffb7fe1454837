"""Tests that the completeness check reports each defect of a generated package and its location.

Each test adds a defect to a correct package, such as a faulty generator could produce.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scripts.spec.document import Json
from tests.spec.generated import Generated, generate

DOCUMENT: Json = yaml.safe_load("""
openapi: 3.0.3
info: {title: Everything, version: "1"}
servers: [{url: https://service.example}]
security: [{bearerAuth: []}]
paths:
  /things/{day}/:
    post:
      tags: [Things]
      operationId: create_thing
      deprecated: true
      parameters:
        - {name: day, in: path, required: true, schema: {type: string, format: date}}
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: flag, in: query, schema: {type: boolean, default: true}}
        - {name: X-Kind, in: header, schema: {$ref: "#/components/schemas/Kind"}}
        - {name: visit, in: cookie, deprecated: true, schema: {type: string}}
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}
      responses:
        "201": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
        "202": {description: ok, content: {text/csv: {schema: {type: string}}}}
        4XX: {description: no, content: {application/json: {schema: {$ref: "#/components/schemas/Problem"}}}}
        "204": {description: nothing}
  /open/:
    get:
      tags: [Things]
      operationId: get_open
      security: []
      responses: {"200": {description: ok, content: {image/png: {schema: {type: string, format: binary}}}}}
  /photos/:
    post:
      tags: [Things]
      operationId: send_photo
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              required: [photo]
              properties:
                photo: {type: string, format: binary}
                flag: {type: boolean}
                taken: {type: string, format: date-time}
                ids: {type: array, items: {type: string, format: uuid}}
      responses: {"204": {description: nothing}}
components:
  schemas:
    Kind: {type: string, enum: [a, b]}
    Part: {type: object, required: [size], properties: {size: {type: number}}}
    Problem: {type: object, properties: {detail: {type: string}}}
    Thing:
      type: object
      required: [id, parts]
      properties:
        id: {type: string, format: uuid, readOnly: true}
        kind: {$ref: "#/components/schemas/Kind"}
        at: {type: string, format: date-time, nullable: true}
        parts: {type: array, items: {$ref: "#/components/schemas/Part"}}
        old: {type: string, deprecated: true}
  securitySchemes: {bearerAuth: {type: http, scheme: bearer}}
""")
pytestmark = pytest.mark.slow  # every test generates or copies a package and imports it

CREATE, OPEN = "api/things/create_thing.py", "api/things/get_open.py"
DEFECTS = {
    "operation missing": (OPEN, "GET /open/", "GET /other/", "GET /open/: no module calls this operation"),
    "operation added": (OPEN, "GET /open/", "GET /other/", "GET /other/: the document lacks the operation called by"),
    "method": (CREATE, '"method": "post"', '"method": "put"', "the request method is PUT"),
    "path": (CREATE, '"url": "/things/', '"url": "/thing/', "the request path is /thing/"),
    "path value": (CREATE, "_to_text(day)", "_to_text(day.year)", "parameter day (path)"),
    "style": (CREATE, '"ids", ids, "form", False', '"ids", ids, "form", True', "parameter ids (query)"),
    "name": (CREATE, '"ids", ids', '"id", ids', "parameter ids (query) is not sent"),
    "form of a query value": (CREATE, '_put_query(_params, "flag", flag, "form", True)', '_params["flag"] = str(flag)', "parameter flag (query)"),
    "default": (CREATE, "flag: bool | Unset = UNSET", "flag: bool | Unset = True", "omitted parameter flag (query) is sent"),
    "location": (CREATE, "_put_text(_cookies,", "_put_text(_headers,", "parameter visit (cookie) is not sent"),
    "header added": (CREATE, '_headers["Content-Type"]', '_headers["x-more"] = "1"; _headers["Content-Type"]', "header x-more"),
    "deprecation": (CREATE, "Deprecated.\n\n", "", "does not mention the documented deprecation"),
    "deprecation of a parameter": (CREATE, "visit: Deprecated.", "", "parameter visit (cookie): the docstring"),
    "security": (OPEN, "AuthenticatedClient | Client,", "AuthenticatedClient,", "GET /open/: "),
    "body": (CREATE, '_kwargs["json"] = body.to_dict()', '_kwargs["json"] = {}', "differs from the JSON"),
    "media type": (CREATE, '"application/json"', '"text/plain"', "text/plain"),
    "asynchronous": (CREATE, "client.get_async_httpx_client().request(**_kwargs)", "client.get_async_httpx_client().request(**{**_kwargs, 'method': 'get'})", "asynchronous"),
    "status": (CREATE, "response.status_code == 202", "response.status_code == 203", "response 202"),
    "range": (CREATE, "400 <= response.status_code", "404 <= response.status_code", "response 4XX"),
    "no content": (CREATE, "response_204 = cast(Any, None)", "response_204 = 1", "response 204"),
    "file": (OPEN, "BytesIO(response.content)", "BytesIO(response.text.encode())", "is not parsed as a file"),
    "field missing": ("models/thing.py", '__d.pop("kind", UNSET)', '__d.pop("kin", UNSET)', "kind"),
    "field optional": ("models/thing.py", '__d.pop("id")', '__d.pop("id", "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2")', "Thing, field id: optional in the class"),
    "field required": ("models/problem.py", '__d.pop("detail", UNSET)', '__d.pop("detail")', "Problem, field detail: required in the class"),
    "read-only sent": ("models/thing_request.py", '"parts": parts', '"id": 1, "parts": parts', "ThingRequest"),
    "type of items": ("models/thing.py", "parts_item = Part.from_dict(parts_item_data)", "parts_item = parts_item_data", "POST /things/{day}/"),
    "null": ("models/thing.py", "if data is None:\n                    return data", "if data is None:\n                    return UNSET", "at"),
    "enum value": ("models/kind.py", 'B = "b"', 'B = "c"', "'b'"),
    "enum as text": ("models/thing.py", "kind = Kind(_kind)", "kind = Kind(_kind) and UNSET", "kind"),
    "form of a multipart value": ("types.py", 'return "true" if value else "false"', "return str(value)", "POST /photos/: the multipart body has unexpected values"),
    "multipart field": ("models/send_photo_body.py", '*_as_parts("flag", self.flag),', "", "fields in the multipart body: ['flag']"),
    "token": ("client.py", 'prefix: str = "Bearer"', 'prefix: str = "Token"', "the token is not sent"),
    "deprecation of a field": ("models/thing.py", "Deprecated.", "", "field old: the docstring"),
}  # fmt: skip


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(DOCUMENT, tmp_path_factory.mktemp("generated"))


@pytest.fixture
def package(generated: Generated, tmp_path: Path) -> Generated:
    return generated.copied(tmp_path)


def test_correct_package_has_no_problems(package: Generated) -> None:
    assert package.problems() == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_reported(defect: str, package: Generated) -> None:
    path, old, new, expected = DEFECTS[defect]
    package.replace(path, old, new)
    problems = package.problems()
    assert any(expected in problem for problem in problems), problems


def test_import_error_of_a_package_is_reported_without_traceback(package: Generated) -> None:
    package.replace(CREATE, "import httpx", "import missing_module")
    [problem] = package.problems()
    assert "missing_module" in problem
    assert "Traceback" not in problem
