"""Simulated service, written with FastAPI. It implements subjects and images as documented.

What the documents leave open differs from openapi/: the names of operations, schemas and path
parameters, most success statuses, and which fields are required or may be null.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import AnyUrl, BaseModel, Field

from tests.release.store import Missing, Record, Store

Item = TypeVar("Item")


class Reference(BaseModel):
    id: UUID
    name: str


class Term(BaseModel):
    id: int
    name: str
    tech_name: str


class Sex(BaseModel):
    id: UUID
    name: str
    tech_name: str


class SubjectIn(BaseModel):
    """Serializer to get dataset id from urls."""

    name: Annotated[str, Field(min_length=1, max_length=512)]
    birth_date: datetime.date | None = None
    biological_sex: Annotated[str, Field(min_length=1)] | None = None
    meta: Any | None = None


class SubjectChange(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    birth_date: datetime.date | None = None
    biological_sex: Annotated[str, Field(min_length=1)] | None = None
    meta: Any | None = None


class Person(BaseModel):
    name: str
    birth_date: datetime.date | None
    biological_sex: Sex | None
    meta: Any | None
    id: UUID
    author_id: int
    creation_time: datetime.datetime
    company: Reference
    dataset: Reference
    promote_image_id: UUID | None = None


class Page(BaseModel, Generic[Item]):
    count: int
    next: AnyUrl | None = None
    previous: AnyUrl | None = None
    results: list[Item]


class Deleted(BaseModel):
    deleted: list[UUID]


class Status(BaseModel):
    status: str


class Ok(BaseModel):
    ok: bool


class SlotIn(BaseModel):
    batch_id: UUID = Field(default_factory=uuid4)
    side_id: int = 1
    light_id: int | None = None
    meta: Any | None = Field(default_factory=dict)
    creation_time: datetime.datetime | None = None
    name: Annotated[str, Field(min_length=1)] = "photo"
    app_args: Any | None = None


class Target(BaseModel):
    url: AnyUrl
    method: str = "PUT"
    headers: dict[str, str]
    content_type: str


class Slot(BaseModel):
    id: UUID
    name: str
    side: Term
    light: Term | None
    image_type: Term
    side_name: str
    side_tech_name: str
    light_name: str
    light_tech_name: str
    image_type_name: str
    image_type_tech_name: str
    creation_time: datetime.datetime
    quality_score: float | None
    quality_feedback: dict[str, Any] | None
    quality_result: dict[str, Any] | None
    quality_issues: list[str]
    problems: list[str]
    stage_step_number: int | None
    stage_number: int | None
    urls: dict[str, str]
    signed_url: AnyUrl | None
    original_image_id: UUID | None
    image_batch_id: UUID
    meta: Any | None
    application_run_id: UUID
    upload_url: Target


class Auxiliary(BaseModel):
    id: UUID
    aux_image_type: str
    creation_time: datetime.datetime
    algo_app: str
    signed_url: AnyUrl | None = None
    meta: Any | None = None


class Photo(BaseModel):
    id: UUID
    name: str
    side: str
    quality_score: float | None = None
    problems: list[str] | None = None
    created_at: datetime.datetime
    signed_url: AnyUrl | None = None
    image_batch_id: UUID
    meta: Any | None = None
    aux_images: list[Auxiliary]


class Arguments(BaseModel):
    app_args: Any | None = None


class Finding(BaseModel):
    id: UUID
    result: float | dict[str, Any]
    is_ok: bool
    image_id: UUID
    algorithm_version_id: Annotated[int, Field(deprecated=True)]
    creation_time: datetime.datetime
    application_id: UUID
    application_name: str
    application_description: str
    application_run_id: UUID
    image_type: str
    algorithm_family_tech_name: str


store = Store()
app = FastAPI(title="SaaS API", version="1.0", servers=[{"url": "https://saas.haut.ai"}])
TOKEN_REQUIRED = [Depends(HTTPBearer())]
COMPANIES = "/api/v1/companies/{company}"
SUBJECTS = COMPANIES + "/datasets/{dataset}/subjects"


@app.exception_handler(Missing)
def missing(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "Not found"}, 404)


def page(items: Sequence[Record], request: Request, number: int, size: int) -> Record:
    start = (number - 1) * size
    if number > 1 and start >= len(items):
        raise Missing
    more = start + size < len(items)
    return {
        "count": len(items),
        "next": str(request.url.include_query_params(page=number + 1)) if more else None,
        "previous": None,
        "results": items[start : start + size],
    }


@app.post(SUBJECTS + "/", status_code=201, tags=["Subjects"], dependencies=TOKEN_REQUIRED)
def add_subject(company: UUID, dataset: UUID, body: SubjectIn) -> Person:
    """Create a new subject."""
    return Person.model_validate(store.create_subject(body.model_dump()))


@app.get(SUBJECTS + "/", tags=["Subjects"], dependencies=TOKEN_REQUIRED)
def browse_subjects(
    request: Request,
    company: UUID,
    dataset: UUID,
    q: str | None = None,
    page_number: Annotated[int, Query(alias="page", ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Page[Person]:
    """List subjects."""
    found = page(store.search_subjects(q), request, page_number, page_size)
    return Page[Person].model_validate(found)


# Registered before the routes with a subject's id, which would match it too.
@app.delete(SUBJECTS + "/delete/", tags=["Subjects"], dependencies=TOKEN_REQUIRED)
def remove_subjects(
    company: UUID, dataset: UUID, subjects_ids: Annotated[list[UUID], Query()]
) -> Deleted:
    """Delete multiple subjects in one request."""
    return Deleted(deleted=store.delete_subjects(subjects_ids))


@app.patch(
    SUBJECTS + "/{subject}/", status_code=202, tags=["Subjects"], dependencies=TOKEN_REQUIRED
)
def change_subject(company: UUID, dataset: UUID, subject: UUID, body: SubjectChange) -> Person:
    """Update subject."""
    changes = body.model_dump(exclude_unset=True)
    return Person.model_validate(store.update_subject(subject, changes))


@app.delete(
    SUBJECTS + "/{subject}/",
    status_code=205,
    response_class=Response,
    tags=["Subjects"],
    dependencies=TOKEN_REQUIRED,
)
def remove_subject(company: UUID, dataset: UUID, subject: UUID) -> Response:
    """Delete subject."""
    store.subject(subject)
    store.delete_subjects([subject])
    return Response(status_code=205)


@app.delete(
    SUBJECTS + "/{subject}/storage/",
    status_code=202,
    tags=["Subjects"],
    dependencies=TOKEN_REQUIRED,
)
def remove_files(company: UUID, dataset: UUID, subject: UUID) -> Status:
    """Clear images from storage for subject."""
    return Status.model_validate(store.clear_storage(subject))


@app.delete(
    SUBJECTS + "/{subject}/metadata/",
    status_code=202,
    tags=["Subjects"],
    dependencies=TOKEN_REQUIRED,
)
def remove_metadata(company: UUID, dataset: UUID, subject: UUID) -> Status:
    """Clear subject metadata."""
    return Status.model_validate(store.clear_metadata(subject))


@app.post(
    COMPANIES + "/subjects/{subject}/signed_upload_url/",
    status_code=201,
    tags=["Images"],
    dependencies=TOKEN_REQUIRED,
)
def request_slot(company: UUID, subject: UUID, body: SlotIn | None = None) -> Slot:
    """Generate signed URL for upload."""
    attributes = body.model_dump() if body else {}
    return Slot.model_validate(store.request_upload(subject, attributes))


@app.post(
    COMPANIES + "/batches/{batch}/compute/",
    status_code=202,
    tags=["Images"],
    dependencies=TOKEN_REQUIRED,
)
def start_analysis(company: UUID, batch: UUID, body: Arguments | None = None) -> Ok:
    """Send images in the batch for processing."""
    return Ok.model_validate(store.compute(batch))


@app.get(COMPANIES + "/subjects/{subject}/images/", tags=["Images"], dependencies=TOKEN_REQUIRED)
def browse_photos(
    request: Request,
    company: UUID,
    subject: UUID,
    ordering: str | None = None,
    q: str | None = None,
    page_number: Annotated[int, Query(alias="page", ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=500)] = 50,
    expiration_seconds: int = 60,
) -> Page[Photo]:
    """List images for subject."""
    found = page(store.images_of(subject), request, page_number, page_size)
    return Page[Photo].model_validate(found)


@app.get(COMPANIES + "/images/{image}/", tags=["Images"], dependencies=TOKEN_REQUIRED)
def read_photo(
    company: UUID,
    image: UUID,
    generate_signed_url: bool = False,
    expiration_seconds: int = 60,
) -> Photo:
    """Get image."""
    return Photo.model_validate(store.image(image, signed=generate_signed_url))


@app.delete(
    COMPANIES + "/images/{image}/",
    status_code=202,
    response_class=Response,
    tags=["Images"],
    dependencies=TOKEN_REQUIRED,
)
def remove_photo(company: UUID, image: UUID) -> Response:
    """Delete image."""
    store.delete_image(image)
    return Response(status_code=202)


@app.get(
    SUBJECTS + "/{subject}/batches/{batch}/images/{image}/results/",
    include_in_schema=False,
    dependencies=TOKEN_REQUIRED,
)
def read_findings(
    company: UUID,
    dataset: UUID,
    subject: UUID,
    batch: UUID,
    image: UUID,
    application_id: str | None = None,
) -> list[Finding]:
    """List results of an image."""
    return [Finding.model_validate(item) for item in store.results(batch, image)]
