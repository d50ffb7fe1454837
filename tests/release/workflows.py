"""Workflows of haut_ext on a simulated service, in place of the tests of a refreshed project."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from haut_api.api.images import list_images
from haut_api.api.subjects import list_subjects
from haut_ext import AsyncHaut, Haut, NotFound
from tests.photo_files import jpeg
from tests.release.store import COMPANY, DATASET, TOKEN

ALGORITHMS = ["selfie_v2.acne"]
BASE_URL = os.environ["SIMULATED_SERVICE"]


@pytest.fixture
def haut() -> Iterator[Haut]:
    with Haut(token=TOKEN, company_id=COMPANY, dataset_id=DATASET, base_url=BASE_URL) as client:
        yield client


def test_subjects_are_created_found_changed_and_deleted(haut: Haut) -> None:
    created = haut.subjects.create("Ada", meta={"shelf": 1})
    assert haut.subjects.find("Ada") == (created,)
    assert haut.subjects.get_or_create("Ada").id == created.id
    other = haut.subjects.get_or_create("Grace")
    assert haut.subjects.update(other.id, name="Hopper").name == "Hopper"
    haut.subjects.delete(other.id)
    with pytest.raises(NotFound):
        haut.subjects.update(other.id, name="Hopper")
    many = [haut.subjects.create(f"many {number}").id for number in range(3)]
    found = haut.paginate_all(list_subjects, q="many", page_size=2)
    assert [subject.id for subject in found] == many
    missing = UUID(int=9)
    outcome = haut.subjects.delete_many([*many, missing])
    assert (outcome.deleted, outcome.not_deleted) == (tuple(many), (missing,))
    haut.subjects.delete(created.id)


def test_photos_are_uploaded_analyzed_read_and_erased(haut: Haut, tmp_path: Path) -> None:
    front, left = jpeg((300, 300)), jpeg((400, 300))
    subject = haut.subjects.create("Ada", meta={"shelf": 1})
    batch = haut.upload_and_compute(
        subject.id,
        front=front,
        left=left,
        wait=True,
        wait_for=ALGORITHMS,
    )
    assert batch.results.complete
    assert {(found.side, found.family) for found in batch.results.results} == {
        ("front", "selfie_v2.acne"),
        ("left", "selfie_v2.acne"),
    }
    assert {image.side for image in haut.wait_for_analysis(batch)} == {"front", "left"}
    assert len(haut.results(batch).results) == 2
    images = list(haut.paginate_all(list_images, subject_id=subject.id, page_size=1))
    assert {image.id for image in images} == {image.image_id for image in batch.images}
    haut.images.download(images[0].id, tmp_path / "photo.jpg")
    assert (tmp_path / "photo.jpg").read_bytes() in (front, left)
    # These services do not have the undocumented route that lists batches. While the subject exists,
    # status 404 of that route is no proof that the subject has none.
    kept = haut.erase_subject(subject.id, keep_subject=True)
    assert (kept.verified, kept.findings, kept.unchecked) == (False, (), ("batches check",))
    assert list(haut.images.iterate(subject.id)) == []
    receipt = haut.erase_subject(subject.id, receipt=kept)
    assert receipt.verified
    assert haut.subjects.find("Ada") == ()


def test_the_asynchronous_client_runs_the_same_workflows() -> None:
    async def run() -> None:
        async with AsyncHaut(
            token=TOKEN, company_id=COMPANY, dataset_id=DATASET, base_url=BASE_URL
        ) as haut:
            subject = await haut.subjects.get_or_create("Ada")
            batch = await haut.upload_and_compute(
                subject.id, front=jpeg((300, 300)), right=jpeg((300, 300))
            )
            results = await haut.wait_for_results(batch, wait_for=ALGORITHMS)
            assert results.complete
            assert (await haut.erase_subject(subject.id)).verified

    asyncio.run(run())
