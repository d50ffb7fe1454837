"""Knowing when a batch is analysed, by asking for its images until they show it.

What "analysed" means is inferred, not documented: an image is taken as done when it has a quality
score or a list of problems, and at least one auxiliary image. Partial results are not done.
"""

from __future__ import annotations

from haut_api.models import Image
from haut_ext._async.resources.images import AsyncImages
from haut_ext._async.workflows.polling import until
from haut_ext.types import UploadedBatch
from haut_ext.workflow_errors import AnalysisTimeout


async def wait_for_analysis(
    images: AsyncImages, batch: UploadedBatch, timeout: float
) -> tuple[Image, ...]:
    """Return the batch's images once all are analysed; see `AsyncHaut.wait_for_analysis`."""
    latest: dict[object, Image] = {}

    async def look() -> bool:
        for uploaded in batch.images:
            seen = latest.get(uploaded.image_id)
            if seen is None or not _analysed(seen):
                latest[uploaded.image_id] = await images.get(uploaded.image_id)
        return all(_analysed(image) for image in latest.values())

    analysed = await until(look, timeout)
    found = tuple(latest.values())
    if analysed:
        return found
    done = sum(_analysed(image) for image in found)
    raise AnalysisTimeout(
        f"after {timeout:g} s, {done} of {len(found)} images of batch {batch.batch_id} are "
        "analysed; the error's `images` holds what there is. Wait again, or longer: "
        "nothing has to be uploaded or computed anew",
        images=found,
    )


def _analysed(image: Image) -> bool:
    judged = image.quality_score is not None or bool(image.problems)
    return judged and bool(image.aux_images)
