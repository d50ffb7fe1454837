# Derived from haut_ext/_async/workflows/wait.py by `make sync`; change that file instead.
"""Waits until a batch's images are analyzed, or until its results are complete.

The v3 API reports whether the results are complete. The v1 API does not (api-facts 8.1), so its
results count as complete once every image has a result of each family in `wait_for`. If the caller
names no families, v1 results count as complete once no result was added for some time: either this
module observed it, or the newest result is old by the times of the service and of this machine. The
sandbox of this package reports completeness in a header, so that tests do not have to wait.

A batch without images is looked up in the subject's batches: it may not exist.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any, Literal
from uuid import UUID

from attrs import define, evolve, field, frozen

from haut_api.models import Image
from haut_ext import analysis_results
from haut_ext._http.deadlines import end_calls_at
from haut_ext._http.poll_schedule import POLL_INTERVAL, PollSchedule, intervals
from haut_ext._http.response_capture import ResponseInfo, capture_responses
from haut_ext._http.retry_policy import parse_http_date
from haut_ext._sync.resources.batches import Batches
from haut_ext._sync.resources.images import Images
from haut_ext.algorithm_families import family_key, parse_families
from haut_ext.analysis_results import AlgorithmResult, Api, BatchResults, Completeness
from haut_ext.analysis_results.json_values import as_text
from haut_ext.argument_checks import check_seconds, check_wait, parse_id
from haut_ext.concurrency import gather
from haut_ext.errors import ConfigError, TransportTimeout, ignore_confirmed_not_found
from haut_ext.types import UploadedBatch, UploadedImage
from haut_ext.workflow_errors import AnalysisTimeout, ResultsTimeout

_MIN_TIMEOUT = 0.25
"""A shorter wait consists of a single check, which may take this time, in seconds."""

NO_FACE_AFTER = 2.0
"""Time, in seconds, after which the results of an image tell whether it shows a face."""

_CLOCK_TOLERANCE = 60.0
"""Tolerance, in seconds, of the age of a result, which is the difference between two clocks."""

_EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
"""Earlier than any result. An earlier time is a placeholder, such as that of 1970."""


@frozen
class Polling:
    """How a wait repeats its checks.

    Attributes:
        schedule: Turns of all waits of the client.
        wait_timeout: Maximum time to wait, in seconds. With 0, there is one check without a limit.
        poll_interval: Longest interval between two checks, in seconds.
    """

    schedule: PollSchedule
    wait_timeout: float = 120.0
    poll_interval: float = POLL_INTERVAL

    def check(self) -> None:
        """Raise ConfigError if an option is invalid."""
        check_wait(wait_timeout=self.wait_timeout)
        check_seconds(poll_interval=self.poll_interval)

    def until(self, is_done: Callable[[], bool], requests: Callable[[], int]) -> bool:
        """Call `is_done` at increasing intervals until it returns True or the timeout expires.

        The timeout includes the requests that `is_done` sends. The first and the last call do not
        wait for a turn.

        Args:
            is_done: Performs a check.
            requests: Returns the number of requests that the next check sends.

        Returns:
            The result of the last call, or False if the timeout ended it.
        """
        end = time.monotonic() + max(self.wait_timeout, _MIN_TIMEOUT)
        pauses = intervals(self.poll_interval)
        with end_calls_at(end if self.wait_timeout else math.inf):
            while True:
                started = time.monotonic()
                try:
                    if is_done():
                        return True
                except TransportTimeout:
                    if not self.wait_timeout or time.monotonic() < end:
                        raise
                    return False
                now = time.monotonic()
                # The last call starts early enough to end in time if it takes twice as long as this one.
                latest = end - 2 * (now - started)
                if now >= latest or self.wait_timeout < _MIN_TIMEOUT:
                    return False
                pause, left = next(pauses), latest - now
                time.sleep(min(pause, left))
                if pause < left:
                    turn = self.schedule.reserve(requests(), self.poll_interval)
                    time.sleep(max(0.0, min(turn, latest) - time.monotonic()))


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
    images: Images,
    batches: Batches,
    batch: UploadedBatch,
    polling: Polling,
    dataset_id: UUID | None,
) -> tuple[Image, ...]:
    """Return the images of a batch once all are analyzed. See `Haut.wait_for_analysis`."""
    polling.check()
    batch = _with_parsed_ids(batch)
    latest: dict[UUID, Image] = {}
    complete: set[UUID] = set()
    uploaded = batch.images
    started = time.monotonic()

    def update() -> bool:
        nonlocal uploaded
        if not uploaded:
            listed = _list_images(images, batches, batch, dataset_id)
            uploaded = tuple(_uploaded(image, batch) for image in listed)
        for each in [it for it in uploaded if it.image_id not in complete]:
            image = latest[each.image_id] = images.get(each.image_id)
            progress = analysis_progress(image)
            ended = progress == "complete"
            if progress == "none" and time.monotonic() - started >= NO_FACE_AFTER:
                ended = _found_no_face(images, each, batch.api, dataset_id)
            if ended:
                complete.add(each.image_id)
        return len(complete) == len(uploaded) > 0

    if not polling.until(update, lambda: max(1, 2 * (len(uploaded) - len(complete)))):
        raise AnalysisTimeout(
            f"after {polling.wait_timeout:g} s, {len(complete)} of {len(uploaded)} images of batch "
            f"{batch.batch_id} are analyzed; the error's `images` contains those that were read. "
            "The analysis may be in progress, may never have been started, or may have found no face: "
            "wait again with a higher wait_timeout, or read the results",
            images=tuple(latest.values()),
        )
    return tuple(latest.values())


def _found_no_face(images: Images, image: UploadedImage, api: Api, dataset_id: UUID | None) -> bool:
    """Return whether the analysis has ended because the photo shows no face.

    The record of such an image may never change. In v1, the result of the face detector tells it, if
    the dataset is known. In v3, the results are complete, but empty.
    """
    if api == "v3":
        document = images.read_results_v3(image.batch_id)
        empty = not analysis_results.read_batch_document(document)
        return empty and analysis_results.is_complete(document)
    items: list[Any] = []
    if dataset_id is not None:
        with ignore_confirmed_not_found():  # the subject is in another dataset
            items = images.read_results(evolve(image, side=""), dataset_id=dataset_id)
    detections = [result.detection for result in analysis_results.read_image_results(items)]
    return any(found is not None and found.face_detected is False for found in detections)


def _list_images(
    images: Images, batches: Batches, batch: UploadedBatch, dataset_id: UUID | None
) -> list[Image]:
    """Return the images of a batch that was uploaded by another program.

    Raises:
        NotFound: If the batch does not exist.
    """
    listed = [
        image
        for image in images.iterate(batch.subject_id)
        if image.image_batch_id == batch.batch_id
    ]
    if not listed and batch.api == "v3":
        images.read_results_v3(batch.batch_id)
    elif not listed:
        batches.check_exists(batch.subject_id, batch.batch_id, dataset_id=dataset_id)
    return listed


def _uploaded(image: Image, batch: UploadedBatch) -> UploadedImage:
    return UploadedImage(image.id, batch.batch_id, as_text(image.side) or "", batch.subject_id)


def _with_parsed_ids(batch: UploadedBatch) -> UploadedBatch:
    images = (
        evolve(image, image_id=parse_id(image.image_id, "image_id")) for image in batch.images
    )
    return evolve(
        batch,
        subject_id=parse_id(batch.subject_id, "subject_id"),
        batch_id=parse_id(batch.batch_id, "batch_id"),
        images=tuple(images),
    )


@frozen
class Results:
    """Reads analysis results of batches; can wait until the results are complete.

    Attributes:
        images: The client's `images` resource.
        batches: The client's `batches` resource.
        dataset_id: Id of the dataset that contains the subject. Not needed for v3.
        polling: How the checks are repeated.
        wait_for: Names of the families of which every image needs a result (v1 only).
        settled_after: If no new result appears for this many seconds, v1 results count as complete.
            Ignored if `wait_for` is not empty.
    """

    images: Images
    batches: Batches
    dataset_id: UUID | None
    polling: Polling
    wait_for: Collection[str] = ()
    settled_after: float = 10.0

    def read(self, batch: UploadedBatch | UploadedImage) -> BatchResults:
        """Return the currently available results of a batch or image. See `Haut.results`."""
        reader = self._reader(batch)
        reader.update()
        return reader.results

    def wait(self, batch: UploadedBatch | UploadedImage) -> BatchResults:
        """Wait for complete results, and return them. See `Haut.wait_for_results`."""
        reader = self._reader(batch)
        if self.polling.until(reader.update, reader.count_requests):
            return evolve(reader.results, completeness=reader.completeness)
        raise ResultsTimeout(
            f"after {self.polling.wait_timeout:g} s, the results of batch {reader.batch.batch_id} "
            f"are not complete: {reader.describe()}. To continue waiting, call "
            "wait_for_results(error.batch), with a higher wait_timeout if necessary. The error's "
            "`results` contains the results so far",
            batch=reader.batch,
            results=reader.results,
            missing=tuple(reader.missing()),
        )

    def check(self, api: str) -> frozenset[str]:
        """Return the families to wait for, as keys.

        Raises:
            ConfigError: If an option is invalid for batches of this API version.
        """
        self.polling.check()
        check_wait(settled_after=self.settled_after)
        families = parse_families(self.wait_for, "wait_for=")
        if api == "v3" and families:
            raise ConfigError(
                "wait_for= is for v1 only; the v3 API reports whether the results are complete"
            )
        return families

    def _reader(self, batch: UploadedBatch | UploadedImage) -> _ReaderV1 | _ReaderV3:
        if isinstance(batch, UploadedImage):
            batch = UploadedBatch(batch.subject_id, batch.batch_id, (batch,))
        families = self.check(batch.api)
        batch = _with_parsed_ids(batch)
        results = BatchResults(batch.subject_id, batch.batch_id, batch.api)
        if batch.api == "v3":
            return _ReaderV3(self, batch, results)
        return _ReaderV1(self, batch, results, {family_key(name): name for name in families})


_NOT_BEGUN = (
    "there is no result yet. The analysis has not begun, or was never started: "
    "upload_and_compute and images.compute start it"
)


@define
class _ReaderV3:
    """Reads a batch's results; each `update` stores the latest ones in `results`.

    Attributes:
        completeness: Why the results count as complete, if they do.
    """

    options: Results
    batch: UploadedBatch
    results: BatchResults
    completeness: Completeness | None = None

    def update(self) -> bool:
        """Read the batch's results; return True if they are complete."""
        document = self.options.images.read_results_v3(self.batch.batch_id)
        if analysis_results.is_complete(document):
            self.completeness = "reported"
        self.results = evolve(
            self.results,
            completeness=self.completeness,
            results=analysis_results.read_batch_document(document),
            raw=document,
        )
        return self.results.complete

    def count_requests(self) -> int:
        return 1

    def missing(self) -> list[str]:
        return []

    def describe(self) -> str:
        """Describe what was seen, for the error of a wait that ended too early."""
        count = len(self.results.results)
        return f"the service reported {count} parameters so far" if count else _NOT_BEGUN


