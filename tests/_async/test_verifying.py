"""Tests that a verification adds dated results to a receipt, and that no finding is ever hidden."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve, frozen

from haut_ext import AsyncHaut, ConfigError, ErasureReceipt, VerificationIncomplete
from haut_ext.sandbox import Fault, Sandbox, faults
from haut_ext.sandbox.records import Subject

pytestmark = pytest.mark.anyio

JSON = "application/json"
NOT_FOUND = faults.status(404, b'{"detail": "Not found."}', content_type=JSON)
PROXY_404 = faults.bad_gateway(404)
RESULTS_V3 = faults.status(200, b'{"face_skin_metrics_3": {}}', content_type=JSON)


@frozen
class Erased:
    """A subject that was erased, and the receipt."""

    sandbox: Sandbox
    subject: Subject
    receipt: ErasureReceipt
    first_request: int

    @property
    def requests(self) -> list[Any]:
        """Requests that arrived after the erasure."""
        return self.sandbox.requests[self.first_request :]

    def create_again(self) -> None:
        """Let the subject exist again, with the same id."""
        with self.sandbox.database.lock:
            self.subject.dataset.subjects[self.subject.id] = self.subject
            self.sandbox.database.subjects[self.subject.id] = self.subject

    def delete_again(self) -> None:
        with self.sandbox.database.lock:
            self.sandbox.database.delete_subject(self.subject)

    def client(self, **options: Any) -> AsyncHaut:
        return AsyncHaut(**self.sandbox.credentials, **options)


@pytest.fixture
async def erased(short_backoff: None) -> AsyncIterator[Erased]:
    with Sandbox() as sandbox:
        other, subject = sandbox.add_subjects(2)
        sandbox.add_images(other, 1, photo=b"photo")
        sandbox.add_images(subject, 2, photo=b"photo")
        async with AsyncHaut(**sandbox.credentials) as haut:
            receipt = await haut.erase_subject(subject.id, reference="case 17")
        yield Erased(sandbox, subject, receipt, len(sandbox.requests))


def statuses(receipt: ErasureReceipt) -> dict[str, str]:
    """Return the results of the last verification by the names of its steps."""
    return {step.name: step.status for step in receipt.verifications[-1]}


ALL_DONE = {
    "verification": "done",
    "subject check": "done",
    "images check": "done",
    "batches check": "done",
    "results check": "done",
}


async def test_verification_adds_dated_results_and_changes_nothing(erased: Erased) -> None:
    before = erased.sandbox.snapshot()
    reported: list[ErasureReceipt] = []
    steps_before_requests: list[int] = []
    erased.sandbox.before_request = lambda _: steps_before_requests.append(len(reported))
    async with erased.client() as haut:
        receipt = await haut.verify_erasure(erased.receipt, on_step=reported.append)
    assert receipt.verified
    assert receipt.continues(erased.receipt)
    assert receipt == reported[-1] == ErasureReceipt.from_json(receipt.to_json())
    assert receipt.reference == "case 17"
    added = receipt.steps[len(erased.receipt.steps) :]
    assert (added,) == receipt.verifications
    assert statuses(receipt) == ALL_DONE
    assert all(step.at > erased.receipt.steps[-1].at for step in added)
    assert steps_before_requests[0] == 1, "the verification is recorded before the first request"
    assert {request.method for request in erased.requests} == {"PATCH", "GET"}
    assert erased.sandbox.snapshot() == before
    received = [request.operation for request in erased.requests]
    for operation in ("get_image", "list_image_results", "list_aux_images"):
        assert received.count(operation) == 2
    assert received.count("get_batch_results_v3") == 1


def subject_exists(erased: Erased) -> None:
    erased.create_again()


def subject_is_listed(erased: Erased) -> None:
    erased.create_again()
    erased.sandbox.faults.add("update_subject", NOT_FOUND, times=None)


def images_exist(erased: Erased) -> None:
    """The list of images is gone with the subject, but an image is returned by its id."""
    other = next(iter(erased.sandbox.database.images.values()))
    image_id = str(erased.receipt.batches[0].image_ids[1])
    with erased.sandbox.database.lock:
        erased.sandbox.database.images[image_id] = replace(other, id=image_id)


def uploads_exist(erased: Erased) -> None:
    """The subject has new photos, whose ids are not in the receipt."""
    erased.create_again()
    erased.sandbox.add_images(erased.subject, 2, photo=b"photo")


def results_exist(erased: Erased) -> None:
    erased.sandbox.faults.add("get_batch_results_v3", RESULTS_V3)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (subject_exists, {"subject check"}),
        (subject_is_listed, {"subject check"}),
        (images_exist, {"images check"}),
        (uploads_exist, {"subject check", "images check", "batches check"}),
        (results_exist, {"results check"}),
    ],
)
async def test_finding_stays_until_the_same_check_finds_nothing(
    erased: Erased, change: Callable[[Erased], None], found: set[str]
) -> None:
    change(erased)
    async with erased.client(max_retries=0) as haut:
        receipt = await haut.verify_erasure(erased.receipt)
        assert set(receipt.findings) == found
        assert {name for name, status in statuses(receipt).items() if status == "found"} == found
        assert receipt.conclusion.startswith("no, the service still has data")
        assert not receipt.verified
        erased.sandbox.faults.clear()
        for fault in (
            faults.bad_gateway(502),
            faults.unauthorized(),
            PROXY_404,
            faults.truncated(),
        ):
            erased.sandbox.faults.add("*", fault, times=None)
            with pytest.raises(VerificationIncomplete, match="still has data") as caught:
                await haut.verify_erasure(receipt)
            receipt = ErasureReceipt.from_json(caught.value.receipt.to_json())
            assert set(receipt.findings) == found, "a check without an answer clears no finding"
            assert not receipt.verified
            erased.sandbox.faults.clear()
        if erased.subject.id in erased.sandbox.database.subjects:
            erased.delete_again()
        for image_id in erased.receipt.batches[0].image_ids:
            erased.sandbox.database.images.pop(str(image_id), None)
        receipt = await haut.verify_erasure(receipt)
    assert statuses(receipt) == ALL_DONE
    assert receipt.verified
    assert "1 verifications, of which 1 found data" in str(receipt)


async def test_images_that_a_check_has_found_are_checked_by_their_ids_afterwards(
    erased: Erased,
) -> None:
    uploads_exist(erased)
    [*_, image] = erased.subject.images.values()
    async with erased.client() as haut:
        receipt = await haut.verify_erasure(erased.receipt)
        assert UUID(image.id) in {it for batch in receipt.batches for it in batch.image_ids}
        erased.delete_again()
        with erased.sandbox.database.lock:
            erased.sandbox.database.images[image.id] = image
        receipt = await haut.verify_erasure(receipt)
    assert receipt.findings == ("images check",)


CHECKS: dict[str, set[str]] = {
    "update_subject": {"subject check", "images check", "batches check"},
    "list_subjects": {"subject check", "images check", "batches check"},
    "list_images": {"images check"},
    "get_image": {"images check"},
    "list_batches": {"batches check"},
    "list_image_results": {"results check"},
    "list_aux_images": {"results check"},
    "get_batch_results_v3": {"results check"},
}
"""Checks that are not answered if an operation fails, by the name of the operation.

