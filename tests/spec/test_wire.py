"""Every way in which the contract can change, one at a time: is it seen, and rated right?

Each row of the table is one change of a contract, made upstream, and what the report must say
of it. Whether it breaks is this table's own judgement: of callers that were written against the old
contract, would one be refused, misread or silently ignored?
"""

# ruff: noqa: E501  (each row of the table is a line)
from __future__ import annotations

import pytest

from scripts.spec.document import Json, modern
from scripts.spec.wire import Group, compare
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
)

BREAKS, HARMLESS = True, False

SEARCH, PAGE, PAGE_SIZE = "q (query)", "page (query)", "page_size (query)"
IDS = "subjects_ids (query)"
DELETE_IDS = at(f"{SUBJECTS}delete/", "/delete/parameters/2")
NOTE: Json = {"type": "string"}
NEW: Json = {"tags": ["Images"], "operationId": "new", "responses": {"200": {"description": "."}}}
KIND: Json = {"type": "object", "properties": {"note": NOTE}}
OR_NULL = {"oneOf": [{"$ref": schema("CompanyReference")}, {"$ref": schema("NullValue")}]}


def field(name: str, *rest: str) -> str:
    """The place of something below a field: `Subject.name`, `nullable`."""
    parent, _, found = name.partition(".")
    return schema("/".join([parent, "properties", found, *rest]))


def extra(where: str, *, required: bool) -> Json:
    return {"name": "extra", "in": where, "required": required, "schema": {"type": "string"}}


