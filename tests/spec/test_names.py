"""What people import keeps its name, whatever the Swagger calls it; what cannot be known is asked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from scripts import generate
from scripts.spec import surface
from scripts.spec.document import SPEC, Json, SpecError, operations, parse
from scripts.spec.names import NAMES, Names, propose
from scripts.spec.pull import SECTIONS, Sections, arrange, select
from tests.spec.edits import edited
from tests.spec.project import Project

HAUT = parse(SPEC.read_text("utf-8"), SPEC.name)


FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def frameworks_words(document: Json) -> None:
    """Rewrite a document as drf-spectacular writes: long operation ids, bodies in three forms."""
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
    """Rename every schema, as a team that writes serializers under other names would have."""
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


def test_every_name_of_the_package_stands_in_the_file() -> None:
    names = Names.read(NAMES)
    assert names.operations == {
        operation.key: [operation.id, operation.definition["tags"][0]]
        for operation in operations(HAUT)
    }


@pytest.mark.slow
def test_a_swagger_in_other_words_gives_the_same_package(tmp_path: Path) -> None:
    upstream = edited(frameworks_words, other_schema_names, document=HAUT)
    pulled = arrange(select(upstream, Sections.read(SECTIONS)), HAUT)
    proposed, questions = propose(HAUT, pulled, Names.read(NAMES))
    assert questions == []
    overlay = yaml.safe_load(generate.OVERLAY.read_text("utf-8"))
    actions = [action for action in overlay["actions"] if "schemas" not in action["target"]]
    corrections = tmp_path / "overlay.yaml"
    corrections.write_text(yaml.safe_dump({**overlay, "actions": actions}), "utf-8")
    document = generate.overlaid(corrections, proposed.applied(pulled))
    made = generate.write_package(document, tmp_path / "haut_api")
    assert generate.losses(document, made, tmp_path) == []
    assert surface.compare(generate.PACKAGE.parent, tmp_path) == []


def moved(document: Json) -> None:
    paths = document["paths"]
    old = next(path for path in paths if path.endswith("/subjects/{subject_id}/"))
    paths[old.replace("{subject_id}", "{id}")] = paths.pop(old)


def test_an_operation_with_another_parameter_name_keeps_its_name() -> None:
    pulled = edited(moved, document=HAUT)
    proposed, questions = propose(HAUT, pulled, Names.read(NAMES))
    assert questions == []
    new = proposed.operations.keys() - Names.read(NAMES).operations.keys()
    assert {tuple(proposed.operations[key]) for key in new} == {
        ("update_subject", "Subjects"),
        ("delete_subject", "Subjects"),
    }


def merged(document: Json) -> None:
    text = json.dumps(document["paths"])
    for name in ("DictionaryItem", "CompanyReference"):
        text = text.replace(f'#/components/schemas/{name}"', '#/components/schemas/Named"')
    schemas = document["components"]["schemas"]
    schemas["Named"] = schemas["CompanyReference"]
    schemas["Subject"]["properties"]["company"] = {"$ref": "#/components/schemas/Named"}
    schemas["Subject"]["properties"]["dataset"] = {"$ref": "#/components/schemas/Named"}


def test_a_schema_that_could_be_either_is_shown_with_both() -> None:
    pulled = edited(merged, document=HAUT)
    proposed, questions = propose(HAUT, pulled, Names.read(NAMES))
    [question] = questions
    assert "Named is CompanyReference and DatasetReference of today" in question
    assert "Named" not in proposed.schemas


@pytest.mark.slow
def test_a_new_operation_gets_a_name_and_later_keeps_it(project: Project) -> None:
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
    assert (
        f"openapi/names.yaml: GET {path} is called get_datasets_visits in Subjects" in done.stdout
    )
    text = project.read("openapi/names.yaml")
    project.write("openapi/names.yaml", text.replace("get_datasets_visits", "list_visits"))
    service["paths"][path]["get"]["summary"] = "Visits"
    project.write("swagger.json", json.dumps(service))
    assert project.run("make", "spec-pull", "SPEC=swagger.json").returncode == 0
    assert "- list_visits\n" in project.read("openapi/names.yaml")


def test_two_schemas_of_one_name_are_refused() -> None:
    names = Names({}, {"SubjectRequest": "Subject"})
    with pytest.raises(SpecError, match=r"names\.yaml: Subject is the name of another schema"):
        names.applied(HAUT)


def renamed(document: Json) -> None:
    del document["paths"]["/{bucket}/{object_name}"]
    for item in document["paths"].values():
        for method, operation in item.items():
            operation["operationId"] = f"{operation['operationId']}_{method}"


def renamed_and_changed(document: Json) -> None:
    renamed(document)
    document["components"]["schemas"]["Subject"]["properties"]["name"]["nullable"] = True


@pytest.mark.slow
def test_a_check_compares_by_method_and_path_and_changes_nothing(project: Project) -> None:
    project.write("same.json", json.dumps(edited(renamed, document=HAUT)))
    project.write("other.json", json.dumps(edited(renamed_and_changed, document=HAUT)))
    same = project.run("make", "spec-check", "SPEC=same.json")
    assert (same.returncode, same.stdout) == (0, "the package equals the document\n"), same.stdout
    other = project.run("make", "spec-check", "SPEC=other.json")
    assert other.returncode == 2
    assert "breaking: Subject.name: type: string → string or null" in other.stdout
    assert project.changed() == {"same.json", "other.json"}
