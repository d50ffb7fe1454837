# Derived from tests/_async/test_erasing.py by `make sync`; change that file instead.
"""Tests that an erasure of a subject survives interruptions and returns a correct receipt."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve

from haut_ext import (
    ConfigError,
    ErasureIncomplete,
    ErasureReceipt,
    Forbidden,
    Haut,
    NotFound,
    UnexpectedResponse,
    capture_responses,
)
from haut_ext.sandbox import Request, Sandbox, faults

pytestmark = pytest.mark.anyio

PHOTO = Path("examples/photos/portrait.webp").read_bytes()
NOT_FOUND = faults.status(
    404,
    b'{"type":"client_error","errors":[{"code":"not_found","detail":"Not found.","attr":null}]}',
    content_type="application/json",
)
PROXY_404 = faults.status(404, b"<html>no such host</html>", content_type="text/html")


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
        ("observation", "done", None),
        ("storage", "done", None),
        ("images", "done", 12),
        ("batches", "done", 1),
        ("metadata", "done", None),
        ("results check", "done", 0),
        ("subject", "done", None),
        ("subject check", "done", 0),
        ("images check", "done", 0),
        ("batches check", "done", 0),
    ]
    times = [step.at for step in receipt.steps]
    assert times == sorted(times)
    assert ErasureReceipt.from_json(receipt.to_json()) == receipt
    assert pickle.loads(pickle.dumps(receipt)) == receipt
    assert "yes, every check was made" in str(receipt)
    assert "dry" not in receipt.to_json() + str(receipt)
    document = json.loads(receipt.to_json())
    assert set(document) == {
        *("format", "service", "sandbox", "client", "reference"),
        *("company_id", "dataset_id", "subject_id", "keep_subject", "batches", "steps"),
        *("observed", "findings", "unchecked", "verified", "checksum"),
    }
    assert document["service"] == sandbox.base_url
    assert document["sandbox"] is True
    assert "simulator (sandbox)" in str(receipt)
    [batch] = receipt.batches
    assert len(batch.image_ids) == 12


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
        receipt = haut.erase_subject(subject_id, on_step=reported.append)
    names = [step.name for step in receipt.steps]
    assert {operation: len(steps) for operation, steps in steps_before.items()} == {
        "update_subject": names.index("observation"),
        "clear_subject_storage": names.index("storage"),
        "list_images": names.index("images"),
        "delete_image": names.index("images"),
        "list_batches": names.index("batches"),
        "delete_batch": names.index("batches"),
        "clear_subject_metadata": names.index("metadata"),
        "list_image_results": names.index("results check"),
        "list_aux_images": names.index("results check"),
        "get_batch_results_v3": names.index("results check"),
        "delete_subject": names.index("subject"),
        "list_subjects": names.index("subject check"),
        "get_image": names.index("images check"),
    }
    assert reported[-1] == receipt


def test_ids_are_reported_before_the_images_are_deleted(sandbox: Sandbox, subject_id: UUID) -> None:
    """Otherwise a process that is killed could not check the results of images deleted earlier."""
    reported: list[ErasureReceipt] = []
    known: list[int] = []

    def record(request: Request) -> None:
        if request.operation in ("delete_image", "delete_batch"):
            known.append(sum(1 + len(batch.image_ids) for batch in reported[-1].batches))

    sandbox.before_request = record
    with Haut(**sandbox.credentials) as haut:
        haut.erase_subject(subject_id, on_step=reported.append)
    assert known == [13] * 13


def test_keep_subject_erases_everything_but_the_subject(sandbox: Sandbox, subject_id: UUID) -> None:
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id, keep_subject=True)
        assert receipt.verified
        assert_erased(sandbox, kept=True)
        receipt = haut.erase_subject(subject_id)
    assert receipt.verified
    assert_erased(sandbox)


BOUNDARIES = [
    ("update_subject", 0),
    ("clear_subject_storage", 0),
    ("list_images", 0),
    ("list_images", 1),
    ("delete_image", 0),
    ("delete_image", 11),
    ("list_images", 2),
    ("list_batches", 0),
    ("delete_batch", 0),
    ("list_batches", 1),
    ("clear_subject_metadata", 0),
    ("list_image_results", 0),
    ("list_aux_images", 11),
    ("get_batch_results_v3", 0),
    ("delete_subject", 0),
    ("update_subject", 1),
    ("list_subjects", 0),
    ("list_images", 3),
    ("get_image", 11),
    ("list_batches", 2),
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
        assert first.steps[-1].status == "unknown"
        assert first.steps[-1].reason == "TransportError"
        receipt = haut.erase_subject(subject_id, receipt=first)
    assert_erased(sandbox)
    assert receipt.verified
    assert receipt.steps[: len(first.steps)] == first.steps
    assert {step.status for step in receipt.steps[len(first.steps) :]} <= {"done", "already gone"}


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
        assert {step.name: step.count for step in receipt.steps if step.status == "found"} == {
            "images check": 1,
            "batches check": 1,
        }
        assert receipt.conclusion == "no, the service still has data: photos, uploads"
        sandbox.before_request = None
        assert (haut.erase_subject(subject_id, keep_subject=True)).verified


def test_records_that_cannot_be_deleted_fail_the_verification(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    for operation in ("delete_image", "delete_batch"):
        sandbox.faults.add(operation, NOT_FOUND, times=None)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id, keep_subject=True)
    assert not receipt.verified
    assert [step.count for step in receipt.steps if step.name == "images"] == [0]
    assert receipt.findings == ("images check", "batches check")
    assert [step.count for step in receipt.steps if step.name == "images check"] == [12]


def test_remaining_metadata_fails_the_verification(sandbox: Sandbox, subject_id: UUID) -> None:
    false_success = faults.status(200, b'{"status": "ok"}', content_type="application/json")
    sandbox.faults.add("clear_subject_metadata", false_success)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id, keep_subject=True)
    assert not receipt.verified
    assert receipt.findings == ("metadata check",)


def test_remaining_subject_fails_the_verification(sandbox: Sandbox, subject_id: UUID) -> None:
    sandbox.faults.add("delete_subject", faults.status(204))  # responds without deleting
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
        assert not receipt.verified
        assert receipt.findings == ("subject check",)
        assert "the service still has data: the person's record" in str(receipt)
        receipt = haut.erase_subject(subject_id, receipt=receipt)
    assert receipt.verified
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
    [_, step] = caught.value.receipt.steps
    assert (step.name, step.status, step.reason) == ("storage", "refused", "Forbidden 403")
    assert "Forbidden 403" in str(caught.value.receipt)
    assert "deleted" not in str(caught.value.receipt)
    assert isinstance(caught.value.cause, Forbidden)
    assert str(caught.value.cause) in str(caught.value)
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize("status", [403, 404, 405])
@pytest.mark.parametrize(
    ("operation", "steps"),
    [
        ("list_batches", ["batches", "batches check"]),
        ("list_image_results", ["results check"]),
        ("get_batch_results_v3", ["results check"]),
    ],
)
def test_errors_of_undocumented_routes_do_not_stop_the_erasure(
    sandbox: Sandbox, subject_id: UUID, operation: str, steps: list[str], status: int
) -> None:
    """If an undocumented route fails, the erasure continues, but its receipt is not verified.

    A 404 that is not in the service's own format does not prove that there is nothing.
    """
    sandbox.faults.add(operation, faults.status(status), times=None)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
    failed = [step for step in receipt.steps if step.status not in ("done", "already gone")]
    assert [step.name for step in failed] == steps
    assert {step.status for step in failed} == {"unknown" if status == 404 else "refused"}
    assert all(str(step.reason).endswith(str(status)) for step in failed)
    assert not receipt.verified
    assert receipt.unchecked == (steps[-1],)
    assert receipt.conclusion.startswith("no, not checked: ")
    assert receipt.steps[-1].name == "batches check"
    assert_erased(sandbox)


def test_refused_deletion_of_a_batch_is_reported(sandbox: Sandbox, subject_id: UUID) -> None:
    """The batch is deleted with its subject, which is checked afterwards."""
    refused = b'{"errors":[{"code":"permission_denied","detail":"text","attr":null}]}'
    fault = faults.status(403, refused, content_type="application/json")
    sandbox.faults.add("delete_batch", fault, times=None)
    with Haut(**sandbox.credentials) as haut:
        kept = haut.erase_subject(subject_id, keep_subject=True)
        assert kept.findings == ("batches check",)
        receipt = haut.erase_subject(subject_id)
    assert receipt.verified
    [step] = [step for step in receipt.steps if step.name == "batches"]
    assert (step.status, step.reason) == ("refused", "Forbidden 403 permission_denied")
    assert "refused by the service" in str(receipt)
    assert_erased(sandbox)


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
    remains = faults.status(200, body, content_type="application/json")
    sandbox.faults.add(operation, remains, times=2)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
        assert [(step.name, step.status) for step in receipt.steps if step.count] == [
            *(("images", "done"), ("batches", "done"), ("results check", "found"))
        ]
        assert not receipt.verified
        assert_erased(sandbox)
        stored = ErasureReceipt.from_json(receipt.to_json())
        if operation == "get_batch_results_v3":
            again = haut.erase_subject(subject_id, receipt=stored)
            assert again.findings == ("results check",)
            assert not again.verified
            stored = again
        checked = haut.erase_subject(subject_id, receipt=stored)
    assert checked.verified
    assert sandbox.faults.pending == []


def test_receipt_of_another_subject_is_rejected(sandbox: Sandbox, subject_id: UUID) -> None:
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
        with pytest.raises(ConfigError):
            haut.erase_subject(uuid4(), receipt=receipt)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"steps": 3}', '{"steps": [{"name": 1}]}'])
def test_text_that_is_not_a_receipt_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ErasureReceipt.from_json(text)


@pytest.mark.parametrize(
    "operation",
    ["update_subject", "clear_subject_storage", "delete_subject", "list_images", "get_image"],
)
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
        receipt = caught_again.value.receipt
        assert not receipt.verified
        assert "already gone" not in {step.status for step in receipt.steps}
        sandbox.faults.clear()
        assert (haut.erase_subject(subject_id, receipt=receipt)).verified
    assert_erased(sandbox)


def test_erasure_of_an_unknown_subject_is_not_verified_after_a_failed_first_step(
    sandbox: Sandbox,
) -> None:
    sandbox.faults.add("update_subject", faults.status(500))
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        unknown = uuid4()
        with pytest.raises(ErasureIncomplete) as caught:
            haut.erase_subject(unknown)
        with pytest.raises(NotFound):
            haut.erase_subject(unknown, receipt=caught.value.receipt)


@pytest.mark.parametrize("other_dataset", [False, True])
@pytest.mark.parametrize("operation", ["update_subject", "clear_subject_storage"])
def test_nothing_is_erased_before_the_subject_was_observed(
    sandbox: Sandbox, subject_id: UUID, operation: str, other_dataset: bool
) -> None:
    """A retried request gets the service's 404, which must not count as success."""
    before = sandbox.snapshot()
    with Haut(**sandbox.credentials) as haut:
        dataset_id = (haut.datasets.create("other")).id if other_dataset else None
        erased = subject_id if other_dataset else uuid4()
        sandbox.faults.add(operation, faults.bad_gateway())
        with pytest.raises(NotFound):
            haut.erase_subject(erased, dataset_id=dataset_id)
    assert sandbox.snapshot()["subjects"] == before["subjects"]
    assert {request.method for request in sandbox.requests} <= {"PATCH", "POST"}


