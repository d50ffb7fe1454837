"""Erasure: files, image records, metadata, subject, in this order, then asking whether all is gone.

The subject goes last, because it is what everything else hangs on: a crash at any earlier point
leaves a subject that a second call finds and finishes. Every step may be repeated harmlessly.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from attrs import evolve

from haut_ext._async.images import AsyncImages
from haut_ext._async.subjects import AsyncSubjects
from haut_ext.errors import ErasureIncomplete, HautError, NotFound
from haut_ext.results import ErasureReceipt, ErasureStep, ErasureStepName, ErasureStepStatus


async def erase_subject(
    subjects: AsyncSubjects,
    images: AsyncImages,
    receipt: ErasureReceipt,
) -> ErasureReceipt:
    """Erase everything of the receipt's subject; see `AsyncHaut.erase_subject`."""
    subject, dataset = receipt.subject_id, receipt.dataset_id
    # The first step names subject and dataset together, so an unknown subject or a wrong dataset
    # ends here, as NotFound, before anything has been touched.
    await subjects.clear_storage(subject, dataset_id=dataset)
    receipt = _with_step(receipt, "storage", "done")
    doing: ErasureStepName = "images"
    try:
        receipt = _with_step(receipt, "images", "done", await _delete_images(images, subject))
        doing = "metadata"
        await subjects.clear_metadata(subject, dataset_id=dataset)
        receipt = _with_step(receipt, "metadata", "done")
        if not receipt.keep_subject:
            doing = "subject"
            await subjects.delete(subject, dataset_id=dataset)
            receipt = _with_step(receipt, "subject", "done")
        doing = "verification"
        left = await _images_left(images, subject)
    except HautError as error:
        receipt = _with_step(receipt, doing, "failed")
        raise ErasureIncomplete(
            f"the erasure of subject {subject} stopped at the step '{doing}'; "
            f"call erase_subject again to complete it: {error}",
            receipt=receipt,
            cause=error,
        ) from error
    receipt = _with_step(receipt, "verification", "failed" if left else "done", left)
    return evolve(receipt, verified=left == 0)


async def _delete_images(images: AsyncImages, subject_id: UUID) -> int:
    """Delete every image record, until a list read afterwards is empty; return how many there were."""
    deleted = 0
    while (page := await images.list(subject_id)).items:
        for image in page:
            try:
                await images.delete(image.id)
                deleted += 1
            except NotFound:
                continue  # someone else was faster
    return deleted


async def _images_left(images: AsyncImages, subject_id: UUID) -> int:
    try:
        return (await images.list(subject_id)).total
    except NotFound:
        return 0  # with the subject gone there is nothing to list


def _with_step(
    receipt: ErasureReceipt,
    name: ErasureStepName,
    status: ErasureStepStatus,
    count: int | None = None,
) -> ErasureReceipt:
    step = ErasureStep(name=name, status=status, at=datetime.now(UTC), count=count)
    return evolve(receipt, steps=(*receipt.steps, step))
