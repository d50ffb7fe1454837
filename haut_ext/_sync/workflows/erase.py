# Derived from haut_ext/_async/workflows/erase.py by `make sync`; change that file instead.
"""Erases a subject: deletes its data in several steps, then checks that nothing is left.

Nothing is touched before the service has shown the subject in its dataset. The subject itself is
deleted last. If the process stops earlier, the subject still exists, so another call can complete
the erasure. Every step can be repeated safely. The receipt lists the ids of images and batches
before they are deleted, because the checks need them.

Results and auxiliary images have no delete operation of their own. The step `results check`
therefore checks that they were deleted with their images. It runs before the subject is deleted,
because then a "not found" response concerns the image, and not only its subject. If the subject is
already gone, the step is the best check that the API still offers.

The routes for results and batches are undocumented; they are known from public client programs only
(api-facts 8). If the service rejects a request to one of these routes, the receipt contains the
error, the erasure counts as unverified, and the remaining steps are carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from uuid import UUID

from attrs import define, evolve

from haut_api.models import Subject
from haut_api.types import UNSET
from haut_ext import errors
from haut_ext._http.response_capture import capture_responses
from haut_ext._sync.resources.batches import Batches
from haut_ext._sync.resources.images import Images
from haut_ext._sync.resources.subjects import Subjects
from haut_ext.erasure_receipt import (
    ErasedBatch,
    ErasureReceipt,
    ErasureStep,
    ErasureStepName,
    ErasureStepStatus,
    list_checks,
)
from haut_ext.workflow_errors import ErasureIncomplete, VerificationIncomplete

_UNDOCUMENTED_ROUTES: set[ErasureStepName] = {"batches", "results check", "batches check"}
_MAX_PASSES = 10
"""Maximum number of times that a list is read again to delete items added in the meantime."""


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
        receipt: A receipt without steps, or the receipt of an earlier call.
        on_step: Called with the current receipt whenever it changes, before the next request. To
            survive a crash, persist every receipt passed to this function.
    """
    erasure = _Erasure(subjects, images, batches, receipt, on_step)
    if erasure.observe():
        erasure.run("storage", erasure.clear_storage)
        erasure.run("images", erasure.delete_images)
        erasure.run("batches", erasure.delete_batches)
        erasure.run("metadata", erasure.clear_metadata)
    erasure.run_check("results check", erasure.count_results)
    if erasure.present and not receipt.keep_subject:
        erasure.run("subject", erasure.delete_subject)
    if receipt.keep_subject:
        erasure.run_check("metadata check", erasure.count_own_data)
    else:
        erasure.run_check("subject check", erasure.count_own_data)
    erasure.run_check("images check", erasure.count_images)
    erasure.run_check("batches check", erasure.count_batches)
    return erasure.receipt


def verify_erasure(
    subjects: Subjects,
    images: Images,
    batches: Batches,
    receipt: ErasureReceipt,
    on_step: Callable[[ErasureReceipt], None] | None = None,
) -> ErasureReceipt:
    """Make all checks of an erasure again. See `Haut.verify_erasure`.

    If a check fails, the others are made nevertheless. The results are checked last, so that the
    check covers images that the other checks have found.
    """
    erasure = _Erasure(subjects, images, batches, receipt, on_step, present=True)
    erasure.add_step("verification", "done")
    failures: list[errors.HautError] = []
    checks = (
        erasure.count_own_data,
        erasure.count_images,
        erasure.count_batches,
        erasure.count_results,
    )
    for name, check in zip(receipt.checks, checks, strict=True):
        if (error := erasure.check(name, check)) is not None:
            failures.append(error)
    if failures:
        receipt = erasure.receipt
        found = f"the service still has data: {list_checks(receipt.findings)}. Not all checks of"
        raise VerificationIncomplete(
            f"{found if receipt.findings else 'not all checks of'} subject {receipt.subject_id} were "
            f"made: {failures[0]} Call verify_erasure again with receipt=error.receipt.",
            receipt=receipt,
            cause=failures[0],
        )
    return erasure.receipt