def test_absence_needs_the_support_of_the_list_of_subjects(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    """A gateway can respond in the same format as the service, without having done anything."""
    sandbox.faults.add("delete_subject", NOT_FOUND, times=None)
    sandbox.faults.add("update_subject", NOT_FOUND, times=None, skip=1)
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(ErasureIncomplete) as caught:
            haut.erase_subject(subject_id)
        receipt = caught.value.receipt
        assert (receipt.steps[-1].name, receipt.steps[-1].status) == ("subject", "unknown")
        assert not receipt.verified
        sandbox.faults.clear()
        assert (haut.erase_subject(subject_id, receipt=receipt)).verified
    assert_erased(sandbox)


def test_missing_route_does_not_prove_that_the_subject_is_gone(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    sandbox.faults.add("list_batches", NOT_FOUND)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
    statuses = {step.name: step.status for step in receipt.steps}
    assert statuses["batches"] == "unknown"
    assert statuses["metadata"] == "done"
    assert receipt.verified


@pytest.mark.parametrize("status", [400, 403, 405])
def test_subject_is_observed_in_the_list_if_an_update_is_refused(
    sandbox: Sandbox, subject_id: UUID, status: int
) -> None:
    sandbox.faults.add("update_subject", faults.status(status), times=None)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
        assert receipt.observed
        assert receipt.unchecked == ("subject check",)
        with pytest.raises(ErasureIncomplete):
            haut.erase_subject(uuid4())
    assert_erased(sandbox)


def test_record_of_another_subject_observes_nothing(sandbox: Sandbox, subject_id: UUID) -> None:
    other = next(key for key in sandbox.database.subjects if key != str(subject_id))
    with Haut(**sandbox.credentials) as haut:
        with capture_responses() as responses:
            haut.subjects.update(other)
        body = responses[0].response.content
        sandbox.faults.add(
            "update_subject", faults.status(200, body, content_type="application/json")
        )
        with pytest.raises(ErasureIncomplete) as caught:
            haut.erase_subject(subject_id)
    assert isinstance(caught.value.cause, UnexpectedResponse)
    assert not caught.value.receipt.observed
    assert len(sandbox.requests) == 2


def test_images_that_are_listed_again_after_their_deletion(
    sandbox: Sandbox, subject_id: UUID
) -> None:
    sandbox.faults.add("delete_image", faults.status(204), times=None)  # responds without deleting
    sandbox.faults.add("delete_batch", faults.status(204), times=None)
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id, keep_subject=True)
    assert receipt.findings == ("images check", "batches check")
    assert sandbox.received("delete_image") == 12


def test_reference_and_checksum(sandbox: Sandbox, subject_id: UUID) -> None:
    with Haut(**sandbox.credentials, max_retries=0) as haut:
        sandbox.faults.add("clear_subject_metadata", faults.status(500))
        with pytest.raises(ErasureIncomplete) as caught:
            haut.erase_subject(subject_id, reference="case 2026/17")
        receipt = caught.value.receipt
        with pytest.raises(ConfigError, match="another reference"):
            haut.erase_subject(subject_id, receipt=receipt, reference="case 2026/18")
        receipt = haut.erase_subject(subject_id, receipt=receipt)
    assert re.search(r"Case reference +case 2026/17\n", str(receipt))
    text = receipt.to_json()
    assert ErasureReceipt.from_json(text) == receipt
    for old, new in (("2026/17", "2026/18"), ("true", "false"), ('"done"', '"refused"')):
        with pytest.raises(ValueError, match="changed or damaged"):
            ErasureReceipt.from_json(text.replace(old, new, 1))
    with pytest.raises(ValueError, match="another version"):
        ErasureReceipt.from_json(text.replace("receipt/1", "receipt/2"))


@pytest.mark.parametrize("reference", ["", "x" * 201, "two\nlines", "\x1b[2J", "\u202e", 17])
def test_invalid_reference_is_rejected_before_any_request(
    sandbox: Sandbox, subject_id: UUID, reference: Any
) -> None:
    with Haut(**sandbox.credentials) as haut:
        with pytest.raises(ConfigError, match="reference"):
            haut.erase_subject(subject_id, reference=reference)
    assert sandbox.requests == []


def test_receipt_of_another_service_is_rejected(sandbox: Sandbox, subject_id: UUID) -> None:
    with Haut(**sandbox.credentials) as haut:
        receipt = haut.erase_subject(subject_id)
        elsewhere = evolve(receipt, service="https://saas.haut.ai")
        with pytest.raises(ConfigError, match="service"):
            haut.erase_subject(subject_id, receipt=elsewhere)
