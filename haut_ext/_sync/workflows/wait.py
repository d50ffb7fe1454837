# Derived from haut_ext/_async/workflows/wait.py by `make sync`; change that file instead.
"""Waits until a batch's images are analyzed, or until its results are complete.

The v3 API reports whether the results are complete. The v1 API does not (api-facts 8.1), so its
results count as complete once every expected algorithm has a result. If the caller specifies no
algorithms, v1 results count as complete once no new result has appeared for some time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from functools import partial
from itertools import chain
from typing import Literal
from uuid import UUID

from attrs import define, evolve, field, frozen

from haut_api.models import Image
from haut_ext import analysis_results
from haut_ext._http.deadlines import end_calls_at
from haut_ext._sync.resources.images import Images
from haut_ext.analysis_results import AlgorithmResult, BatchResults
from haut_ext.argument_checks import check_wait, parse_id
from haut_ext.concurrency import gather
from haut_ext.errors import ConfigError, TransportTimeout
from haut_ext.types import UploadedBatch, UploadedImage
from haut_ext.workflow_errors import AnalysisTimeout, ResultsTimeout

FIRST_INTERVAL = 0.5
_MAX_INTERVAL = 5.0
_INTERVAL_GROWTH = 1.5
_MIN_TIMEOUT = 0.25
"""A shorter wait consists of a single check, which may take this time, in seconds."""


def poll(is_done: Callable[[], bool], wait_timeout: float) -> bool:
    """Call `is_done` at increasing intervals until it returns True or the timeout expires.

    The timeout includes the requests that `is_done` sends. With a timeout of 0, `is_done` is called
    once, without this limit. Return the result of the last call, or False if the timeout ended it.
    """
    end = time.monotonic() + max(wait_timeout, _MIN_TIMEOUT)
    interval = FIRST_INTERVAL
    with end_calls_at(end if wait_timeout else math.inf):
        while True:
            started = time.monotonic()
            try:
                if is_done():
                    return True
            except TransportTimeout:
                if not wait_timeout or time.monotonic() < end:
                    raise
                return False
            now = time.monotonic()
            # The last call starts early enough to end in time if it takes twice as long as this one.
            remaining = end - now - 2 * (now - started)
            if remaining <= 0 or wait_timeout < _MIN_TIMEOUT:
                return False
            time.sleep(min(interval, remaining))
            interval = min(interval * _INTERVAL_GROWTH, _MAX_INTERVAL)


def analysis_progress(image: Image) -> Literal["none", "partial", "complete"]:
    """Return the progress of an image's analysis, inferred from the image record.

    The API does not report the progress. The analysis counts as complete if the record has at least
    one auxiliary image, and either a quality score or problems.
    """
    has_quality = isinstance(image.quality_score, float | int) or bool(image.problems)
    if has_quality and image.aux_images:
        return "complete"
    return "partial" if has_quality or image.aux_images else "none"


def wait_for_analysis(
    images: Images, batch: UploadedBatch, wait_timeout: float
) -> tuple[Image, ...]:
    """Return the images of a batch once all are analyzed. See `Haut.wait_for_analysis`."""
    check_wait(wait_timeout=wait_timeout)
    batch = _with_parsed_ids(batch)
    latest: dict[UUID, Image] = {}
    complete: set[UUID] = set()
    uploaded = batch.images

    def update() -> bool:
        nonlocal uploaded
        uploaded = uploaded or _list_images(images, batch)
        for image_id in [it.image_id for it in uploaded if it.image_id not in complete]:
            image = latest[image_id] = images.get(image_id)
            if analysis_progress(image) == "complete":
                complete.add(image_id)
        return len(complete) == len(uploaded) > 0

    if not poll(update, wait_timeout):
        raise AnalysisTimeout(
            f"after {wait_timeout:g} s, {len(complete)} of {len(uploaded)} images of batch "
            f"{batch.batch_id} are analyzed; the error's `images` contains those that were read. "
            "The analysis continues: wait again, with a higher wait_timeout if necessary",
            images=tuple(latest.values()),
        )
    return tuple(latest.values())


def _list_images(images: Images, batch: UploadedBatch) -> tuple[UploadedImage, ...]:
    """Return the images of a batch that was uploaded by another program."""
    return tuple(
        [
            UploadedImage(image.id, batch.batch_id, str(image.side), batch.subject_id)
            for image in images.iterate(batch.subject_id)
            if image.image_batch_id == batch.batch_id
        ]
    )


def _with_parsed_ids(batch: UploadedBatch) -> UploadedBatch:
    return evolve(
        batch,
        subject_id=parse_id(batch.subject_id, "subject_id"),
        batch_id=parse_id(batch.batch_id, "batch_id"),
    )


@frozen
class Results:
    """Reads analysis results of batches; can wait until the results are complete.

    Attributes:
        images: The client's `images` resource.
        dataset_id: Id of the dataset that contains the subject. Not needed for v3.
        wait_timeout: Maximum time to wait for complete results, in seconds.
        algorithms: Names of the algorithms expected to produce a result for every image (v1 only).
        settled_after: If no new result appears for this many seconds, v1 results count as complete.
            Ignored if `algorithms` is not empty.
    """

    images: Images
    dataset_id: UUID | None
    wait_timeout: float = 120.0
    algorithms: Collection[str] = ()
    settled_after: float = 10.0

    def read(self, batch: UploadedBatch | UploadedImage) -> BatchResults:
        """Return the currently available results of a batch or image. See `Haut.results`."""
        reader = self._reader(batch)
        reader.update()
        return reader.results

    def wait(self, batch: UploadedBatch | UploadedImage) -> BatchResults:
        """Wait for complete results, and return them. See `Haut.wait_for_results`."""
        reader = self._reader(batch)
        complete = poll(reader.update, self.wait_timeout)
        results = evolve(reader.results, complete=complete)
        if not complete:
            raise ResultsTimeout(
                f"after {self.wait_timeout:g} s, the results of batch {results.batch_id} are not "
                f"complete; the error's `results` contains the {len(results.results)} results so "
                "far. The analysis continues: call wait_for_results(error.batch), with a higher "
                "wait_timeout if necessary",
                batch=reader.batch,
                results=results,
            )
        return results

    def check(self, api: str) -> None:
        """Raise ConfigError if an option is invalid for batches of this API version."""
        check_wait(wait_timeout=self.wait_timeout, settled_after=self.settled_after)
        if api == "v3" and self.algorithms:
            raise ConfigError(
                "algorithms= is for v1 only; the v3 API reports whether the results are complete"
            )

    def _reader(self, batch: UploadedBatch | UploadedImage) -> _ReaderV1 | _ReaderV3:
        if isinstance(batch, UploadedImage):
            batch = UploadedBatch(batch.subject_id, batch.batch_id, (batch,))
        self.check(batch.api)
        batch = _with_parsed_ids(batch)
        results = BatchResults(batch.subject_id, batch.batch_id, batch.api, complete=False)
        if batch.api == "v3":
            return _ReaderV3(self, batch, results)
        return _ReaderV1(self, batch, results, {name.casefold() for name in self.algorithms})


@define
class _ReaderV3:
    """Reads a batch's results; each `update` stores the latest ones in `results`."""

    options: Results
    batch: UploadedBatch
    results: BatchResults

    def update(self) -> bool:
        """Read the batch's results; return True if they are complete."""
        document = self.options.images.read_results_v3(self.batch.batch_id)
        self.results = evolve(
            self.results,
            complete=analysis_results.is_complete(document),
            results=analysis_results.read_batch_document(document),
            raw=document,
        )
        return self.results.complete