@define
class _ImageV1:
    """Latest results of an image.

    Attributes:
        results: The results.
        is_reported_complete: Whether the sandbox reported that the analysis is complete.
        age: Age of the newest result in seconds; None if it is unknown.
    """

    results: tuple[AlgorithmResult, ...] = ()
    is_reported_complete: bool = False
    age: float | None = None


@define
class _ReaderV1:
    """Reads a batch's results; each `update` stores the latest ones in `results`.

    Attributes:
        wait_for: Families of which every image needs a result, by key.
        completeness: Why the results count as complete, if they do.
        by_image: Latest results of each image.
        without_photo: Number of images for which no photo was uploaded, if the images were listed.
        last_growth: Time when a result was last added to an image, removed or replaced.
    """

    options: Results
    batch: UploadedBatch
    results: BatchResults
    wait_for: dict[str, str]
    completeness: Completeness | None = None
    by_image: dict[UploadedImage, _ImageV1] = field(factory=dict[UploadedImage, _ImageV1])
    without_photo: int = 0
    last_growth: float = 0.0

    def update(self) -> bool:
        """Read missing results of the batch's images; return True if all results are complete."""
        if not self.by_image:
            self.by_image = {image: _ImageV1() for image in self._find_images()}
        self._read(self._incomplete())
        self.results = evolve(
            self.results,
            results=tuple(chain.from_iterable(it.results for it in self.by_image.values())),
            raw={
                str(image.image_id): [result.raw for result in it.results]
                for image, it in self.by_image.items()
            },
        )
        self.completeness = self._completeness()
        return self.completeness is not None

    def _find_images(self) -> Collection[UploadedImage]:
        if self.batch.images:
            return self.batch.images
        options = self.options
        listed = _list_images(options.images, options.batches, self.batch, options.dataset_id)
        self.without_photo = sum(
            not image.signed_url and analysis_progress(image) == "none" for image in listed
        )
        return [_uploaded(image, self.batch) for image in listed]

    def _completeness(self) -> Completeness | None:
        images = self.by_image.values()
        # While an image has no results, its analysis has not begun, so the batch is incomplete even
        # if the results of all other images have not changed for a long time.
        if not images or not all(image.results for image in images):
            return None
        if self.wait_for:
            return None if self._incomplete() else "wait_for"
        if all(image.is_reported_complete for image in images):
            return "reported"
        settled_after = self.options.settled_after
        if time.monotonic() - self.last_growth >= settled_after or all(
            image.age is not None and image.age >= settled_after + _CLOCK_TOLERANCE
            for image in images
        ):
            return "settled"
        return None

    def _read(self, images: list[UploadedImage]) -> None:
        for outcome in gather([partial(self._read_image, image) for image in images]):
            if isinstance(outcome, Exception):
                raise outcome

    def _read_image(self, image: UploadedImage) -> None:
        # The request does not contain the side, and the service may return one that is not valid text.
        request = evolve(image, side="")
        with capture_responses() as responses:
            items = self.options.images.read_results(request, dataset_id=self.options.dataset_id)
        results = analysis_results.read_image_results(
            items, image_id=image.image_id, side=image.side
        )
        if _identities(results) != _identities(self.by_image[image].results):
            self.last_growth = time.monotonic()
        response = responses[-1]
        complete = (
            response.is_from_sandbox and response.headers.get("sandbox-analysis") == "complete"
        )
        self.by_image[image] = _ImageV1(results, complete, _age_of_newest(results, response))

    def _incomplete(self) -> list[UploadedImage]:
        """Return the images that lack an expected result; without expected families, all images."""
        return [
            image
            for image, it in self.by_image.items()
            if not self.wait_for or self.wait_for.keys() - _families(it.results)
        ]

    def count_requests(self) -> int:
        """Return the number of requests of the next update."""
        return max(1, len(self._incomplete()))

    def missing(self) -> list[str]:
        """Return the expected families of which an image has no result."""
        found = [_families(it.results) for it in self.by_image.values()]
        common = set[str]().union(*found).intersection(*found)
        return sorted(name for key, name in self.wait_for.items() if key not in common)

    def describe(self) -> str:
        """Describe what was seen, for the error of a wait that ended too early."""
        if not self.by_image:
            return "the batch has no images"
        if self.without_photo:
            return f"{self.without_photo} of {len(self.by_image)} images have no photo"
        if not self.results.results:
            return _NOT_BEGUN
        seen = ", ".join(f"{image.side} {len(it.results)}" for image, it in self.by_image.items())
        counts = f"number of results by side: {seen}"
        if not self.wait_for:
            quiet = time.monotonic() - self.last_growth
            return f"{counts}; the last one was added {quiet:.1f} s ago"
        lacking = "; ".join(
            f"{name} of {', '.join(self._sides_without(key))}"
            for key, name in self.wait_for.items()
            if self._sides_without(key)
        )
        return f"missing are {lacking}; {counts}"

    def _sides_without(self, key: str) -> list[str]:
        return [
            str(image.side)
            for image, it in self.by_image.items()
            if key not in _families(it.results)
        ]


def _families(results: Iterable[AlgorithmResult]) -> set[str]:
    return {family_key(result.family) for result in results}


def _identities(results: Iterable[AlgorithmResult]) -> list[tuple[str, datetime | None]]:
    return [(result.family, result.created_at) for result in results]


def _age_of_newest(results: Iterable[AlgorithmResult], response: ResponseInfo) -> float | None:
    """Return the age of the newest result in seconds, by the clock that makes it younger.

    The time of the response comes from the service or from a proxy, whose clock may be fast.
    """
    now = parse_http_date(response.headers.get("date"))
    times = [result.created_at for result in results]
    known = [created for created in times if created is not None]
    if now is None or not known or len(known) < len(times) or min(known) < _EARLIEST:
        return None
    return (min(now, datetime.now(UTC)) - max(known)).total_seconds()
