"""What is inferred is listed by consequence, and a pulled document is asked about each of it."""

# ruff: noqa: E501  (each row of the table is a line)
from __future__ import annotations

from typing import Any

import pytest

from scripts.spec.document import Json, walk
from scripts.spec.evidence import Kind, Verdict, current, marks
from tests.spec.edits import (
    COMPUTE,
    DOCUMENT,
    SUBJECT,
    SUBJECTS,
    Edit,
    at,
    drop,
    edited,
    move,
    parameter,
    put,
    schema,
    together,
    unmarked,
)


def mark(place: str) -> Edit:
    """Mark what stands at a place as inferred."""
    return together(
        put(f"{place}/x-evidence", "inferred"), put(f"{place}/x-evidence-reason", "by its name")
    )


OK = at(COMPUTE, "/post/responses/200")
BODY = at(COMPUTE, "/post/requestBody")
NAME = schema("Subject/properties/name")
COMPANY = schema("Subject/properties/company")
DELETED = at(f"{SUBJECTS}delete/", "/delete")
IDS = f"{DELETED}/parameters/2"

CONFIRMED, CONTRADICTED, NOT_SAID = Verdict.CONFIRMED, Verdict.CONTRADICTED, Verdict.NOT_SAID

# What is inferred, what upstream has instead, and what that says.
PULLED: list[tuple[str, str, Edit, Verdict, str]] = [
    ("operation", at(COMPUTE, "/post"), put("#/info/version", "2"), CONFIRMED, "is there"),
    ("operation gone", at(COMPUTE, "/post"), drop(at(COMPUTE)), CONTRADICTED, "is not there"),
    ("path parameter's name", at(COMPUTE, "/post"), move(at(COMPUTE), at(COMPUTE.replace("batch_id", "id"))), CONFIRMED, "is there"),
    ("parameter", parameter("Search"), put("#/info/version", "2"), CONFIRMED, "the same there"),
    ("parameter's name", parameter("Search"), put(parameter("Search/name"), "search"), CONTRADICTED, "not there, but search, page, page_size"),
    ("parameter's type", parameter("Page"), put(parameter("Page/schema/type"), "string"), CONTRADICTED, "type: integer, there string"),
    ("parameter required", IDS, put(f"{IDS}/required", False), CONTRADICTED, "required: True, there False"),
    ("parameter's encoding", IDS, put(f"{IDS}/explode", False), CONTRADICTED, "explode: True, there False"),
    ("parameter's encoding left out", IDS, drop(f"{IDS}/explode"), CONFIRMED, "the same there"),
    ("status", OK, put("#/info/version", "2"), CONFIRMED, "200 is there"),
    ("another status", OK, move(OK, at(COMPUTE, "/post/responses/202")), CONTRADICTED, "succeeds with 202"),
    ("error left out", "#/components/responses/NotFound", drop(at(COMPUTE, "/post/responses/404")), NOT_SAID, "has no 404"),
    ("body required", BODY, put(f"{BODY}/required", True), CONTRADICTED, "required: False, there True"),
    ("no body", BODY, drop(BODY), CONTRADICTED, "there is no body"),
    ("nullability", NAME, put(f"{NAME}/nullable", True), CONTRADICTED, "type: string, there string or null"),
    ("field's name", NAME, drop(NAME), CONTRADICTED, "not there, but "),
    ("field may be missing", NAME, drop(schema("Subject/required/0")), CONTRADICTED, "required: True, there False"),
    ("field's format", schema("Image/properties/id"), drop(schema("Image/properties/id/format")), CONTRADICTED, "format: uuid, there none"),
    ("object or null", schema("Subject/properties/biological_sex"), put(schema("Subject/properties/biological_sex"), {"nullable": True, "allOf": [{"$ref": schema("BiologicalSex")}]}), CONFIRMED, "the same there"),
    ("schema's name", NAME, together(put(schema("Person"), DOCUMENT["components"]["schemas"]["Subject"]), *(put(at(path, f"/{method}/responses/{status}/content/application~1json/schema"), {"$ref": schema("Person")}) for path, method, status in ((SUBJECTS, "post", 201), (SUBJECT, "patch", 200)))), CONFIRMED, "the same there"),
    ("required fields", schema("PatchedSubjectRequest"), put(schema("PatchedSubjectRequest/required"), ["name"]), CONTRADICTED, "required: none, there name"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "change", "verdict", "words"),
    [row[1:] for row in PULLED],
    ids=[row[0] for row in PULLED],
)
def test_a_pulled_document_is_asked(place: str, change: Edit, verdict: Verdict, words: str) -> None:
    [found] = marks(edited(mark(place)), edited(change)).values()
    assert found.verdict is verdict
    assert any(text.startswith(words) for text in found.findings)


def test_our_contract_without_its_marks_confirms_each() -> None:
    upstream: Json = unmarked(current())
    for _, node in walk(upstream):
        node.get("oneOf", []).reverse()  # in which order the options stand means nothing
    verdicts = {place: mark.verdict for place, mark in marks(current(), upstream).items()}
    assert verdicts == dict.fromkeys(verdicts, CONFIRMED)


def test_what_still_carries_its_mark_is_not_judged() -> None:
    document = edited(mark(NAME))
    assert marks(document, document)[NAME].verdict is None


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
def test_a_mark_has_its_rank_and_users(place: str, kind: Kind, subject: str, users: int) -> None:
    found = marks(edited(mark(place)))[
        place.replace(at(COMPUTE, "/post"), f"#/paths/POST {COMPUTE}")
    ]
    assert (found.kind, found.subject, len(found.operations)) == (kind, subject, users)


def test_what_is_both_sent_and_read_counts_as_sent() -> None:
    # By an operation that comes after one that only reads it.
    content = at(SUBJECT, "/patch/requestBody/content/application~1json/schema")
    document: Json = edited(mark(NAME), put(content, {"$ref": schema("Subject")}))
    assert marks(document)[NAME].kind is Kind.BODY


def test_no_mark_of_our_contract_is_passed_over() -> None:
    document: Any = current()
    placed = [place for place, node in walk(document) if "x-evidence" in node]
    assert len(marks(document)) == len(placed) > 0
