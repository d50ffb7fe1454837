"""Tests that comparing two HTTP APIs reports every kind of change.

A change is breaking if the service may reject or ignore a request of an existing client, or if an
existing client may misinterpret a response.
"""

# ruff: noqa: E501  (one line for each row of the table)
from __future__ import annotations

import pytest

from scripts.spec.document import Json, to_openapi_31
from scripts.spec.http_diff import Group, compare
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
)

BREAKING, COMPATIBLE = True, False

SEARCH, PAGE, PAGE_SIZE = "q (query)", "page (query)", "page_size (query)"
IDS = "subjects_ids (query)"
DELETE_IDS = at(f"{SUBJECTS}delete/", "/delete/parameters/2")
NOTE: Json = {"type": "string"}
NEW: Json = {"tags": ["Images"], "operationId": "new", "responses": {"200": {"description": "."}}}
KIND: Json = {"type": "object", "properties": {"note": NOTE}}
OR_NULL = {
    "oneOf": [{"$ref": schema("CompanyReference")}, {"$ref": schema("NullValue")}],
    "description": "A company.",
    "x-evidence": "inferred",
}


def field(name: str, *rest: str) -> str:
    """Return the JSON pointer of a field such as `Subject.name`, or of a keyword in the field's schema."""
    parent, _, found = name.partition(".")
    return schema("/".join([parent, "properties", found, *rest]))


def extra(where: str, *, required: bool) -> Json:
    return {"name": "extra", "in": where, "required": required, "schema": {"type": "string"}}


