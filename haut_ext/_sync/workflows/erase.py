# Derived from haut_ext/_async/workflows/erase.py by `make sync`; change that file instead.
"""Erases a subject: deletes its data in several steps, then verifies that nothing is left.

The subject itself is deleted last. If the process stops earlier, the subject still exists, so
another call can complete the erasure. Every step can be repeated safely.

Results and auxiliary images have no delete operation of their own. The step `results` therefore
checks that they were deleted with their images. It runs before the subject is deleted, because
afterwards a "not found" response could mean that the subject is missing. The routes for results and
batches are undocumented; they are known from public client programs only (api-facts 8). If the
service rejects a request to one of these routes, the receipt contains the error, the erasure counts
as unverified, and the remaining steps are carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from attrs import define, evolve, field

from haut_api.models import Batch
from haut_ext import errors
from haut_ext._sync.resources.batches import Batches
from haut_ext._sync.resources.images import Images
from haut_ext._sync.resources.subjects import Subjects
from haut_ext.erasure_receipt import ErasureReceipt, ErasureStep, ErasureStepName, ErasureStepStatus
from haut_ext.types import Page
from haut_ext.workflow_errors import ErasureIncomplete

_UNDOCUMENTED_ROUTES: set[ErasureStepName] = {"batches", "results"}


def erase_subject(
    subjects: Subjects,
    images: Images,
    batches: Batches,
    receipt: ErasureReceipt,
    on_step: Callable[[ErasureReceipt], None] | None = None,
) -> ErasureReceipt:
    """Erase all data of the receipt's subject. See `Haut.erase_subject`.

    Args:
        subjects: The client's `subjects` resource.
        images: The client's `images` resource.
        batches: The client's `batches` resource.
        receipt: A receipt without steps, or the receipt of an earlier, incomplete call.
        on_step: Called after each step with the current receipt. To survive a crash, persist every
            receipt passed to this function.
    """
    erasure = _Erasure(subjects, images, batches, receipt, on_step)
    try:
        # The first step's request contains both the subject and the dataset. If the subject is not
        # in the dataset, the erasure ends here without having changed anything.
        erasure.run("storage", erasure.clear_storage)
    except errors.NotFound:
        if not erasure.begun_before:
            raise
        # An earlier call deleted the subject, but did not receive the response.
        erasure.add_step("subject", "already gone")
    else:
        erasure.run("images", erasure.delete_images)
        erasure.run("batches", erasure.delete_batches)
        erasure.run("metadata", erasure.clear_metadata)
        erasure.run("results", erasure.count_results)
        if not receipt.keep_subject:
            erasure.run("subject", erasure.delete_subject)
    erasure.run("verification", erasure.count_remaining)
    new_steps = erasure.receipt.steps[len(receipt.steps) :]
    return evolve(erasure.receipt, verified=all(step.status != "failed" for step in new_steps))


@define
class _Erasure:
    """Carries out the steps of an erasure and records them in a receipt.

    Attributes:
        deleted_images: Ids of the images deleted so far, grouped by batch id.
        begun_before: Whether an earlier call completed a step, which proves that the subject existed.
    """

    subjects: Subjects
    images: Images
    batches: Batches
    receipt: ErasureReceipt
    on_step: Callable[[ErasureReceipt], None] | None
    deleted_images: dict[UUID, list[UUID]] = field(factory=dict[UUID, list[UUID]])
    begun_before: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.begun_before = any(step.status != "failed" for step in self.receipt.steps)

    def run(self, name: ErasureStepName, step: Callable[[], int | None]) -> None:
        """Carry out an erasure step and add it to the receipt.

        Raises:
            ErasureIncomplete: If the step failed and the erasure cannot continue without it.
            NotFound: If the subject does not exist when the first step is carried out.
        """
        try:
            count = step()
        except errors.HautError as error:
            if name == "storage" and isinstance(error, errors.NotFound) and self._is_final(error):
                raise
            status = f" {error.status}" if isinstance(error, errors.ApiError) else ""
            self.add_step(name, "failed", reason=type(error).__name__ + status)
            if name in _UNDOCUMENTED_ROUTES and _is_permanent(error):
                return
            subject_id = str(self.subject_id)
            raise ErasureIncomplete(
                f"the erasure of subject {subject_id} stopped at the step '{name}'. Complete it with "
                f"erase_subject({subject_id!r}, receipt=error.receipt): {error}",
                receipt=self.receipt,
                cause=error,
            ) from error
        is_check = name in ("results", "verification")
        self.add_step(name, "failed" if is_check and count else "done", count)

    def _is_final(self, error: errors.NotFound) -> bool:
        """Return whether the subject is known to be absent, or nothing has been erased yet."""
        return error.confirmed or not self.begun_before

    def add_step(
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

    @property
    def subject_id(self) -> UUID:
        return self.receipt.subject_id

    @property
    def dataset_id(self) -> UUID:
        return self.receipt.dataset_id

    def clear_storage(self) -> None:
        self.subjects.clear_storage(self.subject_id, dataset_id=self.dataset_id)

    def delete_images(self) -> int:
        """Delete image records until the list is empty; return the number of deleted records."""
        deleted = 0
        while page := self.images.list(self.subject_id):
            if deleted:
                self.clear_storage()  # delete photos uploaded since the first step
            before = deleted
            for image in page:
                self.deleted_images.setdefault(image.image_batch_id, []).append(image.id)
                with suppress(errors.NotFound):  # another client has already deleted the image
                    self.images.delete(image.id)
                    deleted += 1
            if deleted == before:
                break  # the list contains only deleted images; the verification counts them
        return deleted

    def delete_batches(self) -> int:
        """Delete batches until the list is empty; return the number of deleted batches."""
        deleted = 0
        while page := self._list_batches():
            before = deleted
            for batch in page:
                self.deleted_images.setdefault(batch.id, [])
                with suppress(errors.NotFound):
                    self.batches.delete(self.subject_id, batch.id, dataset_id=self.dataset_id)
                    deleted += 1
            if deleted == before:
                break
        return deleted

    def _list_batches(self) -> Page[Batch] | None:
        with suppress(errors.NotFound):  # a service without this route also responds with 404
            return self.batches.list(self.subject_id, dataset_id=self.dataset_id)
        return None

    def count_results(self) -> int:
        """Return how many results and auxiliary images the deleted images still have."""
        return sum(
            [
                self.batches.count_results(
                    self.subject_id, batch_id, image_ids, dataset_id=self.dataset_id
                )
                for batch_id, image_ids in self.deleted_images.items()
            ]
        )

    def clear_metadata(self) -> None:
        self.subjects.clear_metadata(self.subject_id, dataset_id=self.dataset_id)

    def delete_subject(self) -> None:
        self.subjects.delete(self.subject_id, dataset_id=self.dataset_id)

    def count_remaining(self) -> int:
        """Return how many images and attribute values of the subject the service still stores."""
        remaining = 0
        if self.receipt.keep_subject:
            # The API cannot read a single subject, but an update without changes returns it.
            subject = self.subjects.update(self.subject_id, dataset_id=self.dataset_id)
            values = (subject.birth_date, subject.biological_sex, subject.meta)
            remaining = sum(value is not None for value in values)
        with errors.ignore_confirmed_not_found():  # a deleted subject has no list of images
            remaining += (self.images.list(self.subject_id)).total
        if not self.receipt.keep_subject:
            with errors.ignore_confirmed_not_found():
                self.delete_subject()
                remaining += 1  # the deletion succeeded, so the subject still existed
        return remaining


def _is_permanent(error: errors.HautError) -> bool:
    """Return True if an identical request would fail again."""
    temporary = errors.ServerError | errors.RateLimited | errors.Unauthorized
    permanent = errors.ApiError | errors.UnexpectedResponse
    return isinstance(error, permanent) and not isinstance(error, temporary)
