"""Tests of `scripts.spec.evidence`, which compares labeled objects with a pulled document."""

# ruff: noqa: E501  (one line for each row of the table)
from __future__ import annotations

from typing import Any

import pytest

from scripts.spec.document import Json, walk
from scripts.spec.evidence import Kind, Verdict, current, labels
from tests.spec.edits import (
    COMPUTE,
    DOCUMENT,
    SUBJECT,
    SUBJECTS,
    Edit,
    at,
    combined,
    drop,
    edited,
    move,
    parameter,
    put,
    schema,
    without_labels,
)


def label(place: str) -> Edit:
    """Return an edit that adds the confidence label `inferred` to the object at a JSON pointer."""
    return combined(
        put(f"{place}/x-evidence", "inferred"), put(f"{place}/x-evidence-reason", "by its name")
    )


OK = at(COMPUTE, "/post/responses/200")
BODY = at(COMPUTE, "/post/requestBody")
NAME = schema("Subject/properties/name")
COMPANY = schema("Subject/properties/company")
DELETED = at(f"{SUBJECTS}delete/", "/delete")
IDS = f"{DELETED}/parameters/2"

CONFIRMED, CONTRADICTED, NOT_STATED = (
    Verdict.CONFIRMED,
    Verdict.CONTRADICTED,
    Verdict.NOT_STATED,
)

# Columns: case name, labeled object, edit of the pulled document, verdict, start of the finding.
PULLED: list[tuple[str, str, Edit, Verdict, str]] = [
    ("operation", at(COMPUTE, "/post"), put("#/info/version", "2"), CONFIRMED, "exists"),
    ("operation removed", at(COMPUTE, "/post"), drop(at(COMPUTE)), CONTRADICTED, "missing"),
    ("path parameter's name", at(COMPUTE, "/post"), move(at(COMPUTE), at(COMPUTE.replace("batch_id", "id"))), CONFIRMED, "exists"),
    ("parameter", parameter("Search"), put("#/info/version", "2"), CONFIRMED, "identical"),
    ("parameter's name", parameter("Search"), put(parameter("Search/name"), "search"), CONTRADICTED, "missing; documented: search, page, page_size"),
    ("parameter's type", parameter("Page"), put(parameter("Page/schema/type"), "string"), CONTRADICTED, "type: integer → string"),
    ("parameter required", IDS, put(f"{IDS}/required", False), CONTRADICTED, "required: True → False"),
    ("parameter's encoding", IDS, put(f"{IDS}/explode", False), CONTRADICTED, "explode: True → False"),
    ("default encoding omitted", IDS, drop(f"{IDS}/explode"), CONFIRMED, "identical"),
    ("status", OK, put("#/info/version", "2"), CONFIRMED, "200 is documented"),
    ("another success status", OK, move(OK, at(COMPUTE, "/post/responses/202")), CONTRADICTED, "the success status is 202"),
    ("error omitted", "#/components/responses/NotFound", drop(at(COMPUTE, "/post/responses/404")), NOT_STATED, "404 is not documented"),
    ("body required", BODY, put(f"{BODY}/required", True), CONTRADICTED, "required: False → True"),
    ("no body", BODY, drop(BODY), CONTRADICTED, "the operation has no body"),
    ("nullability", NAME, put(f"{NAME}/nullable", True), CONTRADICTED, "type: string → string or null"),
    ("field's name", NAME, drop(NAME), CONTRADICTED, "missing; documented: "),
    ("field may be missing", NAME, drop(schema("Subject/required/0")), CONTRADICTED, "required: True → False"),
    ("field's format", schema("Image/properties/id"), drop(schema("Image/properties/id/format")), CONTRADICTED, "format: uuid → none"),
    ("object or null", schema("Subject/properties/biological_sex"), put(schema("Subject/properties/biological_sex"), {"nullable": True, "allOf": [{"$ref": schema("BiologicalSex")}]}), CONFIRMED, "identical"),
    ("schema's name", NAME, combined(put(schema("Person"), DOCUMENT["components"]["schemas"]["Subject"]), *(put(at(path, f"/{method}/responses/{status}/content/application~1json/schema"), {"$ref": schema("Person")}) for path, method, status in ((SUBJECTS, "post", 201), (SUBJECT, "patch", 200)))), CONFIRMED, "identical"),
    ("required fields", schema("PatchedSubjectRequest"), put(schema("PatchedSubjectRequest/required"), ["name"]), CONTRADICTED, "required: none → name"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "change", "verdict", "finding"),
    [row[1:] for row in PULLED],
    ids=[row[0] for row in PULLED],
)
def test_labels_are_compared_with_a_pulled_document(
    place: str, change: Edit, verdict: Verdict, finding: str
) -> None:
    [found] = labels(edited(label(place)), edited(change)).values()
    assert found.verdict is verdict
    assert any(text.startswith(finding) for text in found.findings)


def test_the_contract_without_its_labels_confirms_each_label() -> None:
    pulled: Json = without_labels(current())
    for _, node in walk(pulled):
        node.get("oneOf", []).reverse()  # the order of `oneOf` options is irrelevant
    verdicts = {place: found.verdict for place, found in labels(current(), pulled).items()}
    assert verdicts == dict.fromkeys(verdicts, CONFIRMED)


def test_objects_that_are_still_labeled_have_no_verdict() -> None:
    document = edited(label(NAME))
    assert labels(document, document)[NAME].verdict is None


@pytest.mark.parametrize(
    ("place", "kind", "subject", "users"),
    [
        (at(COMPUTE, "/post"), Kind.OPERATION, "compute_batch", 1),
        (parameter("SubjectId"), Kind.REQUIRED, "subject_id (path)", 4),
        (parameter("Page"), Kind.QUERY, "page (query)", 2),
        (BODY, Kind.BODY, "body of compute_batch", 1),
        (schema("SubjectRequest/properties/meta"), Kind.BODY, "SubjectRequest.meta", 1),
        (OK, Kind.SUCCESS, "200 of compute_batch", 1),
        (COMPANY, Kind.FIELD, "Subject.company", 3),
        (schema("CompanyReference/properties/name"), Kind.FIELD, "CompanyReference.name", 3),
        ("#/components/responses/NotFound", Kind.ERROR, "NotFound (404)", 7),
        (schema("ErrorItem/properties/code"), Kind.ERROR, "ErrorItem.code", 9),
    ],
)
def test_kind_subject_and_number_of_operations_of_a_label(
    place: str, kind: Kind, subject: str, users: int
) -> None:
    found = labels(edited(label(place)))[place]
    assert (found.kind, found.subject, len(found.operations)) == (kind, subject, users)


def test_a_schema_that_is_sent_and_received_counts_as_a_body() -> None:
    # The operation that sends `Subject` comes after an operation that only receives it.
    content = at(SUBJECT, "/patch/requestBody/content/application~1json/schema")
    document: Json = edited(label(NAME), put(content, {"$ref": schema("Subject")}))
    assert labels(document)[NAME].kind is Kind.BODY


def test_all_labels_of_the_contract_are_found() -> None:
    document: Any = current()
    placed = [place for place, node in walk(document) if "x-evidence" in node]
    assert len(labels(document)) == len(placed) > 0
