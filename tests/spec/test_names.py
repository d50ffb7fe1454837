"""Tests that names in haut_api do not change if upstream renames operations or schemas."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from scripts import generate
from scripts.spec import api_diff
from scripts.spec.document import SPEC, Json, SpecError, operations, parse, resolve
from scripts.spec.names import NAMES, Names, propose
from scripts.spec.pull import SECTIONS, Sections, arrange, select
from tests.spec.edits import edited
from tests.spec.project import Project

HAUT = parse(SPEC.read_text("utf-8"), SPEC.name)


FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def drf_spectacular_style(document: Json) -> None:
    """Imitate drf-spectacular: use long operation ids, and three media types for each request body."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            words = re.sub(r"{\w+}|\W", "_", path)
            operation["operationId"] = re.sub("_+", "_", f"{words}_{method}").strip("_")
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                content.update(dict.fromkeys(FORMS, content["application/json"]))
    for schema in document["components"]["schemas"].values():
        for definition in schema.get("properties", {}).values():
            match definition.get("oneOf"):
                case [{"$ref": reference}, {"$ref": "#/components/schemas/NullValue"}]:
                    definition.pop("oneOf")
                    definition |= {"nullable": True, "allOf": [{"$ref": reference}]}


def other_schema_names(document: Json) -> None:
    """Rename every schema, as if upstream had renamed its serializers."""
    text = json.dumps(document).replace('"NullValue"', '"NullEnum"')
    for name in document["components"]["schemas"]:
        if name != "NullValue":
            text = text.replace(f'#/components/schemas/{name}"', f'#/components/schemas/{name}Out"')
    text = text.replace("#/components/schemas/NullValue", "#/components/schemas/NullEnum")
    renamed = json.loads(text)
    schemas = document["components"]["schemas"]
    document.clear()
    document.update(renamed)
    document["components"]["schemas"] = {
        "NullEnum" if name == "NullValue" else f"{name}Out": renamed["components"]["schemas"].get(
            name
        )
        or renamed["components"]["schemas"]["NullEnum"]
        for name in schemas
    }


def test_names_file_lists_every_operation() -> None:
    names = Names.read(NAMES)
    assert names.operations == {
        operation.key: [operation.id, operation.definition["tags"][0]]
        for operation in operations(HAUT)
    }


@pytest.mark.slow
def test_renamed_swagger_gives_the_same_package(tmp_path: Path) -> None:
    upstream = edited(drf_spectacular_style, other_schema_names, document=HAUT)
    pulled = arrange(select(upstream, Sections.read(SECTIONS)), HAUT)
    proposed, questions = propose(HAUT, pulled, Names.read(NAMES))
    assert questions == []
    overlay = yaml.safe_load(generate.OVERLAY.read_text("utf-8"))
    actions = [action for action in overlay["actions"] if "schemas" not in action["target"]]
    corrections = tmp_path / "overlay.yaml"
    corrections.write_text(yaml.safe_dump({**overlay, "actions": actions}), "utf-8")
    document = generate.load_contract(corrections, proposed.applied(pulled))
    prepared = generate.write_package(document, tmp_path / "haut_api")
    assert generate.check_completeness(document, prepared, tmp_path) == []
    assert api_diff.compare(generate.PACKAGE.parent, tmp_path) == []


def rename_path_parameters(document: Json) -> None:
    """Call every path parameter `id`, `id_2` and so on, and declare it in the path."""
    for path in list(document["paths"]):
        found = re.findall(r"{(\w+)}", path)
        names = {name: f"id_{number}" for number, name in enumerate(found)}
        new = path
        for name in names:
            new = new.replace(f"{{{name}}}", f"{{{names[name]}}}")
        item = document["paths"][new] = document["paths"].pop(path)
        for operation in item.values():
            operation["parameters"] = [
                {**found, "name": names.get(found["name"], found["name"])}
                for found in (resolve(document, one) for one in operation.get("parameters", []))
            ]