# Columns: case name, edit, BREAKING or COMPATIBLE, reported subject, reported text.
CHANGES: list[tuple[str, Edit, bool, str, str]] = [
    # --- operations
    ("operation removed", drop(at(SUBJECT, "/patch")), BREAKING, f"PATCH {SUBJECT}", "removed"),
    ("operation added", put(at(SUBJECT, "/put"), NEW), COMPATIBLE, f"PUT {SUBJECT}", "added"),
    ("path removed", drop(at(COMPUTE)), BREAKING, f"POST {COMPUTE}", "removed"),
    ("path without its slash", move(at(COMPUTE), at(COMPUTE[:-1])), BREAKING, f"POST {COMPUTE[:-1]}", f"path: {COMPUTE} → {COMPUTE[:-1]}"),
    ("method changed", move(at(SUBJECT, "/patch"), at(SUBJECT, "/put")), BREAKING, f"PATCH {SUBJECT}", "removed"),
    ("operation id changed", put(at(COMPUTE, "/post/operationId"), "go"), COMPATIBLE, f"POST {COMPUTE}", "operationId: compute_batch → go"),
    ("deprecated", put(at(COMPUTE, "/post/deprecated"), True), COMPATIBLE, f"POST {COMPUTE}", "deprecated: none → true"),
    ("security required", put(at("/{bucket}/{object_name}", "/put/security"), [{"bearerAuth": []}]), BREAKING, "security", "security: none → http bearer"),
    ("another security scheme", put("#/components/securitySchemes/bearerAuth/scheme", "basic"), BREAKING, "security", "security: http bearer → http basic"),
    ("another server", put("#/servers/0/url", "https://other.example"), BREAKING, "servers", "servers: https://saas.haut.ai → https://other.example"),
    # --- parameters
    ("parameter renamed", put(parameter("Search/name"), "search"), BREAKING, SEARCH, "removed"),
    ("parameter removed", drop(at(SUBJECTS, "/get/parameters/2")), BREAKING, SEARCH, "removed"),
    ("optional parameter added", put(at(SUBJECTS, "/get/parameters/-"), extra("query", required=False)), COMPATIBLE, "extra (query)", "added"),
    ("required parameter added", put(at(SUBJECTS, "/get/parameters/-"), extra("query", required=True)), BREAKING, "extra (query)", "added, required"),
    ("required header added", put(at(SUBJECTS, "/get/parameters/-"), extra("header", required=True)), BREAKING, "extra (header)", "added, required"),
    ("parameter required", put(parameter("Search/required"), True), BREAKING, SEARCH, "required"),
    ("parameter optional", put(f"{DELETE_IDS}/required", False), COMPATIBLE, IDS, "no longer required"),
    ("parameter moved to the headers", put(parameter("Search/in"), "header"), BREAKING, SEARCH, "removed"),
    ("parameter's type", put(parameter("Page/schema/type"), "string"), BREAKING, PAGE, "type: integer → string"),
    ("parameter's format", put(parameter("Search/schema/format"), "uuid"), BREAKING, SEARCH, "format: none → uuid"),
    ("parameter's encoding", put(f"{DELETE_IDS}/explode", False), BREAKING, IDS, "explode: true → false"),
    ("parameter limited to values", put(parameter("Search/schema/enum"), ["a"]), BREAKING, SEARCH, 'enum: none → ["a"]'),
    ("parameter limited in size", put(parameter("PageSize/schema/maximum"), 100), BREAKING, PAGE_SIZE, "maximum: none → 100"),
    ("parameter's default", put(parameter("ExpirationSeconds/schema/default"), 30), BREAKING, "expiration_seconds (query)", "default: 60 → 30"),
    # --- requests
    ("optional field added", put(field("SubjectRequest.note"), NOTE), COMPATIBLE, "SubjectRequest.note", "added"),
    ("required field added", combined(put(field("SubjectRequest.note"), NOTE), put(schema("SubjectRequest/required/-"), "note")), BREAKING, "SubjectRequest.note", "added, required"),
    ("sent field removed", drop(field("SubjectRequest.birth_date")), BREAKING, "SubjectRequest.birth_date", "removed"),
    ("sent field required", put(schema("SubjectRequest/required/-"), "meta"), BREAKING, "SubjectRequest.meta", "required"),
    ("sent field optional", drop(schema("SubjectRequest/required")), COMPATIBLE, "SubjectRequest.name", "no longer required"),
    ("sent field may not be null", put(field("SubjectRequest.birth_date", "nullable"), False), BREAKING, "SubjectRequest.birth_date", "type: string or null → string"),
    ("sent field may be null", put(field("SubjectRequest.name", "nullable"), True), COMPATIBLE, "SubjectRequest.name", "type: string → string or null"),
    ("sent field's type", put(field("SignedUploadRequest.side_id", "type"), "string"), BREAKING, "SignedUploadRequest.side_id", "type: integer → string"),
    ("sent field's format", put(field("SubjectRequest.birth_date", "format"), "date-time"), BREAKING, "SubjectRequest.birth_date", "format: date → date-time"),
    ("sent field shorter", put(field("SubjectRequest.name", "maxLength"), 100), BREAKING, "SubjectRequest.name", "maxLength: 512 → 100"),
    ("sent field's default", put(field("SignedUploadRequest.meta", "default"), {"a": 1}), BREAKING, "SignedUploadRequest.meta", 'default: {} → {"a": 1}'),
    ("sent field is read only", put(field("SubjectRequest.name", "readOnly"), True), BREAKING, "SubjectRequest.name", "readOnly: none → true"),
    ("body required", put(at(COMPUTE, "/post/requestBody/required"), True), BREAKING, f"POST {COMPUTE}", "request body required"),
    ("required body added", put(at(SUBJECT, "/delete/requestBody"), {"required": True, "content": {"application/json": {"schema": KIND}}}), BREAKING, f"DELETE {SUBJECT}", "request body added"),
    ("body as a form", move(at(COMPUTE, "/post/requestBody/content/application~1json"), at(COMPUTE, "/post/requestBody/content/multipart~1form-data")), BREAKING, f"POST {COMPUTE}", "request body media type: application/json → multipart/form-data"),
    # --- responses
    ("field added", put(field("Subject.note"), NOTE), COMPATIBLE, "Subject.note", "added"),
    ("field removed", combined(drop(field("Subject.meta")), drop(schema("Subject/required/3"))), BREAKING, "Subject.meta", "removed"),
    ("field renamed", combined(move(field("Image.created_at"), field("Image.creation_time")), put(schema("Image/required/4"), "creation_time")), BREAKING, "Image.created_at", "removed"),
    ("field may be null", put(field("Subject.name", "nullable"), True), BREAKING, "Subject.name", "type: string → string or null"),
    ("field is never null", put(field("Subject.author_id", "nullable"), False), COMPATIBLE, "Subject.author_id", "type: integer or null → integer"),
    ("object may be null", put(field("Subject.company"), OR_NULL), BREAKING, "Subject.company", "type: object → object or null"),
    ("field may be missing", drop(schema("Subject/required/0")), BREAKING, "Subject.name", "no longer required"),
    ("field's type", put(field("ComputeResult.ok", "type"), "string"), BREAKING, "ComputeResult.ok", "type: boolean → string"),
    ("field's format", put(field("Image.created_at", "format"), "date"), BREAKING, "Image.created_at", "format: date-time → date"),
    ("field of a nested object", put(field("DictionaryItem.id", "type"), "string"), BREAKING, "DictionaryItem.id", "type: integer → string"),
    ("items of a list", put(field("Image.problems", "items/type"), "integer"), BREAKING, "Image.problems[]", "type: string → integer"),
    ("values of a map", put(field("SignedUpload.urls", "additionalProperties/type"), "integer"), BREAKING, "SignedUpload.urls.*", "type: string → integer"),
    ("status of success", move(at(SUBJECTS, "/post/responses/201"), at(SUBJECTS, "/post/responses/200")), BREAKING, f"POST {SUBJECTS}", "response 201 → 200"),
    ("another success", put(at(SUBJECTS, "/post/responses/202"), {"description": "."}), BREAKING, f"POST {SUBJECTS}", "response 202 added"),
    ("another error", put(at(SUBJECTS, "/post/responses/409"), {"description": "."}), COMPATIBLE, f"POST {SUBJECTS}", "response 409 added"),
    ("response as XML", move(at(COMPUTE, "/post/responses/200/content/application~1json"), at(COMPUTE, "/post/responses/200/content/application~1xml")), BREAKING, f"POST {COMPUTE}", "response 200 media type: application/json → application/xml"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "breaking", "subject", "text"),
    [row[1:] for row in CHANGES],
    ids=[row[0] for row in CHANGES],
)
def test_a_change_is_found_and_rated(edit: Edit, breaking: bool, subject: str, text: str) -> None:
    rows = compare(DOCUMENT, edited(edit)).changes
    assert any(change.breaking for change in rows) is breaking
    [row] = [change for change in rows if (change.subject, change.text) == (subject, text)]
    assert row.breaking is breaking
    assert row.operations


