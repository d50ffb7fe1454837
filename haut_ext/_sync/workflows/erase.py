# Derived from haut_ext/_async/workflows/erase.py by `make sync`; change that file instead.
"""Erasure: files, image records, batches, metadata, subject, in this order; then asking what is
left.

The subject goes last, because it is what everything else hangs on: a crash at any earlier point
leaves a subject that a second call finds and finishes. Every step may be repeated harmlessly.

Results and auxiliary images cannot be deleted by themselves. Whether they went with their images is
asked while the subject is still there, when a "not found" is about them. The routes of this step
and of batches are known from clients only (api-facts 8): a refusal there stands in the receipt,
denies the verification, and does not keep the subject from being erased.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from attrs import define, evolve, field

from haut_api.models import Batch
from haut_ext._sync.resources.batches import Batches
from haut_ext._sync.resources.images import Images
from haut_ext._sync.resources.subjects import Subjects
from haut_ext.erasure_receipt import (
    ErasureReceipt,
    ErasureStep,
    ErasureStepName,
    ErasureStepStatus,
)
from haut_ext.errors import (
    ApiError,
    HautError,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedResponse,
)
from haut_ext.types import Page
from haut_ext.workflow_errors import ErasureIncomplete

_INFERRED: set[ErasureStepName] = {"batches", "results"}


def erase_subject(
    subjects: Subjects,
    images: Images,
    batches: Batches,
    receipt: ErasureReceipt,
    on_step: Callable[[ErasureReceipt], None] | None = None,
) -> ErasureReceipt:
    """Erase everything of the receipt's subject; see `Haut.erase_subject`.

    Args:
        subjects: The client's subjects.
        images: The client's images.
        batches: The client's batches.
        receipt: Without steps, or with those of an earlier call, which this one completes.
        on_step: Called with the receipt so far after each step, for who must survive the death of
            this process.
    """
    erasure = _Erasure(subjects, images, batches, receipt, on_step)
    begun_before = bool(receipt.steps)
    try:
        # The first step names subject and dataset together: an unknown subject or a wrong dataset
        # ends here, before anything has been touched.
        erasure.step("storage", erasure.clear_storage)
    except NotFound:
        if not begun_before:
            raise
        # An earlier call came as far as the subject itself, and its answer was lost.
        erasure.note("subject", "already gone")
    else:
        erasure.step("images", erasure.delete_images)
        erasure.step("batches", erasure.delete_batches)
        erasure.step("metadata", erasure.clear_metadata)
        erasure.step("results", erasure.count_results)
        if not receipt.keep_subject:
            erasure.step("subject", erasure.delete_subject)
    erasure.step("verification", erasure.count_what_is_left)
    return evolve(erasure.receipt, verified=erasure.nothing_left)


@define
class _Erasure:
    """The steps of one call, and the receipt as it grows."""

    subjects: Subjects
    images: Images
    batches: Batches
    receipt: ErasureReceipt
    on_step: Callable[[ErasureReceipt], None] | None
    erased: dict[UUID, list[UUID]] = field(factory=dict[UUID, list[UUID]])
    """The batches that this call found, with the images that it deleted of them."""
    nothing_left: bool = True

    @property
    def subject_id(self) -> UUID:
        return self.receipt.subject_id

    @property
    def dataset_id(self) -> UUID:
        return self.receipt.dataset_id

    def step(self, name: ErasureStepName, work: Callable[[], int | None]) -> None:
        """Do one step and note it; a step that fails ends the erasure with the receipt so far."""
        try:
            count = work()
        except HautError as error:
            if name == "storage" and isinstance(error, NotFound):
                raise
            if name in _INFERRED and _refused(error):
                self.nothing_left = False
                self.note(name, "failed", reason=_reason(error))
                return
            raise self._failed(name, error) from error
        left_over = name in ("results", "verification") and count != 0
        self.nothing_left = self.nothing_left and not left_over
        self.note(name, "failed" if left_over else "done", count)

    def note(
        self,
        name: ErasureStepName,
        status: ErasureStepStatus,
        count: int | None = None,
        reason: str | None = None,
    ) -> None:
        step = ErasureStep(name, status, datetime.now(UTC), count, reason)
        self.receipt = evolve(self.receipt, steps=(*self.receipt.steps, step))
        if self.on_step is not None:
            self.on_step(self.receipt)

    def clear_storage(self) -> None:
        self.subjects.clear_storage(self.subject_id, dataset_id=self.dataset_id)

    def delete_images(self) -> int:
        """Delete image records until a list read afterwards is empty; return how many they were."""
        deleted = 0
        while True:
            page = self.images.list(self.subject_id)
            if not page.items:
                return deleted
            if deleted:
                self.clear_storage()  # for files that came after the first time
            before = deleted
            for image in page:
                self.erased.setdefault(image.image_batch_id, []).append(image.id)
                with suppress(NotFound):  # someone else was faster
                    self.images.delete(image.id)
                    deleted += 1
            if deleted == before:
                return deleted  # listed, and not there to be deleted: the verification will tell

    def delete_batches(self) -> int:
        """Delete batches until a list read afterwards is empty; return how many they were."""
        deleted = 0
        while batches := self._some_batches():
            before = deleted
            for batch in batches:
                self.erased.setdefault(batch.id, [])
                with suppress(NotFound):
                    self.batches.delete(self.subject_id, batch.id, dataset_id=self.dataset_id)
                    deleted += 1
            if deleted == before:
                break
        return deleted

    def _some_batches(self) -> Page[Batch] | None:
        with suppress(NotFound):  # also where the service has no such route
            return self.batches.list(self.subject_id, dataset_id=self.dataset_id)
        return None

    def count_results(self) -> int:
        """Ask for the results and auxiliary images of what this call deleted."""
        return sum(
            [
                self.batches.count_results(
                    self.subject_id, batch_id, image_ids, dataset_id=self.dataset_id
                )
                for batch_id, image_ids in self.erased.items()
            ]
        )

    def clear_metadata(self) -> None:
        self.subjects.clear_metadata(self.subject_id, dataset_id=self.dataset_id)

    def delete_subject(self) -> None:
        self.subjects.delete(self.subject_id, dataset_id=self.dataset_id)

    def count_what_is_left(self) -> int:
        """Ask the service again; return how many things it still has."""
        if self.receipt.keep_subject:
            # A change of nothing is the only way to read one subject.
            subject = self.subjects.update(self.subject_id, dataset_id=self.dataset_id)
            kept = (subject.birth_date, subject.biological_sex, subject.meta)
            return self._images_left() + sum(value is not None for value in kept)
        return self._images_left() + self._subject_left()

    def _images_left(self) -> int:
        try:
            return (self.images.list(self.subject_id)).total
        except NotFound:
            return 0  # with the subject gone there is nothing to list

    def _subject_left(self) -> int:
        try:
            self.delete_subject()
        except NotFound:
            return 0
        return 1  # it was still there, or there again

    def _failed(self, name: ErasureStepName, error: HautError) -> ErasureIncomplete:
        self.note(name, "failed", reason=_reason(error))
        return ErasureIncomplete(
            f"the erasure of subject {self.subject_id} stopped at the step '{name}'. Complete it with "
            f"erase_subject({str(self.subject_id)!r}, receipt=error.receipt): {error}",
            receipt=self.receipt,
            cause=error,
        )


def _reason(error: HautError) -> str:
    status = f" {error.status}" if isinstance(error, ApiError) else ""
    return type(error).__name__ + status


def _refused(error: HautError) -> bool:
    """Whether asking again would bring the same: the service has another route, or another answer."""
    if isinstance(error, ApiError):
        return not isinstance(error, ServerError | RateLimited | Unauthorized)
    return isinstance(error, UnexpectedResponse)
