"""Erasures that are cut anywhere are completed by a second call, and the receipt tells the truth."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from haut_ext import (
    AsyncHaut,
    ConfigError,
    ErasureIncomplete,
    ErasureReceipt,
    Forbidden,
    NotFound,
)
from haut_ext._async.workflows.erase import erase_subject
from haut_ext.sandbox import Request, Sandbox, faults

pytestmark = pytest.mark.anyio

PHOTO = Path("examples/photos/portrait.webp").read_bytes()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def subject_id(sandbox: Sandbox) -> UUID:
    """A subject with 12 photos (two pages) and metadata, beside one that must stay."""
    other, subject = sandbox.add_subjects(2)
    sandbox.add_images(other, 1, photo=PHOTO)
    sandbox.add_images(subject, 12, photo=PHOTO)
    with sandbox.database.lock:
        subject.meta = {"skin": "dry"}
    return UUID(subject.id)


def nothing_left(sandbox: Sandbox, *, kept: bool = False) -> None:
    snapshot = sandbox.snapshot()
    assert len(snapshot["subjects"]) == (2 if kept else 1)
    assert len(sandbox.database.objects) == 1, "files are left in the storage"
    if kept:
        assert [subject["meta"] for subject in snapshot["subjects"]] == [None, None]


async def test_receipt(sandbox: Sandbox, subject_id: UUID) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id)
    nothing_left(sandbox)
    assert receipt.verified
    steps = [(step.name, step.status, step.count) for step in receipt.steps]
    assert steps == [
        ("storage", "done", None),
        ("images", "done", 12),
        ("batches", "done", 1),
        ("metadata", "done", None),
        ("results", "done", 0),
        ("subject", "done", None),
        ("verification", "done", 0),
    ]
    times = [step.at for step in receipt.steps]
    assert times == sorted(times)
    assert ErasureReceipt.from_json(receipt.to_json()) == receipt
    assert pickle.loads(pickle.dumps(receipt)) == receipt
    assert "verified: yes" in str(receipt)
    assert "dry" not in receipt.to_json() + str(receipt)
    assert set(json.loads(receipt.to_json())) == {
        *("company_id", "dataset_id", "subject_id", "keep_subject", "steps", "verified")
    }


async def test_who_keeps_the_receipt_has_each_step_before_the_next_is_begun(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    """What a process that is killed here must find in its journal."""
    told: list[ErasureReceipt] = []
    known: dict[str, list[str]] = {}

    def note(request: Request) -> None:
        known.setdefault(request.operation, [step.name for step in told[-1].steps] if told else [])

    sandbox.before_request = note
    async with AsyncHaut(**sandbox.credentials) as haut:
        fresh = ErasureReceipt(
            haut.scope.company_id, haut.scope.dataset(), subject_id, False, (), False
        )
        receipt = await erase_subject(haut.subjects, haut.images, haut.batches, fresh, told.append)
    assert known == {
        "clear_subject_storage": [],
        "list_images": ["storage"],
        "delete_image": ["storage"],
        "list_batches": ["storage", "images"],
        "delete_batch": ["storage", "images"],
        "clear_subject_metadata": ["storage", "images", "batches"],
        "list_image_results": ["storage", "images", "batches", "metadata"],
        "list_aux_images": ["storage", "images", "batches", "metadata"],
        "get_batch_results_v3": ["storage", "images", "batches", "metadata"],
        "delete_subject": ["storage", "images", "batches", "metadata", "results"],
    }
    assert told[-1].steps == receipt.steps


async def test_keep_subject(sandbox: Sandbox, subject_id: UUID) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id, keep_subject=True)
        assert receipt.verified
        nothing_left(sandbox, kept=True)
        receipt = await haut.erase_subject(subject_id)
    assert receipt.verified
    nothing_left(sandbox)


BOUNDARIES = [
    ("clear_subject_storage", 0),
    ("list_images", 0),
    ("delete_image", 0),
    ("delete_image", 11),
    ("list_images", 1),
    ("list_batches", 0),
    ("delete_batch", 0),
    ("list_batches", 1),
    ("clear_subject_metadata", 0),
    ("list_image_results", 0),
    ("list_aux_images", 11),
    ("get_batch_results_v3", 0),
    ("delete_subject", 0),
    ("list_images", 2),
    ("delete_subject", 1),
]


@pytest.mark.slow
@pytest.mark.parametrize("carried_out", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("operation", "number"), BOUNDARIES)
async def test_cut_and_called_again(
    sandbox: Sandbox, subject_id: UUID, operation: str, number: int, carried_out: bool
) -> None:
    cut = faults.close("after" if carried_out else "before")
    sandbox.faults.add(operation, cut, skip=number)
    async with AsyncHaut(**sandbox.credentials, max_retries=0) as haut:
        with pytest.raises(ErasureIncomplete) as caught:
            await haut.erase_subject(subject_id)
        assert sandbox.faults.pending == []
        first = ErasureReceipt.from_json(pickle.loads(pickle.dumps(caught.value)).receipt.to_json())
        assert not first.verified
        assert first.steps[-1].status == "failed"
        assert first.steps[-1].reason == "TransportError"
        receipt = await haut.erase_subject(subject_id, receipt=first)
    nothing_left(sandbox)
    assert receipt.verified
    assert receipt.steps[: len(first.steps)] == first.steps
    assert all(step.status != "failed" for step in receipt.steps[len(first.steps) :])


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "number"), BOUNDARIES)
async def test_a_second_call_needs_no_receipt(
    sandbox: Sandbox, subject_id: UUID, operation: str, number: int
) -> None:
    sandbox.faults.add(operation, faults.close("after"), skip=number)
    async with AsyncHaut(**sandbox.credentials, max_retries=0) as haut:
        with pytest.raises(ErasureIncomplete):
            await haut.erase_subject(subject_id)
        try:
            receipt = await haut.erase_subject(subject_id)
        except NotFound:
            pass  # the first call had come as far as the subject: without its receipt, unknown
        else:
            assert receipt.verified
    nothing_left(sandbox)


@pytest.mark.slow
async def test_retries_hide_a_passing_trouble(sandbox: Sandbox, subject_id: UUID) -> None:
    for operation in ("clear_subject_storage", "delete_image", "delete_subject", "list_images"):
        sandbox.faults.add(operation, faults.reset("after"))
    async with AsyncHaut(**sandbox.credentials) as haut:
        assert (await haut.erase_subject(subject_id)).verified
    assert sandbox.faults.pending == []
    nothing_left(sandbox)


async def test_photos_uploaded_meanwhile_are_caught(sandbox: Sandbox, subject_id: UUID) -> None:
    late = iter(range(3))

    def upload(request: Request) -> None:
        if request.operation == "list_images" and next(late, None) is not None:
            with sandbox.database.lock:
                subject = sandbox.database.subjects[str(subject_id)]
            sandbox.add_images(subject, 1, photo=PHOTO)

    sandbox.before_request = upload
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id)
    assert receipt.verified
    assert [step.count for step in receipt.steps if step.name == "images"] == [15]
    nothing_left(sandbox)


async def test_a_photo_that_comes_after_the_last_look_denies_the_verification(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    def upload(request: Request) -> None:
        if request.operation == "clear_subject_metadata":
            with sandbox.database.lock:
                subject = sandbox.database.subjects[str(subject_id)]
            sandbox.add_images(subject, 1, photo=PHOTO)

    sandbox.before_request = upload
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id, keep_subject=True)
        assert not receipt.verified
        assert (receipt.steps[-1].status, receipt.steps[-1].count) == ("failed", 1)
        assert "verified: no" in str(receipt)
        sandbox.before_request = None
        assert (await haut.erase_subject(subject_id, keep_subject=True)).verified


async def test_records_that_are_listed_and_cannot_be_deleted_deny_the_verification(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    for operation in ("delete_image", "delete_batch"):
        sandbox.faults.add(operation, faults.status(404), times=None)
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id, keep_subject=True)
    assert not receipt.verified
    assert [step.count for step in receipt.steps if step.name == "images"] == [0]
    assert (receipt.steps[-1].status, receipt.steps[-1].count) == ("failed", 12)


async def test_metadata_that_stay_deny_the_verification(sandbox: Sandbox, subject_id: UUID) -> None:
    pretended = faults.status(200, b'{"status": "ok"}', content_type="application/json")
    sandbox.faults.add("clear_subject_metadata", pretended)
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id, keep_subject=True)
    assert not receipt.verified
    assert (receipt.steps[-1].status, receipt.steps[-1].count) == ("failed", 1)


async def test_a_subject_that_stays_denies_the_verification(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    """Asking whether it is gone is deleting it again; that this found something is what counts."""
    sandbox.faults.add("delete_subject", faults.status(204))  # a pretended success
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id)
    assert not receipt.verified
    assert (receipt.steps[-1].status, receipt.steps[-1].count) == ("failed", 1)
    nothing_left(sandbox)


@pytest.mark.parametrize("what", ["subject", "dataset"])
async def test_not_found_touches_nothing(sandbox: Sandbox, subject_id: UUID, what: str) -> None:
    before = sandbox.snapshot()
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(NotFound):
            if what == "subject":
                await haut.erase_subject(uuid4())
            else:
                await haut.erase_subject(subject_id, dataset_id=uuid4())
    assert sandbox.snapshot() == before


async def test_storage_refused_ends_it(sandbox: Sandbox, subject_id: UUID) -> None:
    sandbox.faults.add("clear_subject_storage", faults.status(403))
    async with AsyncHaut(**sandbox.credentials) as haut:
        with pytest.raises(ErasureIncomplete) as caught:
            await haut.erase_subject(subject_id)
    [step] = caught.value.receipt.steps
    assert (step.name, step.status, step.reason) == ("storage", "failed", "Forbidden 403")
    assert "Forbidden 403" in str(caught.value.receipt)
    assert isinstance(caught.value.cause, Forbidden)
    assert str(caught.value.cause) in str(caught.value)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("status", [403, 405])
@pytest.mark.parametrize("operation", ["list_batches", "delete_batch", "list_image_results"])
async def test_routes_known_from_clients_only_stop_nothing(
    sandbox: Sandbox, subject_id: UUID, operation: str, status: int
) -> None:
    """The service may have others; the erasure goes on, and says that it could not be verified."""
    sandbox.faults.add(operation, faults.status(status), times=None)
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id)
    [failed] = [step for step in receipt.steps if step.status == "failed"]
    assert failed.name == ("results" if operation == "list_image_results" else "batches")
    assert failed.reason is not None
    assert failed.reason.endswith(str(status))
    assert not receipt.verified
    assert receipt.steps[-1].name == "verification"
    nothing_left(sandbox)


async def test_a_service_without_the_route_of_batches(sandbox: Sandbox, subject_id: UUID) -> None:
    sandbox.faults.add("list_batches", faults.status(404))
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id)
    assert receipt.verified
    assert ("batches", 0) in [(step.name, step.count) for step in receipt.steps]


RESULT = b"""[{"id": "6f0b8a0e-1c1f-4b1e-9f57-7a7f3f2f5f10", "result": 41.0, "is_ok": true,
    "image_id": "6f0b8a0e-1c1f-4b1e-9f57-7a7f3f2f5f11", "algorithm_version_id": 1,
    "creation_time": "2021-03-01 15:33:00", "image_type": "selfie", "application_name": "text",
    "application_id": "6f0b8a0e-1c1f-4b1e-9f57-7a7f3f2f5f12", "application_description": "text",
    "application_run_id": "6f0b8a0e-1c1f-4b1e-9f57-7a7f3f2f5f13",
    "algorithm_family_tech_name": "selfie_v2.acne"}]"""


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("list_image_results", RESULT),
        ("get_batch_results_v3", b'{"face_skin_metrics_3": {"all_algorithms_calculated": true}}'),
    ],
)
async def test_results_that_outlive_their_image_deny_the_verification(
    sandbox: Sandbox, subject_id: UUID, operation: str, body: bytes
) -> None:
    sandbox.faults.add(
        operation, faults.status(200, body, content_type="application/json", when="before")
    )
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id)
    assert [(step.name, step.count) for step in receipt.steps if step.status == "failed"] == [
        ("results", 1)
    ]
    assert not receipt.verified
    nothing_left(sandbox)


async def test_a_receipt_of_another_subject_is_refused(sandbox: Sandbox, subject_id: UUID) -> None:
    async with AsyncHaut(**sandbox.credentials) as haut:
        receipt = await haut.erase_subject(subject_id)
        with pytest.raises(ConfigError):
            await haut.erase_subject(uuid4(), receipt=receipt)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"steps": 3}', '{"steps": [{"name": 1}]}'])
async def test_what_is_no_receipt(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ErasureReceipt.from_json(text)
