"""Knowing when a batch is analysed, by asking for its images until they show it.

What "analysed" means is inferred, not documented: an image is taken as done when it has a quality
score or a list of problems, and at least one auxiliary image. Partial results are not done.
"""

from __future__ import annotations

import asyncio
import time

from haut_api.models import Image
from haut_ext._async.images import AsyncImages
from haut_ext.errors import AnalysisTimeout
from haut_ext.results import UploadedBatch

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0
_GROWTH = 1.5


async def wait_for_analysis(
    images: AsyncImages, batch: UploadedBatch, timeout: float
) -> tuple[Image, ...]:
    """Return the batch's images once all are analysed; see `AsyncHaut.wait_for_analysis`."""
    ends = time.monotonic() + timeout
    wait = _FIRST_WAIT
    latest: dict[object, Image] = {}
    while True:
        for uploaded in batch.images:
            seen = latest.get(uploaded.image_id)
            if seen is None or not _analysed(seen):
                latest[uploaded.image_id] = await images.get(uploaded.image_id)
        found = tuple(latest.values())
        if all(_analysed(image) for image in found):
            return found
        left = ends - time.monotonic()
        if left <= 0:
            done = sum(_analysed(image) for image in found)
            raise AnalysisTimeout(
                f"after {timeout:g} s, {done} of {len(found)} images of batch {batch.batch_id} are "
                "analysed; the error's `images` holds what there is. Wait again, or longer: "
                "nothing has to be uploaded or computed anew",
                images=found,
            )
        await asyncio.sleep(min(wait, left))
        wait = min(wait * _GROWTH, _LONGEST_WAIT)


def _analysed(image: Image) -> bool:
    judged = image.quality_score is not None or bool(image.problems)
    return judged and bool(image.aux_images)
