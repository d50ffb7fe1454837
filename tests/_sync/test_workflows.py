# Derived from tests/_async/test_workflows.py by `make sync`; change that file instead.
"""Tests every operation and workflow by replaying cassettes, without network access.

The cassettes are recorded from the sandbox or from an empty dataset of the real service, so each
test deletes what it created. Both clients replay the same cassettes and must send the same requests.
The clock of these tests advances only while the client sleeps, and the sleep returns immediately.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from haut_api.api.images import list_images
from haut_api.api.results import get_aux_image_url, list_aux_images
from haut_api.api.subjects import list_subjects
from haut_api.models import SignedUrl, Subject
from haut_ext import (
    BadRequest,
    ErasureIncomplete,
    ErasureReceipt,
    ErrorItem,
    Haut,
    NotFound,
    ServerError,
    Side,
    StorageError,
    Unauthorized,
    UploadedBatch,
    UploadedImage,
    UploadIncomplete,
    UploadState,
)
from haut_ext.photos.sources import PhotoFile
from haut_ext.sandbox import faults
from tests.recording import PHOTOS, Service

pytestmark = [pytest.mark.vcr, pytest.mark.block_network]

BORN = date(1990, 1, 2)
META = {"study": "subject-1", "visit": 1}
UNKNOWN_ID = UUID("00000000-0000-4000-8000-000000000000")
JPEG, PNG, WEBP = (PHOTOS / f"portrait.{suffix}" for suffix in ("jpg", "png", "webp"))
CONTENT = {photo: photo.read_bytes() for photo in (JPEG, PNG, WEBP)}

KINDS = pytest.mark.parametrize(
    ("kind", "photo"),
    [("path", JPEG), ("bytes", PNG), ("file", WEBP)],
    ids=["path", "bytes", "file"],
)


@contextmanager
def given_as(kind: str, photo: Path) -> Iterator[PhotoFile]:
    """A photo, given as a path, as bytes or as an open file."""
    if kind == "file":
        with photo.open("rb") as file:
            yield file
    else:
        yield CONTENT[photo] if kind == "bytes" else photo


@pytest.fixture
def haut(service: Service) -> Iterator[Haut]:
    with Haut(**service.credentials) as client:
        yield client


@pytest.fixture
def origin(pytestconfig: pytest.Config) -> str:
    """Service from which cassettes are recorded: `sandbox`, or `live` for the real service."""
    name: str = pytestconfig.getoption("cassettes").name
    return name


@pytest.fixture
def unauthorized_client(service: Service) -> Iterator[Haut]:
    credentials = service.credentials.copy()
    credentials["token"] = "not-a-token"
    with Haut(**credentials) as client:
        yield client


@pytest.fixture
def subject(haut: Haut) -> Iterator[Subject]:
    created = haut.subjects.create("subject-1", birth_date=BORN, meta=META)
    yield created
    with suppress(NotFound):
        haut.erase_subject(created.id)


@pytest.fixture
def five(haut: Haut) -> Iterator[list[UUID]]:
    """The ids of five subjects, named subject-1 to subject-5."""
    ids = []
    for number in range(1, 6):
        created = haut.subjects.create(f"subject-{number}")
        ids.append(created.id)
    yield ids
    haut.subjects.delete_many(ids)


# Subjects


def test_create_subject(haut: Haut, subject: Subject) -> None:
    assert (subject.name, subject.birth_date, subject.meta) == ("subject-1", BORN, META)
    assert subject.biological_sex is None
    assert subject.company.id == haut.scope.company_id
    assert subject.dataset.id == haut.scope.dataset_id
    assert subject.creation_time.utcoffset() == timedelta(0)
    assert [found.id for found in haut.subjects.iterate()] == [subject.id]


def test_get_or_create(haut: Haut) -> None:
    longer = haut.subjects.create("subject-10", meta=META)
    created = haut.subjects.get_or_create("subject-1", birth_date=BORN)
    found = haut.subjects.get_or_create("subject-1", birth_date=None)
    assert created.id != longer.id
    assert found == created
    assert found.birth_date == BORN
    page = haut.subjects.list()
    assert page.total == 2
    haut.subjects.delete_many([longer.id, created.id])


def test_update_subject(haut: Haut, subject: Subject) -> None:
    renamed = haut.subjects.update(subject.id, name="subject-2")
    assert (renamed.id, renamed.name) == (subject.id, "subject-2")
    assert (renamed.birth_date, renamed.meta) == (BORN, META)
    emptied = haut.subjects.update(subject.id, birth_date=None, meta=None)
    assert (emptied.name, emptied.birth_date, emptied.meta) == ("subject-2", None, None)


def test_iterate_subjects(haut: Haut, five: list[UUID]) -> None:
    assert sorted([subject.id for subject in haut.subjects.iterate()]) == sorted(five)
    assert [subject.id for subject in haut.subjects.iterate("subject-4")] == [five[3]]


def test_list_subjects(haut: Haut, five: list[UUID]) -> None:
    pages = [haut.subjects.list(page=number, page_size=2) for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {subject.id for page in pages for subject in page} == set(five)
    assert [(page.number, page.total, page.has_next) for page in pages] == [
        (1, 5, True),
        (2, 5, True),
        (3, 5, False),
    ]
    found = haut.subjects.list("subject-3")
    assert [subject.id for subject in found] == [five[2]]
    with pytest.raises(NotFound):
        haut.subjects.list(page=4, page_size=2)


def test_delete_subject(haut: Haut, five: list[UUID]) -> None:
    haut.subjects.delete(five[1])
    remaining = sorted([subject.id for subject in haut.subjects.iterate()])
    assert remaining == sorted({*five} - {five[1]})
    with pytest.raises(NotFound):
        haut.subjects.delete(five[1])


def test_delete_many_subjects(haut: Haut, five: list[UUID]) -> None:
    outcome = haut.subjects.delete_many([five[4], UNKNOWN_ID, five[0], five[4]])
    assert outcome.deleted == (five[4], five[0])
    assert outcome.not_deleted == (UNKNOWN_ID,)
    assert sorted([subject.id for subject in haut.subjects.iterate()]) == sorted(five[1:4])


def test_clear_storage(haut: Haut, subject: Subject) -> None:
    uploaded = haut.images.upload(subject.id, WEBP)
    haut.subjects.clear_storage(subject.id)
    image = haut.images.get(uploaded.image_id, signed_url=True)
    assert image.id == uploaded.image_id, "the record remains"
    assert image.signed_url is None
    with pytest.raises(StorageError, match="has a record but no file"):
        haut.images.download(uploaded.image_id, io.BytesIO())


def test_clear_metadata(haut: Haut, subject: Subject) -> None:
    haut.subjects.clear_metadata(subject.id)
    page = haut.subjects.list()
    [cleared] = page.items
    assert (cleared.id, cleared.name) == (subject.id, "subject-1")
    assert (cleared.birth_date, cleared.biological_sex, cleared.meta) == (None, None, None)


# Images


def test_request_upload(haut: Haut, subject: Subject) -> None:
    moment = datetime(2025, 2, 27, 3, 40, 28, tzinfo=UTC)
    first = haut.images.request_upload(
        subject.id, side="right", light=1, name="image-1", meta=META, creation_time=moment
    )
    assert (first.name, first.meta, first.creation_time) == ("image-1", META, moment)
    assert first.side is not None
    assert (first.side.id, first.side.tech_name) == (2, "right")
    assert first.upload_url.method == "PUT"
    second = haut.images.request_upload(subject.id, side=3, batch_id=first.image_batch_id)
    assert second.side is not None
    assert (second.side.id, second.image_batch_id) == (3, first.image_batch_id)
    assert second.id != first.id
    plain = haut.images.request_upload(subject.id)
    assert plain.side is not None
    assert plain.side.id == 1
    assert plain.image_batch_id != first.image_batch_id


@KINDS
def test_upload(haut: Haut, subject: Subject, kind: str, photo: Path) -> None:
    size = len(CONTENT[photo])
    marks: list[tuple[int, int | None]] = []
    with given_as(kind, photo) as file:
        uploaded = haut.images.upload(
            subject.id, file, "left", progress=lambda *mark: marks.append(mark)
        )
    assert uploaded == UploadedImage(uploaded.image_id, uploaded.batch_id, "left", subject.id)
    assert marks[-1] == (size, size)
    received = io.BytesIO()
    assert haut.images.download(uploaded.image_id, received) == size
    assert received.getvalue() == CONTENT[photo]


def test_download_to_a_path(haut: Haut, subject: Subject, tmp_path: Path) -> None:
    uploaded = haut.images.upload(subject.id, JPEG)
    target = tmp_path / "front.jpg"
    assert haut.images.download(uploaded.image_id, target) == len(CONTENT[JPEG])
    assert target.read_bytes() == CONTENT[JPEG]
    assert os.listdir(tmp_path) == ["front.jpg"], "no partial file remains"


def test_compute(haut: Haut, subject: Subject) -> None:
    uploaded = haut.images.upload(subject.id, WEBP)
    before = haut.images.get(uploaded.image_id)
    assert (before.quality_score, before.aux_images) == (None, [])
    haut.images.compute(uploaded.batch_id)
    batch = UploadedBatch(subject.id, uploaded.batch_id, (uploaded,))
    [image] = haut.wait_for_analysis(batch)
    assert image.id == uploaded.image_id
    assert image.quality_score is not None
    assert len(image.aux_images) > 0


def test_get_image(haut: Haut, subject: Subject) -> None:
    uploaded = haut.images.upload(subject.id, WEBP, "right", name="image-1", meta=META)
    plain = haut.images.get(uploaded.image_id)
    assert (plain.name, plain.side, plain.meta) == ("image-1", "right", META)
    assert plain.image_batch_id == uploaded.batch_id
    assert plain.created_at.utcoffset() == timedelta(0)
    assert plain.signed_url is None
    signed = haut.images.get(uploaded.image_id, signed_url=True, expires=300)
    assert signed.signed_url is not None


def test_list_and_iterate_images(haut: Haut, subject: Subject) -> None:
    slots = [haut.images.request_upload(subject.id, name=f"image-{n}") for n in range(1, 5)]
    ids = {slot.id for slot in slots}
    assert {image.id for image in haut.images.iterate(subject.id)} == ids
    page = haut.images.list(subject.id, page=2, page_size=3, expires=120)
    assert (len(page), page.total, page.number, page.has_next) == (1, 4, 2, False)
    named = haut.images.iterate(subject.id, q="image-2", ordering="name")
    assert [image.id for image in named] == [slots[1].id]


def test_delete_image(haut: Haut, subject: Subject) -> None:
    kept = haut.images.upload(subject.id, WEBP)
    deleted = haut.images.upload(subject.id, WEBP)
    haut.images.delete(deleted.image_id)
    assert [image.id for image in haut.images.iterate(subject.id)] == [kept.image_id]
    for call in (haut.images.get, haut.images.delete):
        with pytest.raises(NotFound):
            call(deleted.image_id)


# Workflows


@KINDS
def test_upload_and_compute_one_side(haut: Haut, subject: Subject, kind: str, photo: Path) -> None:
    with given_as(kind, photo) as file:
        batch = haut.upload_and_compute(subject.id, right=file, name="image-1", meta=META)
    [uploaded] = batch.images
    assert batch == UploadedBatch(
        subject.id,
        batch.batch_id,
        (UploadedImage(uploaded.image_id, batch.batch_id, "right", subject.id),),
    )
    [image] = haut.wait_for_analysis(batch)
    assert (image.id, image.side, image.name, image.meta) == (
        uploaded.image_id,
        "right",
        "image-1",
        META,
    )


def test_upload_and_compute_three_sides(haut: Haut, subject: Subject) -> None:
    sent: dict[Side, tuple[int, int | None]] = {}

    def progress(done: int, total: int | None, side: Side) -> None:
        sent[side] = (done, total)

    with given_as("file", WEBP) as left:
        batch = haut.upload_and_compute(
            subject.id, front=JPEG, right=CONTENT[PNG], left=left, progress=progress
        )
    contents = {"front": CONTENT[JPEG], "right": CONTENT[PNG], "left": CONTENT[WEBP]}
    assert sent == {side: (len(content), len(content)) for side, content in contents.items()}
    assert [image.side for image in batch.images] == ["front", "right", "left"]
    assert {image.batch_id for image in batch.images} == {batch.batch_id}
    analyzed = haut.wait_for_analysis(batch)
    assert {(image.id, image.side) for image in analyzed} == {
        (image.image_id, image.side) for image in batch.images
    }
    assert {image.image_batch_id for image in analyzed} == {batch.batch_id}
    for image in batch.images:
        received = io.BytesIO()
        haut.images.download(image.image_id, received)
        assert received.getvalue() == contents[str(image.side)]


def test_paginate_all_over_several_pages(haut: Haut, five: list[UUID]) -> None:
    dataset_id = haut.scope.dataset_id
    subjects = haut.paginate_all(list_subjects, dataset_id=dataset_id, page_size=2)
    assert sorted([subject.id for subject in subjects]) == sorted(five)
    slots = [haut.images.request_upload(five[0], name=f"image-{n}") for n in (1, 2, 3)]
    images = haut.paginate_all(list_images, subject_id=five[0], page_size=1)
    assert {image.id for image in images} == {slot.id for slot in slots}


def test_erase_subject(haut: Haut, subject: Subject) -> None:
    batch = haut.upload_and_compute(subject.id, front=JPEG, left=WEBP)
    receipt = haut.erase_subject(subject.id)
    assert receipt.verified
    assert (receipt.subject_id, receipt.keep_subject) == (subject.id, False)
    assert [step.name for step in receipt.steps] == [
        *("observation", "storage", "images", "batches", "metadata", "results check", "subject"),
        *("subject check", "images check", "batches check"),
    ]
    assert {step.status for step in receipt.steps} == {"done"}
    assert [step.count for step in receipt.steps if step.name == "images"] == [2]
    assert [found.id for found in haut.subjects.iterate()] == []
    for image in batch.images:
        with pytest.raises(NotFound):
            haut.images.get(image.image_id)
    with pytest.raises(NotFound):
        haut.erase_subject(subject.id)


def test_erase_all_but_the_subject(haut: Haut, subject: Subject) -> None:
    haut.upload_and_compute(subject.id, front=JPEG)
    receipt = haut.erase_subject(subject.id, keep_subject=True)
    assert receipt.verified
    assert receipt.keep_subject
    assert "subject" not in [step.name for step in receipt.steps]
    page = haut.subjects.list()
    [kept] = page.items
    assert (kept.id, kept.birth_date, kept.meta) == (subject.id, None, None)
    assert [image.id for image in haut.images.iterate(subject.id)] == []


# Interrupted workflows


Fail = Callable[..., None]


@pytest.fixture
def client_with_two_retries(haut: Haut) -> Haut:
    """A client that makes at most three attempts of each request."""
    return haut.with_options(max_retries=2)


def computations(cassette: Any) -> int:
    """Return the number of requested analyses, because each of them is billed."""
    return sum(request.uri.endswith("/compute/") for request in cassette.requests)


def test_upload_stopped_while_storing_and_resumed(
    fail: Fail, haut: Haut, client_with_two_retries: Haut, subject: Subject, vcr: Any
) -> None:
    fail("upload_image", faults.bad_gateway(503), times=3, skip=1)
    with pytest.raises(UploadIncomplete) as stopped:
        client_with_two_retries.upload_and_compute(subject.id, front=JPEG, left=WEBP)
    state = UploadState.from_json(stopped.value.state.to_json())
    assert [(side.side, side.status) for side in state.sides] == [
        ("front", "stored"),
        ("left", "open"),
    ]
    assert (state.missing, state.compute) == (("left",), "not sent")
    batch = haut.resume_upload(state, left=WEBP)
    assert (batch.batch_id, [image.side for image in batch.images]) == (
        state.batch_id,
        ["front", "left"],
    )
    assert batch.images[0].image_id == state.sides[0].image_id
    assert batch.images[1].image_id != state.sides[1].image_id
    listed = {image.id for image in haut.images.iterate(subject.id)}
    assert listed == {image.image_id for image in batch.images}, "no image without a file remains"
    assert len(haut.wait_for_analysis(batch)) == 2
    assert computations(vcr) == 1


@pytest.mark.parametrize("api", ["v1", "v3"])
def test_upload_stopped_at_compute_and_resumed(
    fail: Fail, haut: Haut, subject: Subject, vcr: Any, api: Any
) -> None:
    operation = "compute_batch" if api == "v1" else "compute_batch_v3"
    fail(operation, faults.bad_gateway(502, when="after"))
    with pytest.raises(UploadIncomplete) as stopped:
        haut.upload_and_compute(subject.id, front=JPEG, api=api)
    state = UploadState.from_json(stopped.value.state.to_json())
    assert (state.missing, state.compute) == ((), "unknown")
    time.sleep(10)  # the first results appear, which prove that the analysis has started
    batch = haut.resume_upload(state)
    assert (batch.batch_id, len(batch.images)) == (state.batch_id, 1)
    assert computations(vcr) == 1


def test_paginate_all_stopped_and_read_again(
    fail: Fail, haut: Haut, client_with_two_retries: Haut, five: list[UUID]
) -> None:
    fail("list_subjects", faults.bad_gateway(503), times=3, skip=1)
    dataset_id = haut.scope.dataset_id
    first_pass: list[UUID] = []
    with pytest.raises(ServerError) as stopped:
        for found in client_with_two_retries.paginate_all(
            list_subjects, dataset_id=dataset_id, page_size=2
        ):
            first_pass.append(found.id)
    assert (stopped.value.status, stopped.value.attempts, len(first_pass)) == (503, 3, 2)
    again = haut.paginate_all(list_subjects, dataset_id=dataset_id, page_size=2)
    read = [found.id for found in again]
    assert read[:2] == first_pass
    assert sorted(read) == sorted(five)


def test_erase_subject_stopped_and_completed(
    fail: Fail, haut: Haut, client_with_two_retries: Haut, subject: Subject
) -> None:
    batch = haut.upload_and_compute(subject.id, front=JPEG, left=WEBP)
    fail("delete_image", faults.bad_gateway(503), times=3, skip=1)
    with pytest.raises(ErasureIncomplete) as stopped:
        client_with_two_retries.erase_subject(subject.id)
    receipt = ErasureReceipt.from_json(stopped.value.receipt.to_json())
    assert not receipt.verified
    assert [(step.name, step.status) for step in receipt.steps] == [
        ("observation", "done"),
        ("storage", "done"),
        ("images", "unknown"),
    ]
    [remaining] = [image.id for image in haut.images.iterate(subject.id)]
    assert remaining in {image.image_id for image in batch.images}
    completed = haut.erase_subject(subject.id, receipt=receipt)
    assert completed.verified
    assert completed.steps[:3] == receipt.steps
    assert {step.status for step in completed.steps[3:]} == {"done"}
    assert [found.id for found in haut.subjects.iterate()] == []


# Login, tokens, datasets, batches and results


def test_login(service: Service) -> None:
    if service.user is None:
        pytest.skip("needs HAUT_USERNAME and HAUT_PASSWORD")
    dataset_id, base_url = service.credentials["dataset_id"], service.credentials["base_url"]
    with Haut.login(**service.user, dataset_id=dataset_id, base_url=base_url) as haut:
        assert str(haut.scope.company_id) == service.credentials["company_id"]
        assert (haut.subjects.list()).total == 0


def test_private_tokens(haut: Haut) -> None:
    created = haut.private_tokens.create("token", datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert created.data
    listed = {token.id: token for token in haut.private_tokens.iterate()}
    assert listed[created.id].expiration_time == created.expiration_time
    haut.private_tokens.revoke(created.id)
    with pytest.raises(NotFound):
        haut.private_tokens.revoke(created.id)


def test_datasets(haut: Haut) -> None:
    dataset = haut.datasets.get()
    assert dataset.id == haut.scope.dataset_id
    assert dataset.id in [found.id for found in haut.datasets.iterate()]
    assert dataset.id in [found.id for found in haut.datasets.short_list()]
    with pytest.raises(NotFound):
        haut.datasets.get(UNKNOWN_ID)


def test_create_dataset(haut: Haut, origin: str) -> None:
    if origin == "live":
        pytest.skip("the dataset could not be deleted afterwards")
    created = haut.datasets.create("dataset", expire_images_after_days=30)
    assert (created.name, created.expire_images_after_days) == ("dataset", 30)
    assert haut.datasets.get(created.id) == created


def test_dictionaries(haut: Haut) -> None:
    image_types = haut.image_types()
    assert all(kind.sides and kind.lights for kind in image_types)
    assert haut.algorithms()


def test_batches(haut: Haut, subject: Subject) -> None:
    kept = haut.images.upload(subject.id, WEBP)
    deleted = haut.images.upload(subject.id, WEBP)
    assert {batch.id for batch in haut.batches.list(subject.id)} == {
        kept.batch_id,
        deleted.batch_id,
    }
    haut.batches.delete(subject.id, deleted.batch_id)
    assert [image.id for image in haut.images.iterate(subject.id)] == [kept.image_id]


def test_results_of_two_images(haut: Haut, subject: Subject) -> None:
    expected = ["selfie_v2.quality", "selfie_v2.acne"]
    batch = haut.upload_and_compute(subject.id, front=JPEG, left=WEBP, wait=True, wait_for=expected)
    results = batch.results
    assert results is not None
    assert results.complete
    assert {result.image_id for result in results.results} == {
        image.image_id for image in batch.images
    }
    assert {result.family for result in results.results} >= set(expected)
    assert any(row["number"] for row in results.to_rows())
    again = haut.results(batch.images[0])
    assert {result.image_id for result in again.results} == {batch.images[0].image_id}


def test_results_taken_as_complete_when_they_stop_growing(haut: Haut, subject: Subject) -> None:
    # Without this header, the client does not know when the analysis in the sandbox is complete.
    hooks = {"response": [lambda response: response.headers.pop("sandbox-analysis", None)]}
    haut = haut.with_options(event_hooks=hooks)
    batch = haut.upload_and_compute(subject.id, front=WEBP)
    results = haut.wait_for_results(batch, settled_after=3.0)
    assert results.completeness == "settled"
    again = haut.results(batch)
    assert again.results == results.results


def test_auxiliary_images(haut: Haut, subject: Subject) -> None:
    batch = haut.upload_and_compute(subject.id, front=JPEG)
    haut.wait_for_analysis(batch)
    place = (haut.scope.company_id, haut.scope.dataset(), subject.id, batch.batch_id)
    image_id = batch.images[0].image_id
    listed = (list_aux_images.sync_detailed(*place, image_id, client=haut.api)).parsed
    assert isinstance(listed, list)
    signed = get_aux_image_url.sync_detailed(
        *place, image_id, listed[0].id, client=haut.api, expiration_seconds=600
    )
    assert isinstance(signed.parsed, SignedUrl)


def test_upload_and_compute_by_version_3(haut: Haut, subject: Subject) -> None:
    batch = haut.upload_and_compute(
        subject.id, front=JPEG, right=PNG, left=WEBP, api="v3", wait=True
    )
    assert [image.side for image in batch.images] == ["front", "right", "left"]
    assert (batch.results.api, batch.results.complete) == ("v3", True)
    assert any(row["number"] for row in batch.results.to_rows())
    receipt = haut.erase_subject(subject.id)
    assert receipt.verified


# Typed errors


def test_not_found(haut: Haut) -> None:
    with pytest.raises(NotFound) as raised:
        haut.subjects.update(UNKNOWN_ID, name="subject-1")
    assert isinstance(raised.value, LookupError)
    assert (raised.value.status, raised.value.attempts) == (404, 1)
    assert raised.value.operation == "PATCH /api/v1/companies/{id}/datasets/{id}/subjects/{id}/"
    assert [item.code for item in raised.value.errors] == ["not_found"]


def test_bad_request(haut: Haut) -> None:
    with pytest.raises(BadRequest) as raised:
        haut.subjects.create("subject-1", biological_sex="")
    detail = raised.value.errors[0].detail
    assert raised.value.errors == (ErrorItem("blank", detail, "biological_sex"),)
    assert detail in str(raised.value)
    assert (raised.value.status, raised.value.maybe_carried_out) == (400, False)


def test_unauthorized(unauthorized_client: Haut) -> None:
    with pytest.raises(Unauthorized) as raised:
        unauthorized_client.subjects.list()
    assert raised.value.status == 401
    assert "not-a-token" not in str(raised.value)