def test_the_cases_have_unique_names() -> None:
    assert len({row[0] for row in CHANGES}) == len(CHANGES)


def test_changes_without_effect_on_http_are_not_reported() -> None:
    """The changes are an inlined schema, reordered fields, an example and a confidence label."""
    company = DOCUMENT["components"]["schemas"]["CompanyReference"]
    names = list(DOCUMENT["components"]["schemas"]["Subject"]["properties"].items())
    unchanged = compare(
        DOCUMENT,
        edited(
            put(field("Subject.company"), company),
            put(schema("Subject/properties"), dict(reversed(names))),
            put(schema("Subject/properties/meta/x-evidence"), "inferred"),
            put(at(COMPUTE, "/post/requestBody/content/application~1json/example"), {}),
        ),
    )
    assert unchanged.changes == []


def test_changes_of_descriptions_are_counted_separately() -> None:
    changed = compare(
        DOCUMENT, edited(put(at(COMPUTE, "/post/description"), "Another description."))
    )
    assert (changed.changes, changed.text_changes) == ([], 1)


def test_a_parameter_with_another_description_is_the_same_parameter() -> None:
    described = edited(
        put(parameter("Search/description"), "Text to search for in the names of subjects.")
    )
    titled = put(parameter("Search/schema/title"), "Search")
    for edits, expected in (
        ([], []),
        ([put(parameter("Search/schema/type"), "integer")], ["type: string → integer"]),
    ):
        found = compare(described, edited(titled, *edits))
        assert [change.text for change in found.changes] == expected


def test_conversion_to_openapi_3_1_is_not_a_change() -> None:
    assert compare(DOCUMENT, to_openapi_31(DOCUMENT)).changes == []


def test_other_notations_of_nullable_objects_are_not_changes() -> None:
    """drf-spectacular writes nullable objects as `allOf` with `nullable: true`."""
    company = {"allOf": [{"$ref": schema("CompanyReference")}], "nullable": True}
    base = edited(put(field("Subject.company"), OR_NULL))
    for other in (company, {**company, "readOnly": True}):
        assert compare(base, edited(put(field("Subject.company"), other))).changes == []


@pytest.mark.parametrize("siblings", [{}, {"readOnly": True}, {"description": "The company."}])
def test_a_reference_in_all_of_is_the_same_reference(siblings: Json) -> None:
    """drf-spectacular writes a reference beside other keywords in `allOf`."""
    company = {"allOf": [{"$ref": schema("CompanyReference")}], **siblings}
    assert compare(DOCUMENT, edited(put(field("Subject.company"), company))).changes == []


@pytest.mark.parametrize(
    ("edit", "users"),
    [
        (
            put(field("CompanyReference.name", "nullable"), True),
            {f"POST {SUBJECTS}", f"GET {SUBJECTS}", f"PATCH {SUBJECT}"},
        ),
        (
            put(parameter("Search/name"), "search"),
            {f"GET {SUBJECTS}", "GET /api/v1/companies/{company_id}/subjects/{subject_id}/images/"},
        ),
    ],
    ids=["a nested schema", "a parameter"],
)
def test_all_affected_operations_are_listed(edit: Edit, users: set[str]) -> None:
    [change] = [row for row in compare(DOCUMENT, edited(edit)).changes if row.breaking]
    assert change.operations == users


@pytest.mark.parametrize(
    ("edit", "subject"),
    [
        (put(field("Subject.name", "nullable"), True), "Subject.name"),
        (put(field("Subject.author_id", "nullable"), False), "Subject.author_id"),
        (put(field("Subject.id", "default"), "x"), "Subject.id"),
    ],
    ids=["breaks receivers", "breaks senders", "default value"],
)
def test_a_schema_that_is_sent_and_received_breaks_in_either_direction(
    edit: Edit, subject: str
) -> None:
    """The result must not depend on the order of `requestBody` and `responses` in the document."""
    content = "/post/requestBody/content/application~1json/schema"
    base = edited(put(at(SUBJECTS, content), {"$ref": schema("Subject")}))
    for document in (base, edited(_responses_first, document=base)):
        [change] = compare(document, edited(edit, document=document)).changes
        assert (change.subject, change.breaking, change.group) == (subject, True, Group.FIELDS)


def _responses_first(document: Json) -> None:
    for item in document["paths"].values():
        for method, operation in item.items():
            item[method] = dict(sorted(operation.items(), key=lambda part: part[0] != "responses"))
