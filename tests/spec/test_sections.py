"""Tests that one line in sections.yaml adds a section, and that malformed documents are rejected."""

from __future__ import annotations

import copy
import json

import pytest
import yaml

from scripts.spec.document import SPEC, Json, SpecError, parse, validation_errors
from scripts.spec.prepare import prepare
from scripts.spec.pull import Sections, select
from tests.spec.project import Project, copy_project

INVENTORY = """
/api/v1/companies/{company_id}/inventory_items/:
  get:
    tags: [Product inventory]
    operationId: list_inventory_items
    summary: List items
    parameters: [{name: company_id, in: path, required: true, schema: {type: string, format: uuid}}]
    security: [{bearerAuth: []}]
    responses:
      "200":
        description: One page
        content:
          application/json:
            schema: {type: array, items: {$ref: "#/components/schemas/InventoryItem"}}
      "400": {$ref: "#/components/responses/BadRequest"}
"""
ITEM = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
}


@pytest.mark.slow
def test_one_line_adds_a_section(project: Project) -> None:
    service = parse(SPEC.read_text("utf-8"), SPEC.name)
    service["paths"] |= yaml.safe_load(INVENTORY)
    service["components"]["schemas"]["InventoryItem"] = ITEM
    project.write("swagger.json", json.dumps(service))
    before = project.read("openapi/sections.yaml")
    assert "tags: [Subjects, Images]" in before
    project.write(
        "openapi/sections.yaml",
        before.replace("[Subjects, Images]", "[Subjects, Images, Product inventory]"),
    )
    for command in ("spec-pull", "generate"):
        done = project.run("make", command, "SPEC=swagger.json")
        assert done.returncode == 0, done.stderr
    assert {path for path in project.changed() if not path.startswith("generated/")} == {
        "openapi/haut.yaml",
        "openapi/names.yaml",  # updated by make spec-pull
        "openapi/sections.yaml",
        "openapi/transcribed.yaml",  # the first pull moves the transcription
        "swagger.json",
    }
    code = (
        "import httpx, uuid; from haut_api import AuthenticatedClient\n"
        "from haut_api.api.product_inventory import list_inventory_items as operation\n"
        "serve = lambda request: httpx.Response(200, json=[{'id': 1, 'name': str(request.url)}])\n"
        "options = {'transport': httpx.MockTransport(serve)}\n"
        "client = AuthenticatedClient('https://x', 't', httpx_args=options)\n"
        "print(operation.sync(uuid.UUID(int=1), client=client)[0].name)"
    )
    done = project.run("python", "-c", code)
    assert done.stdout.strip().endswith("000000000001/inventory_items/"), done.stderr


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("shared") / "project")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        '{"openapi": "3.0.3", "info": {}, "paths": {"/api/v1/auth/": null}}',
        '{"openapi": "3.0.3", "info": {}, "paths": {"/api/v1/auth/": {"get": 7}}}',
        '{"openapi": "3.0.3", "paths": {"/api/v1/auth/": {"get": {"tags": "Subjects"}}}}',
        '{"openapi": "3.1.0", "paths": {"/a": {"get": {"tags": [7], "parameters": {}}}}}',
        "openapi: 3.0.3\npaths: {? [a] : 1}",
        "openapi: 3.0.3\npaths: &a {x: *a}",
        "openapi: !!python/object:os.system {}",
    ],
)
def test_malformed_document_is_rejected_without_traceback(text: str, shared: Project) -> None:
    shared.write("swagger.yaml", text)
    done = shared.run("make", "spec-pull", "SPEC=swagger.yaml")
    assert done.returncode == 2
    assert "spec-pull: " in done.stderr
    assert "No file was changed" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert " at 0x" not in done.stdout + done.stderr
    assert shared.changed() == {"swagger.yaml"}


HAUT: Json = parse(SPEC.read_text("utf-8"), SPEC.name)
# Maps each schema to an operation that uses it.
SCHEMAS = {
    "Subject": "create_subject",
    "SubjectRequest": "create_subject",
    "PaginatedSubjectList": "list_subjects",
    "AreaResult": "list_image_results",
    "NullValue": "list_subjects",
}
VALUES = [
    "string", "array", ["string", "null"], [], [None], [{"type": "null"}], {}, True,
    [1, "x", 1.5], [{"$ref": "#/components/schemas/Subject"}], {"type": "object", "nullable": True},
    "#/components/schemas/SubjectRequest",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("keyword", ["type", "enum", "oneOf", "allOf", "items", "$ref", "default"])
def test_valid_document_is_prepared_or_rejected_with_a_message(name: str, keyword: str) -> None:
    section = select(HAUT, Sections(operations=[SCHEMAS[name]]))
    for value in VALUES:
        document = copy.deepcopy(section)
        document["components"]["schemas"][name][keyword] = value
        if validation_errors(document):
            continue
        try:
            prepare(document)
        except SpecError as error:
            message = str(error)
            assert message, value