That the lists of the subject do not exist proves something only if the subject does not exist.
"""

FAULTS: dict[str, tuple[Fault, str]] = {
    "502": (faults.bad_gateway(502), "unknown"),
    "reset": (faults.reset("after"), "unknown"),
    "truncated": (faults.truncated(), "unknown"),
    "truncated JSON": (faults.truncated_json(), "unknown"),
    "garbage": (faults.garbage(), "unknown"),
    "404 of a proxy": (PROXY_404, "unknown"),
    "404 without a body": (faults.status(404), "unknown"),
    "login page": (faults.login_page(), "unknown"),
    "200 without a body": (faults.empty(), "unknown"),
    "false 204": (faults.status(204), "unknown"),
    "redirect": (faults.redirect("https://portal.example/"), "unknown"),
    "401": (faults.unauthorized(), "refused"),
    "403": (faults.status(403, b'{"detail": "No."}', content_type=JSON), "refused"),
    "429": (faults.rejected(429), "refused"),
}


async def test_check_that_was_not_answered_proves_nothing(erased: Erased) -> None:
    """A receipt that is verified stays so, and one that is not does not become verified."""
    unverified = evolve(erased.receipt, steps=erased.receipt.steps[:-1])
    for name, (fault, status) in FAULTS.items():
        erased.sandbox.faults.add("*", fault, times=None)
        async with erased.client(max_retries=0) as haut:
            for receipt in (erased.receipt, unverified):
                with pytest.raises(VerificationIncomplete) as caught:
                    await haut.verify_erasure(receipt)
                later = caught.value.receipt
                expected = {**dict.fromkeys(ALL_DONE, status), "verification": "done"}
                assert statuses(later) == expected, name
                assert later.verified == receipt.verified
                assert "got no answer about" in later.conclusion or not later.verified
                assert "nothing found; NO ANSWER" not in str(later)
                assert "NO ANSWER about" in str(later)
        erased.sandbox.faults.clear()


async def test_other_checks_are_made_if_one_is_not_answered(erased: Erased) -> None:
    unverified = evolve(erased.receipt, steps=erased.receipt.steps[:-1])
    assert unverified.unchecked == ("batches check",)
    async with erased.client() as haut:
        for operation, failed in CHECKS.items():
            erased.sandbox.faults.add(operation, PROXY_404, times=None)
            with pytest.raises(VerificationIncomplete) as caught:
                await haut.verify_erasure(unverified)
            later = caught.value.receipt
            assert statuses(later) == {**ALL_DONE, **dict.fromkeys(failed, "unknown")}, operation
            assert later.verified == ("batches check" not in failed)
            erased.sandbox.faults.clear()


RESULT = b"""[{"id": "6f0b8a0e-1c1f-4b1e-9f57-7a7f3f2f5f10", "result": 41.0}]"""


@pytest.mark.parametrize("end", ["error", "interrupted"])
@pytest.mark.parametrize(
    ("operation", "failing", "check"),
    [("list_images", "get_image", "images check"), ("list_image_results", "*", "results check")],
)
async def test_data_that_was_seen_before_a_check_failed_is_a_finding(
    erased: Erased, operation: str, failing: str, check: str, end: str
) -> None:
    """The check is not completed, but what it has seen proves that the service still has data."""
    if operation == "list_images":
        uploads_exist(erased)
    else:
        erased.sandbox.faults.add(operation, faults.status(200, RESULT, content_type=JSON))
    reported: list[ErasureReceipt] = []

    def seen() -> bool:
        return operation in [request.operation for request in erased.requests]

    def fail(request: Any) -> None:
        if seen() and request.operation != operation:
            erased.sandbox.faults.add(failing, faults.bad_gateway(502), times=None)

    def stop(_: object) -> None:
        if seen() and end == "interrupted":
            raise KeyError("the process ends")

    erased.sandbox.before_request = fail
    async with erased.client(max_retries=0, event_hooks={"request": [stop]}) as haut:
        with pytest.raises(VerificationIncomplete if end == "error" else KeyError):
            await haut.verify_erasure(erased.receipt, on_step=reported.append)
    assert check in reported[-1].findings
    assert not reported[-1].verified


async def test_transient_failures_are_retried(erased: Erased) -> None:
    for operation in CHECKS:
        erased.sandbox.faults.add(operation, faults.reset("after"))
    async with erased.client() as haut:
        receipt = await haut.verify_erasure(erased.receipt)
    assert statuses(receipt) == ALL_DONE
    assert erased.sandbox.faults.pending == []


async def test_verification_that_stops_says_so(erased: Erased) -> None:
    reported: list[ErasureReceipt] = []

    def stop(receipt: ErasureReceipt) -> None:
        reported.append(receipt)
        if len(reported) == 3:
            raise KeyError("the disk is full")

    async with erased.client() as haut:
        with pytest.raises(KeyError):
            await haut.verify_erasure(erased.receipt, on_step=stop)
    assert reported[-1].verified
    assert "got no answer about uploads, analysis results" in reported[-1].conclusion
    assert "STOPPED after 2 of 4 checks" in str(reported[-1])


async def test_receipt_of_another_scope_is_refused_before_any_request(erased: Erased) -> None:
    reported: list[ErasureReceipt] = []
    scopes: dict[str, Any] = {
        "service": "https://saas.haut.ai",
        "company_id": uuid4(),
        "dataset_id": uuid4(),
    }
    async with erased.client() as haut:
        for name, value in scopes.items():
            other = evolve(erased.receipt, **{name: value})
            with pytest.raises(ConfigError, match="another service, company or dataset"):
                await haut.verify_erasure(other, on_step=reported.append)
        with pytest.raises(ConfigError, match="another service, company or dataset"):
            await haut.verify_erasure(erased.receipt, dataset_id=uuid4(), on_step=reported.append)
    assert reported == []
    assert erased.requests == []


async def test_dataset_of_the_receipt_is_used(erased: Erased) -> None:
    credentials: dict[str, Any] = {**erased.sandbox.credentials, "dataset_id": None}
    dataset_id = erased.receipt.dataset_id
    async with AsyncHaut(**credentials) as haut:
        assert (await haut.verify_erasure(erased.receipt)).verified
        credentials["dataset_id"] = uuid4()
    async with AsyncHaut(**credentials) as haut:
        assert (await haut.verify_erasure(erased.receipt, dataset_id=dataset_id)).verified


async def test_person_who_was_created_again_has_another_id(erased: Erased) -> None:
    """The receipt contains no name, so that this is a limit, which the page states."""
    with erased.sandbox.database.lock:
        erased.sandbox.database.create_subject(erased.subject.name)
    async with erased.client() as haut:
        receipt = await haut.verify_erasure(erased.receipt)
    assert receipt.verified
    assert "If the person was entered again" in str(receipt)


async def test_kept_subject_is_verified_by_its_attributes(erased: Erased) -> None:
    [other] = list(erased.sandbox.database.subjects.values())
    async with erased.client() as haut:
        receipt = await haut.erase_subject(other.id, keep_subject=True)
        receipt = await haut.verify_erasure(receipt)
        assert receipt.verified
        with erased.sandbox.database.lock:
            other.meta = {"skin": "dry"}
        receipt = await haut.verify_erasure(receipt)
        assert receipt.findings == ("metadata check",)
        assert "dry" not in receipt.to_json() + str(receipt)
        receipt = await haut.erase_subject(other.id, keep_subject=True, receipt=receipt)
        assert receipt.verified
    assert [it[0].name for it in receipt.verifications] == ["verification"] * 2


async def test_erasure_that_was_never_observed_is_not_verified(erased: Erased) -> None:
    async with erased.client() as haut:
        receipt = await haut.verify_erasure(evolve(erased.receipt, steps=()))
    assert statuses(receipt) == ALL_DONE
    assert not receipt.verified
    assert receipt.conclusion == "no, the service has not shown the person in this dataset"