# What changes, how, whether it breaks, and the row of the report: subject and words.
CHANGES: list[tuple[str, Edit, bool, str, str]] = [
    # --- operations
    ("operation removed", drop(at(SUBJECT, "/patch")), BREAKS, f"PATCH {SUBJECT}", "removed"),
    ("operation added", put(at(SUBJECT, "/put"), NEW), HARMLESS, f"PUT {SUBJECT}", "added"),
    ("path removed", drop(at(COMPUTE)), BREAKS, f"POST {COMPUTE}", "removed"),
    ("path without its slash", move(at(COMPUTE), at(COMPUTE[:-1])), BREAKS, f"POST {COMPUTE[:-1]}", f"path item {COMPUTE} → {COMPUTE[:-1]}"),
    ("method changed", move(at(SUBJECT, "/patch"), at(SUBJECT, "/put")), BREAKS, f"PATCH {SUBJECT}", "removed"),
    ("operation id changed", put(at(COMPUTE, "/post/operationId"), "go"), HARMLESS, f"POST {COMPUTE}", "operationId: compute_batch → go"),
    ("deprecated", put(at(COMPUTE, "/post/deprecated"), True), HARMLESS, f"POST {COMPUTE}", "deprecated: none → true"),
    ("security asked for", put(at("/{bucket}/{object_name}", "/put/security"), [{"bearerAuth": []}]), BREAKS, "PUT /{bucket}/{object_name}", "security requirement added"),
    ("another security scheme", put("#/components/securitySchemes/bearerAuth/scheme", "basic"), BREAKS, "security scheme bearerAuth", "scheme: bearer → basic"),
    ("another server", put("#/servers/0/url", "https://other.example"), BREAKS, "servers", "url: https://saas.haut.ai → https://other.example"),
    # --- parameters
    ("parameter renamed", put(parameter("Search/name"), "search"), BREAKS, SEARCH, "name: q → search"),
    ("parameter removed", drop(at(SUBJECTS, "/get/parameters/2")), BREAKS, SEARCH, "removed"),
    ("optional parameter added", put(at(SUBJECTS, "/get/parameters/-"), extra("query", required=False)), HARMLESS, "extra (query)", "added"),
    ("required parameter added", put(at(SUBJECTS, "/get/parameters/-"), extra("query", required=True)), BREAKS, "extra (query)", "added, required"),
    ("required header added", put(at(SUBJECTS, "/get/parameters/-"), extra("header", required=True)), BREAKS, "extra (header)", "added, required"),
    ("parameter required", put(parameter("Search/required"), True), BREAKS, SEARCH, "required"),
    ("parameter optional", put(f"{DELETE_IDS}/required", False), HARMLESS, IDS, "no longer required"),
    ("parameter moved to the headers", put(parameter("Search/in"), "header"), BREAKS, SEARCH, "in: query → header"),
    ("parameter's type", put(parameter("Page/schema/type"), "string"), BREAKS, PAGE, "type: integer → string"),
    ("parameter's format", put(parameter("Search/schema/format"), "uuid"), BREAKS, SEARCH, "format: none → uuid"),
    ("parameter's encoding", put(f"{DELETE_IDS}/explode", False), BREAKS, IDS, "explode: true → false"),
    ("parameter limited to values", put(parameter("Search/schema/enum"), ["a"]), BREAKS, SEARCH, 'enum: none → ["a"]'),
    ("parameter limited in size", put(parameter("PageSize/schema/maximum"), 100), BREAKS, PAGE_SIZE, "maximum: none → 100"),
    ("parameter's default", put(parameter("ExpirationSeconds/schema/default"), 30), BREAKS, "expiration_seconds (query)", "default: 60 → 30"),
    # --- what is sent
    ("optional field added", put(field("SubjectRequest.note"), NOTE), HARMLESS, "SubjectRequest.note", "added"),
    ("required field added", together(put(field("SubjectRequest.note"), NOTE), put(schema("SubjectRequest/required/-"), "note")), BREAKS, "SubjectRequest.note", "added, required"),
    ("sent field removed", drop(field("SubjectRequest.birth_date")), BREAKS, "SubjectRequest.birth_date", "removed"),
    ("sent field required", put(schema("SubjectRequest/required/-"), "meta"), BREAKS, "SubjectRequest.meta", "required"),
    ("sent field optional", drop(schema("SubjectRequest/required")), HARMLESS, "SubjectRequest.name", "no longer required"),
    ("sent field may not be null", put(field("SubjectRequest.birth_date", "nullable"), False), BREAKS, "SubjectRequest.birth_date", "type: string or null → string"),
    ("sent field may be null", put(field("SubjectRequest.name", "nullable"), True), HARMLESS, "SubjectRequest.name", "type: string → string or null"),
    ("sent field's type", put(field("SignedUploadRequest.side_id", "type"), "string"), BREAKS, "SignedUploadRequest.side_id", "type: integer → string"),
    ("sent field's format", put(field("SubjectRequest.birth_date", "format"), "date-time"), BREAKS, "SubjectRequest.birth_date", "format: date → date-time"),
    ("sent field shorter", put(field("SubjectRequest.name", "maxLength"), 100), BREAKS, "SubjectRequest.name", "maxLength: 512 → 100"),
    ("sent field's default", put(field("SignedUploadRequest.meta", "default"), {"a": 1}), BREAKS, "SignedUploadRequest.meta", 'default: {} → {"a": 1}'),
    ("sent field is read only", put(field("SubjectRequest.name", "readOnly"), True), BREAKS, "SubjectRequest.name", "readOnly: none → true"),
    ("body required", put(at(COMPUTE, "/post/requestBody/required"), True), BREAKS, f"POST {COMPUTE}", "request body required"),
    ("required body added", put(at(SUBJECT, "/delete/requestBody"), {"required": True, "content": {"application/json": {"schema": KIND}}}), BREAKS, f"DELETE {SUBJECT}", "request body added"),
    ("body as a form", move(at(COMPUTE, "/post/requestBody/content/application~1json"), at(COMPUTE, "/post/requestBody/content/multipart~1form-data")), BREAKS, f"POST {COMPUTE}", "media type application/json removed"),
    # --- what comes back
    ("field added", put(field("Subject.note"), NOTE), HARMLESS, "Subject.note", "added"),
    ("field removed", together(drop(field("Subject.meta")), drop(schema("Subject/required/3"))), BREAKS, "Subject.meta", "removed"),
    ("field renamed", together(move(field("Image.created_at"), field("Image.creation_time")), put(schema("Image/required/4"), "creation_time")), BREAKS, "Image.created_at", "removed"),
    ("field may be null", put(field("Subject.name", "nullable"), True), BREAKS, "Subject.name", "type: string → string or null"),
    ("field is never null", put(field("Subject.author_id", "nullable"), False), HARMLESS, "Subject.author_id", "type: integer or null → integer"),
    ("object may be null", put(field("Subject.company"), OR_NULL), BREAKS, "Subject.company", "type: object → object or null"),
    ("field may be missing", drop(schema("Subject/required/0")), BREAKS, "Subject.name", "no longer required"),
    ("field's type", put(field("ComputeResult.ok", "type"), "string"), BREAKS, "ComputeResult.ok", "type: boolean → string"),
    ("field's format", put(field("Image.created_at", "format"), "date"), BREAKS, "Image.created_at", "format: date-time → date"),
    ("field of a nested object", put(field("DictionaryItem.id", "type"), "string"), BREAKS, "DictionaryItem.id", "type: integer → string"),
    ("items of a list", put(field("Image.problems", "items/type"), "integer"), BREAKS, "Image.problems[]", "type: string → integer"),
    ("values of a map", put(field("SignedUpload.urls", "additionalProperties/type"), "integer"), BREAKS, "SignedUpload.urls.*", "type: string → integer"),
    ("status of success", move(at(SUBJECTS, "/post/responses/201"), at(SUBJECTS, "/post/responses/200")), BREAKS, f"POST {SUBJECTS}", "response 201 → 200"),
    ("another success", put(at(SUBJECTS, "/post/responses/202"), {"description": "."}), BREAKS, f"POST {SUBJECTS}", "response 202 added"),
    ("another error", put(at(SUBJECTS, "/post/responses/409"), {"description": "."}), HARMLESS, f"POST {SUBJECTS}", "response 409 added"),
    ("answer as XML", move(at(COMPUTE, "/post/responses/200/content/application~1json"), at(COMPUTE, "/post/responses/200/content/application~1xml")), BREAKS, f"POST {COMPUTE}", "answer 200: media type application/json → application/xml"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "breaks", "subject", "words"),
    [row[1:] for row in CHANGES],
    ids=[row[0] for row in CHANGES],
)
def test_a_change_is_seen_and_rated(edit: Edit, breaks: bool, subject: str, words: str) -> None:
    rows = compare(DOCUMENT, edited(edit)).changes
    assert any(change.breaking for change in rows) is breaks
    [row] = [change for change in rows if (change.subject, change.text) == (subject, words)]
    assert row.breaking is breaks
    assert row.operations


