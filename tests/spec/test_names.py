"""What people import keeps its name, whatever the Swagger calls it; what cannot be known is asked."""

from __future__ import annotations

import json
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
from tests.spec.test_first_document import advice, frameworks_words

HAUT = parse(SPEC.read_text("utf-8"), SPEC.name)


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


def test_a_swagger_in_other_words_gives_the_same_package(tmp_path: Path) -> None:
    upstream = edited(frameworks_words, other_schema_names, document=HAUT)
    pulled = arrange(select(upstream, Sections.read(SECTIONS)), HAUT)
    proposed, questions = propose(HAUT, pulled, Names.read(NAMES))
    assert questions == []
    overlay = yaml.safe_load(generate.OVERLAY.read_text("utf-8"))
    _, *others = advice()
    spec = proposed.applied(pulled)
    corrections = tmp_path / "overlay.yaml"
    actions = [action for action in overlay["actions"] if "{bucket}" not in action["target"]]
    generic = [action for action in others if "operationId" not in str(action.get("update"))]
    corrections.write_text(yaml.safe_dump({**overlay, "actions": actions + generic}), "utf-8")
    document = generate.overlaid(corrections, spec)
    document["paths"].pop("/{bucket}/{object_name}", None)
    generate.write_package(document, tmp_path / "haut_api")
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