@define
class _Erasure:
    """Carries out the steps of an erasure and records them in a receipt.

    Attributes:
        present: Whether the subject existed when it was last looked up.
        name: Name of the subject, once it was observed. It is not part of the receipt.
        found: Number of items that the current check has found so far.
    """

    subjects: Subjects
    images: Images
    batches: Batches
    receipt: ErasureReceipt
    on_step: Callable[[ErasureReceipt], None] | None
    present: bool = False
    name: str | None = None
    found: int = 0

    def observe(self) -> bool:
        """Look up the subject in its dataset, and return whether it exists.

        Raises:
            NotFound: If it does not exist, and was not observed in an earlier call either.
            ErasureIncomplete: If the lookup failed.
        """
        try:
            with capture_responses() as responses:
                subject = self.subjects.observe(self.subject_id, dataset_id=self.dataset_id)
        except errors.HautError as error:
            if not _is_absence(error):
                self._add_failure("observation", error)
                raise self._incomplete("observation", error) from error
            if not self.receipt.observed:
                raise
            self.add_step("observation", "already gone")
            return False
        self.present, self.name = True, subject.name
        self.receipt = evolve(self.receipt, sandbox=responses[-1].is_from_sandbox)
        self.add_step("observation", "done")
        return True

    def run(self, name: ErasureStepName, step: Callable[[], int | None]) -> None:
        """Carry out a step and add it to the receipt.

        Raises:
            ErasureIncomplete: If the step failed and the erasure cannot continue without it.
        """
        try:
            try:
                count = step()
            except errors.NotFound as error:
                # The 404 response may concern the route, and not the subject.
                if not error.confirmed or self.find() is not None:
                    raise
                self.add_step(name, "already gone")
                return
        except errors.HautError as error:
            self._add_failure(name, error)
            self._stop_unless_optional(name, error)
        else:
            self.add_step(name, "done", count)

    def run_check(self, name: ErasureStepName, check: Callable[[], None]) -> None:
        """Make a check and add it to the receipt. Raises the same errors as `run`."""
        if (error := self.check(name, check)) is not None:
            self._stop_unless_optional(name, error)

    def check(self, name: ErasureStepName, check: Callable[[], None]) -> errors.HautError | None:
        """Make a check and add it to the receipt. Return the error if the check failed.

        Data that was found before the check failed, or was interrupted, is a finding.
        """
        error: errors.HautError | None = None
        self.found = 0
        try:
            check()
        except errors.HautError as failure:
            error = failure
        finally:
            if self.found:
                reason = None if error is None else errors.short_reason(error)
                self.add_step(name, "found", self.found, reason)
        if error is not None and not self.found:
            self._add_failure(name, error)
        elif not self.found:
            self.add_step(name, "done", 0)
        return error

    def _stop_unless_optional(self, name: ErasureStepName, error: errors.HautError) -> None:
        unproven = isinstance(error, errors.NotFound) and name in _UNDOCUMENTED_ROUTES
        optional = name.endswith("check") or name in _UNDOCUMENTED_ROUTES
        if not (unproven or (optional and _is_permanent(error))):
            raise self._incomplete(name, error) from error

    def _incomplete(self, name: ErasureStepName, error: errors.HautError) -> ErasureIncomplete:
        return ErasureIncomplete(
            f"the erasure of subject {self.subject_id} stopped at the step '{name}': {error} To "
            "complete it, call erase_subject with receipt=error.receipt.",
            receipt=self.receipt,
            cause=error,
        )

    def _add_failure(self, name: ErasureStepName, error: errors.HautError) -> None:
        status: ErasureStepStatus = "refused" if _is_refusal(error) else "unknown"
        self.add_step(name, status, reason=errors.short_reason(error))

    def add_step(
        self,
        name: ErasureStepName,
        status: ErasureStepStatus,
        count: int | None = None,
        reason: str | None = None,
    ) -> None:
        step = ErasureStep(name, status, datetime.now(UTC), count, reason)
        self._save(evolve(self.receipt, steps=(*self.receipt.steps, step)))

    def _save(self, receipt: ErasureReceipt) -> None:
        self.receipt = receipt
        if self.on_step is not None:
            self.on_step(receipt)

    def _add_ids(self, found: list[tuple[UUID, UUID | None]]) -> None:
        """Add pairs of a batch id and an image id to the receipt."""
        batches = {batch.batch_id: list(batch.image_ids) for batch in self.receipt.batches}
        for batch_id, image_id in found:
            image_ids = batches.setdefault(batch_id, [])
            if image_id is not None and image_id not in image_ids:
                image_ids.append(image_id)
        known = tuple(ErasedBatch(key, tuple(image_ids)) for key, image_ids in batches.items())
        if known != self.receipt.batches:
            self._save(evolve(self.receipt, batches=known))

    @property
    def subject_id(self) -> UUID:
        return self.receipt.subject_id

    @property
    def dataset_id(self) -> UUID:
        return self.receipt.dataset_id

    def find(self) -> Subject | None:
        """Look up the subject again. Return None if neither its record nor the list contains it."""
        found: Subject | None
        try:
            found = self.subjects.observe(self.subject_id, dataset_id=self.dataset_id)
        except errors.NotFound as error:
            if not error.confirmed:
                raise
            found = self.subjects.find_by_id(
                self.subject_id, q=self.name, dataset_id=self.dataset_id
            )
        self.present = found is not None
        return found

    def clear_storage(self) -> None:
        self.subjects.clear_storage(self.subject_id, dataset_id=self.dataset_id)

    def delete_images(self) -> int:
        """Delete image records until the list has no new ones; return the number of deleted ones."""
        deleted = 0
        attempted = set[UUID]()
        for _ in range(_MAX_PASSES):
            listed = [image for image in self.images.iterate(self.subject_id)]
            new = [image for image in listed if image.id not in attempted]
            if not new:
                break
            self._add_ids([(image.image_batch_id, image.id) for image in new])
            if attempted:
                self.clear_storage()  # delete photos uploaded since the first step
            for image in new:
                attempted.add(image.id)
                with errors.ignore_confirmed_not_found():  # another client has deleted the image
                    self.images.delete(image.id)
                    deleted += 1
        return deleted

    def delete_batches(self) -> int:
        """Delete batches until the list has no new ones; return the number of deleted ones."""
        deleted = 0
        attempted = set[UUID]()
        for _ in range(_MAX_PASSES):
            batches = self.batches.iterate(self.subject_id, dataset_id=self.dataset_id)
            new = [batch.id for batch in batches if batch.id not in attempted]
            if not new:
                break
            self._add_ids([(batch_id, None) for batch_id in new])
            for batch_id in new:
                attempted.add(batch_id)
                with errors.ignore_confirmed_not_found():
                    self.batches.delete(self.subject_id, batch_id, dataset_id=self.dataset_id)
                    deleted += 1
        return deleted

    def clear_metadata(self) -> None:
        self.subjects.clear_metadata(self.subject_id, dataset_id=self.dataset_id)

    def delete_subject(self) -> None:
        self.present = False
        self.subjects.delete(self.subject_id, dataset_id=self.dataset_id)

    # Checks. Each adds the number of items that the service still has to `found`. Ids of items that a
    # check finds are added to the receipt, so that later checks cover them.

    def count_results(self) -> None:
        """Count the results and auxiliary images that the deleted images still have."""
        for batch in self.receipt.batches:
            for count in self.batches.count_results(
                self.subject_id, batch.batch_id, batch.image_ids, dataset_id=self.dataset_id
            ):
                self.found += count

    def count_own_data(self) -> None:
        """Count the attributes of a kept subject, or 1 if a deleted subject still exists."""
        subject = self.find()
        if subject is None or not self.receipt.keep_subject:
            self.found = int(self.present)
            return
        values = (subject.birth_date, subject.biological_sex, subject.meta)
        self.found = sum(value not in (None, UNSET) for value in values)

    def count_images(self) -> None:
        """Count the images that the service lists, or returns by their ids."""
        known = {image_id for batch in self.receipt.batches for image_id in batch.image_ids}
        listed = dict[UUID, UUID]()
        try:
            with self._ignore_missing_list():
                for image in self.images.iterate(self.subject_id):
                    listed[image.id] = image.image_batch_id
                    self.found += 1
        finally:
            self._add_ids([(batch_id, image_id) for image_id, batch_id in listed.items()])
        for image_id in known - listed.keys():
            with errors.ignore_confirmed_not_found():
                self.images.get(image_id)
                self.found += 1

    def count_batches(self) -> None:
        """Count the batches that the service lists."""
        with self._ignore_missing_list():
            page = self.batches.list(self.subject_id, dataset_id=self.dataset_id)
            self.found = max(page.total, len(page))
            self._add_ids([(batch.id, None) for batch in page])

    def _ignore_missing_list(self) -> AbstractContextManager[None]:
        """Accept that a list does not exist, unless the subject to which it belongs does."""
        return nullcontext() if self.present else errors.ignore_confirmed_not_found()


def _is_absence(error: errors.HautError) -> bool:
    return isinstance(error, errors.NotFound) and error.confirmed


def _is_permanent(error: errors.HautError) -> bool:
    """Return True if an identical request would fail again."""
    temporary = errors.ServerError | errors.RateLimited | errors.Unauthorized | errors.NotFound
    permanent = errors.ApiError | errors.UnexpectedResponse
    return isinstance(error, permanent) and not (isinstance(error, temporary) or error.retryable)


def _is_refusal(error: errors.HautError) -> bool:
    """Return True if the service rejected the request, so that it was not carried out."""
    if not isinstance(error, errors.ApiError) or error.maybe_carried_out:
        return False
    return 400 <= error.status < 500 and error.status not in (404, 408)