def test_the_table_is_long_enough() -> None:
    assert len(CHANGES) >= 25
    assert len({row[0] for row in CHANGES}) == len(CHANGES)


@pytest.mark.slow
def test_what_means_nothing_on_the_wire_is_no_change() -> None:
    """A schema written in its place or under another name, another order, an example, a mark."""
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
    # Nothing refers to it any longer.
    assert [(row.subject, row.breaking) for row in unchanged.changes] in (
        [],
        [("CompanyReference", False)],
    )


@pytest.mark.slow
def test_words_are_counted_apart() -> None:
    changed = compare(DOCUMENT, edited(put(at(COMPUTE, "/post/description"), "Other words.")))
    assert (changed.changes, changed.wordings) == ([], 1)


@pytest.mark.slow
def test_the_same_in_openapi_3_1_is_no_change() -> None:
    assert compare(DOCUMENT, modern(DOCUMENT)).changes == []


@pytest.mark.slow
def test_other_words_for_null_are_no_change() -> None:
    """As drf-spectacular writes an object that may be null."""
    company = {"allOf": [{"$ref": schema("CompanyReference")}], "nullable": True}
    base = edited(put(field("Subject.company"), OR_NULL))
    changed = edited(put(field("Subject.company"), company))
    assert compare(base, changed).changes == []


@pytest.mark.slow
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
def test_all_operations_that_a_change_reaches_are_named(edit: Edit, users: set[str]) -> None:
    [change] = compare(DOCUMENT, edited(edit)).changes
    assert change.operations == users


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "subject"),
    [
        (put(field("Subject.name", "nullable"), True), "Subject.name"),
        (put(field("Subject.author_id", "nullable"), False), "Subject.author_id"),
        (put(field("Subject.id", "default"), "x"), "Subject.id"),
    ],
    ids=["breaks who reads", "breaks who sends", "default of who sends"],
)
def test_a_schema_that_is_sent_and_read_breaks_either_way(edit: Edit, subject: str) -> None:
    """Whichever of the two stands first in the document."""
    content = "/post/requestBody/content/application~1json/schema"
    base = edited(put(at(SUBJECTS, content), {"$ref": schema("Subject")}))
    for document in (base, edited(_answers_first, document=base)):
        [change] = compare(document, edited(edit, document=document)).changes
        assert (change.subject, change.breaking, change.group) == (subject, True, Group.FIELDS)


def _answers_first(document: Json) -> None:
    for item in document["paths"].values():
        for method, operation in item.items():
            item[method] = dict(sorted(operation.items(), key=lambda part: part[0] != "responses"))
