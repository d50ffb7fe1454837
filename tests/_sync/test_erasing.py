# Derived from tests/_async/test_erasing.py by `make sync`; change that file instead.
"""Tests that an erasure of a subject survives interruptions and returns a correct receipt."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from haut_ext import (
    ConfigError,
    ErasureIncomplete,
    ErasureReceipt,
    Forbidden,
    Haut,
    NotFound,
)
from haut_ext._sync.workflows.erase import erase_subject
from haut_ext.sandbox import Request, Sandbox, faults

pytestmark = pytest.mark.anyio

PHOTO = Path("examples/photos/portrait.webp").read_bytes()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def subject_id(sandbox: Sandbox) -> UUID:
    """The id of a subject with metadata and 12 photos. A second subject must not be erased."""
    other, subject = sandbox.add_subjects(2)
    sandbox.add_images(other, 1, photo=PHOTO)
    sandbox.add_images(subject, 12, photo=PHOTO)
    with sandbox.database.lock:
        subject.meta = {"skin": "dry"}
    return UUID(subject.id)


def assert_erased(sandbox: Sandbox, *, kept: bool = False) -> None:
    snapshot = sandbox.snapshot()
    assert len(snapshot["subjects"]) == (2 if kept else 1)
    assert len(sandbox.database.objects) == 1, "the storage still contains files of the subject"
    if kept:
        assert [subject["meta"] for subject in snapshot["subjects"]] == [None, None]


def test_receipt_lists_all_steps(sandbox: Sandbox, subject_id: UUID) -> None:
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
    assert_erased(sandbox)
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


def test_each_step_is_reported_before_the_next_one_starts(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    """A process that persists each reported receipt can resume the erasure after a crash."""
    reported: list[ErasureReceipt] = []
    steps_before: dict[str, list[str]] = {}

    def record(request: Request) -> None:
        steps_before.setdefault(
            request.operation, [step.name for step in reported[-1].steps] if reported else []
        )

    sandbox.before_request = record
    with Haut(**sandbox.credentials) as haut:
        initial = ErasureReceipt(
            haut.scope.company_id, haut.scope.dataset(), subject_id, False, (), False
        )
        receipt = erase_subject(haut.subjects, haut.images, haut.batches, initial, reported.append)
    assert steps_before == {
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
    assert reported[-1].steps == receipt.steps


def test_keep_subject_erases_everything_but_the_subject(sandbox: Sandbox, subject_id: UUID) -> None:
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id, keep_subject=True)
        assert receipt.verified
        assert_erased(sandbox, kept=True)
        receipt = haut.erase_subject(subject_id)
    assert receipt.verified
    assert_erased(sandbox)


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
def test_interrupted_erasure_is_completed_with_its_receipt(
    sandbox: Sandbox, subject_id: UUID, operation: str, number: int, carried_out: bool
) -> None:
    fault = faults.close("after" if carried_out else "before")
    sandbox.faults.add(operation, fault, skip=number)
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        with pytest.raises(ErasureIncomplete) as caught:
            haut.erase_subject(subject_id)
        assert sandbox.faults.pending == []
        first = ErasureReceipt.from_json(pickle.loads(pickle.dumps(caught.value)).receipt.to_json())
        assert not first.verified
        assert first.steps[-1].status == "failed"
        assert first.steps[-1].reason == "TransportError"
        receipt = haut.erase_subject(subject_id, receipt=first)
    assert_erased(sandbox)
    assert receipt.verified
    assert receipt.steps[: len(first.steps)] == first.steps
    assert all(step.status != "failed" for step in receipt.steps[len(first.steps) :])


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "number"), BOUNDARIES)
def test_interrupted_erasure_is_completed_without_its_receipt(
    sandbox: Sandbox, subject_id: UUID, operation: str, number: int
) -> None:
    sandbox.faults.add(operation, faults.close("after"), skip=number)
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        with pytest.raises(ErasureIncomplete):
            haut.erase_subject(subject_id)
        try:
            receipt = haut.erase_subject(subject_id)
        except NotFound:
            pass  # the interrupted call had already deleted the subject
        else:
            assert receipt.verified
    assert_erased(sandbox)


@pytest.mark.slow
def test_transient_errors_are_retried(sandbox: Sandbox, subject_id: UUID) -> None:
    for operation in ("clear_subject_storage", "delete_image", "delete_subject", "list_images"):
        sandbox.faults.add(operation, faults.reset("after"))
    with Haut(**sandbox.credentials) as haut:
        assert (haut.erase_subject(subject_id)).verified
    assert sandbox.faults.pending == []
    assert_erased(sandbox)


def test_photos_uploaded_during_the_erasure_are_deleted(sandbox: Sandbox, subject_id: UUID) -> None:
    late = iter(range(3))

    def upload(request: Request) -> None:
        if request.operation == "list_images" and next(late, None) is not None:
            with sandbox.database.lock:
                subject = sandbox.database.subjects[str(subject_id)]
            sandbox.add_images(subject, 1, photo=PHOTO)

    sandbox.before_request = upload
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
    assert receipt.verified
    assert [step.count for step in receipt.steps if step.name == "images"] == [15]
    assert_erased(sandbox)


def test_photo_uploaded_after_the_last_deletion_fails_the_verification(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    def upload(request: Request) -> None:
        if request.operation == "clear_subject_metadata":
            with sandbox.database.lock:
                subject = sandbox.database.subjects[str(subject_id)]
            sandbox.add_images(subject, 1, photo=PHOTO)

    sandbox.before_request = upload
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id, keep_subject=True)
        assert not receipt.verified
        assert (receipt.steps[-1].status, receipt.steps[-1].count) == ("failed", 1)
        assert "verified: no" in str(receipt)
        sandbox.before_request = None
        assert (haut.erase_subject(subject_id, keep_subject=True)).verified


def test_records_that_cannot_be_deleted_fail_the_verification(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    for operation in ("delete_image", "delete_batch"):
        sandbox.faults.add(operation, faults.status(404), times=None)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id, keep_subject=True)
    assert not receipt.verified
    assert [step.count for step in receipt.steps if step.name == "images"] == [0]
    assert (receipt.steps[-1].status, receipt.steps[-1].count) == ("failed", 12)


def test_remaining_metadata_fails_the_verification(sandbox: Sandbox, subject_id: UUID) -> None:
    false_success = faults.status(200, b'{"status": "ok"}', content_type="application/json")
    sandbox.faults.add("clear_subject_metadata", false_success)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id, keep_subject=True)
    assert not receipt.verified
    assert (receipt.steps[-1].status, receipt.steps[-1].count) == ("failed", 1)


def test_remaining_subject_fails_the_verification(sandbox: Sandbox, subject_id: UUID) -> None:
    """The verification step reports a failure if it finds and deletes a remaining subject."""
    sandbox.faults.add("delete_subject", faults.status(204))  # responds without deleting
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
    assert not receipt.verified
    assert (receipt.steps[-1].status, receipt.steps[-1].count) == ("failed", 1)
    assert_erased(sandbox)


@pytest.mark.parametrize("unknown", ["subject", "dataset"])
def test_unknown_subject_or_dataset_changes_nothing(
    sandbox: Sandbox, subject_id: UUID, unknown: str
) -> None:
    before = sandbox.snapshot()
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(NotFound):
            if unknown == "subject":
                haut.erase_subject(uuid4())
            else:
                haut.erase_subject(subject_id, dataset_id=uuid4())
    assert sandbox.snapshot() == before


def test_erasure_stops_if_clearing_the_storage_is_forbidden(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    sandbox.faults.add("clear_subject_storage", faults.status(403))
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(ErasureIncomplete) as caught:
            haut.erase_subject(subject_id)
    [step] = caught.value.receipt.steps
    assert (step.name, step.status, step.reason) == ("storage", "failed", "Forbidden 403")
    assert "Forbidden 403" in str(caught.value.receipt)
    assert isinstance(caught.value.cause, Forbidden)
    assert str(caught.value.cause) in str(caught.value)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("status", [403, 405])
@pytest.mark.parametrize("operation", ["list_batches", "delete_batch", "list_image_results"])
def test_errors_of_undocumented_routes_do_not_stop_the_erasure(
    sandbox: Sandbox, subject_id: UUID, operation: str, status: int
) -> None:
    """If an undocumented route fails, the erasure continues, but its receipt is not verified."""
    sandbox.faults.add(operation, faults.status(status), times=None)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
    [failed] = [step for step in receipt.steps if step.status == "failed"]
    assert failed.name == ("results" if operation == "list_image_results" else "batches")
    assert failed.reason is not None
    assert failed.reason.endswith(str(status))
    assert not receipt.verified
    assert receipt.steps[-1].name == "verification"
    assert_erased(sandbox)


def test_erasure_without_the_batches_route_is_verified(sandbox: Sandbox, subject_id: UUID) -> None:
    sandbox.faults.add("list_batches", faults.status(404))
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
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
def test_results_that_remain_after_deletion_fail_the_verification(
    sandbox: Sandbox, subject_id: UUID, operation: str, body: bytes
) -> None:
    sandbox.faults.add(
        operation, faults.status(200, body, content_type="application/json", when="before")
    )
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
    assert [(step.name, step.count) for step in receipt.steps if step.status == "failed"] == [
        ("results", 1)
    ]
    assert not receipt.verified
    assert_erased(sandbox)


def test_receipt_of_another_subject_is_rejected(sandbox: Sandbox, subject_id: UUID) -> None:
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
        with pytest.raises(ConfigError):
            haut.erase_subject(uuid4(), receipt=receipt)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"steps": 3}', '{"steps": [{"name": 1}]}'])
def test_text_that_is_not_a_receipt_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ErasureReceipt.from_json(text)


@pytest.mark.parametrize("operation", ["clear_subject_storage", "delete_subject", "list_images"])
def test_404_of_a_proxy_verifies_nothing(
    sandbox: Sandbox, subject_id: UUID, operation: str
) -> None:
    """Only the service's own 404 proves that the subject is gone."""
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        sandbox.faults.add("delete_subject", faults.status(500))
        with pytest.raises(ErasureIncomplete) as caught:
            haut.erase_subject(subject_id)
        page = faults.status(404, b"<html>no such host</html>", content_type="text/html")
        sandbox.faults.add(operation, page, times=None)
        with pytest.raises(ErasureIncomplete) as caught_again:
            haut.erase_subject(subject_id, receipt=caught.value.receipt)
        assert not caught_again.value.receipt.verified
        sandbox.faults.clear()
        assert (haut.erase_subject(subject_id, receipt=caught_again.value.receipt)).verified
    assert_erased(sandbox)


def test_erasure_of_an_unknown_subject_is_not_verified_after_a_failed_first_step(
    sandbox: Sandbox,
) -> None:
    sandbox.faults.add("clear_subject_storage", faults.status(500))
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        unknown = uuid4()
        with pytest.raises(ErasureIncomplete) as caught:
            haut.erase_subject(unknown)
        with pytest.raises(NotFound):
            haut.erase_subject(unknown, receipt=caught.value.receipt)