def test_operations_and_arguments_keep_their_names_when_path_parameters_are_renamed() -> None:
    pulled = edited(rename_path_parameters, document=HAUT)
    proposed, questions = propose(HAUT, pulled, Names.read(NAMES))
    assert questions == []
    assert proposed == Names.read(NAMES)
    applied = proposed.applied(pulled)
    assert {operation.key for operation in operations(applied)} == proposed.operations.keys()
    for item in applied["paths"].values():
        for operation in item.values():
            operation["parameters"].sort(key=lambda found: str(found["name"]))
    assert applied["paths"] == edited(inline_parameters, document=HAUT)["paths"]


def inline_parameters(document: Json) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            found = [resolve(document, one) for one in operation.get("parameters", [])]
            operation["parameters"] = sorted(found, key=lambda one: str(one["name"]))


def merge_two_schemas(document: Json) -> None:
    text = json.dumps(document["paths"])
    for name in ("DictionaryItem", "CompanyReference"):
        text = text.replace(f'#/components/schemas/{name}"', '#/components/schemas/Named"')
    schemas = document["components"]["schemas"]
    schemas["Named"] = schemas["CompanyReference"]
    schemas["Subject"]["properties"]["company"] = {"$ref": "#/components/schemas/Named"}
    schemas["Subject"]["properties"]["dataset"] = {"$ref": "#/components/schemas/Named"}


def test_ambiguous_schema_is_a_question_with_all_candidates() -> None:
    pulled = edited(merge_two_schemas, document=HAUT)
    proposed, questions = propose(HAUT, pulled, Names.read(NAMES))
    [question] = questions
    assert "Named may correspond to CompanyReference or DatasetReference" in question
    assert "Named" not in proposed.schemas


@pytest.mark.slow
def test_new_operation_gets_a_name_that_can_be_edited(project: Project) -> None:
    service = parse(SPEC.read_text("utf-8"), SPEC.name)
    path = "/api/v1/companies/{company_id}/datasets/{dataset_id}/visits/"
    known = service["paths"]["/api/v1/companies/{company_id}/datasets/{dataset_id}/subjects/"][
        "get"
    ]
    service["paths"][path] = {
        "get": {**known, "operationId": "api_v1_companies_datasets_visits_list"}
    }
    project.write("swagger.json", json.dumps(service))
    done = project.run("make", "spec-pull", "SPEC=swagger.json")
    assert f"openapi/names.yaml: GET {path} is named get_datasets_visits in Subjects" in done.stdout
    text = project.read("openapi/names.yaml")
    project.write("openapi/names.yaml", text.replace("get_datasets_visits", "list_visits"))
    service["paths"][path]["get"]["summary"] = "Visits"
    project.write("swagger.json", json.dumps(service))
    assert project.run("make", "spec-pull", "SPEC=swagger.json").returncode == 0
    assert "- list_visits\n" in project.read("openapi/names.yaml")


def test_duplicate_schema_name_is_rejected() -> None:
    names = Names({}, {"SubjectRequest": "Subject"})
    with pytest.raises(
        SpecError, match=r"names\.yaml: Subject is already the name of another schema"
    ):
        names.applied(HAUT)


def rename_operations(document: Json) -> None:
    del document["paths"]["/{bucket}/{object_name}"]
    for item in document["paths"].values():
        for method, operation in item.items():
            operation["operationId"] = f"{operation['operationId']}_{method}"


def rename_operations_and_change_a_schema(document: Json) -> None:
    rename_operations(document)
    document["components"]["schemas"]["Subject"]["properties"]["name"]["nullable"] = True


@pytest.mark.slow
def test_spec_check_compares_by_method_and_path_and_changes_no_file(project: Project) -> None:
    project.write("same.json", json.dumps(edited(rename_operations, document=HAUT)))
    changed = edited(rename_operations_and_change_a_schema, document=HAUT)
    project.write("other.json", json.dumps(changed))
    same = project.run("make", "spec-check", "SPEC=same.json")
    assert same.returncode == 0, same.stdout
    other = project.run("make", "spec-check", "SPEC=other.json")
    assert other.returncode == 2
    assert '.name type: string -> ["string", "null"]' in other.stdout
    assert project.changed() == {"same.json", "other.json"}