@define
class _ReaderV1:
    """Reads a batch's results; each `update` stores the latest ones in `results`.

    Attributes:
        expected: Lower-case names of the algorithms expected to produce a result for every image.
        by_image: Results of each image when last read.
        last_growth: Time of the last change in any image's number of results.
    """

    options: Results
    batch: UploadedBatch
    results: BatchResults
    expected: set[str]
    by_image: dict[UploadedImage, tuple[AlgorithmResult, ...]] = field(
        factory=dict[UploadedImage, tuple[AlgorithmResult, ...]]
    )
    last_growth: float = 0.0

    def update(self) -> bool:
        """Read missing results of the batch's images; return True if all results are complete."""
        if not self.by_image:
            images = self.batch.images or _list_images(self.options.images, self.batch)
            self.by_image = dict.fromkeys(images, ())
        self._read([image for image in self.by_image if not self._has_expected(image)])
        self.results = evolve(
            self.results,
            results=tuple(chain.from_iterable(self.by_image.values())),
            raw={
                str(image.image_id): [result.raw for result in results]
                for image, results in self.by_image.items()
            },
        )
        if self.expected:
            return bool(self.by_image) and all(map(self._has_expected, self.by_image))
        # While an image has no results, its analysis has not begun, so the batch is incomplete even
        # if the results of all other images have not changed for a long time.
        all_begun = bool(self.by_image) and all(self.by_image.values())
        return all_begun and time.monotonic() - self.last_growth >= self.options.settled_after

    def _read(self, images: list[UploadedImage]) -> None:
        read = partial(self.options.images.read_results, dataset_id=self.options.dataset_id)
        lists = gather([partial(read, image) for image in images])
        for image, items in zip(images, lists, strict=True):
            if isinstance(items, Exception):
                raise items
            results = analysis_results.read_image_results(
                items, image_id=image.image_id, side=image.side
            )
            if len(results) != len(self.by_image[image]):
                self.last_growth = time.monotonic()
            self.by_image[image] = results

    def _has_expected(self, image: UploadedImage) -> bool:
        """Return True if there are expected algorithms, and all of them have a result."""
        found = {result.family.casefold() for result in self.by_image[image]}
        return bool(self.expected) and self.expected <= found
