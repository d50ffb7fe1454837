# Derived from haut_ext/_async/workflows/results_wait.py by `make sync`; change that file instead.
"""What the algorithms found in a batch: read once, or asked for until all of it is there.

v3 says when all is there. v1 does not, its list just grows (api-facts 8.1): so whoever knows which
algorithms are to come names them, and otherwise a list that has stopped growing is taken as whole.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial
from typing import Any
from uuid import UUID

from attrs import define, evolve, field, frozen

from haut_ext._sync.resources.images import Images
from haut_ext._sync.workflows.polling import until
from haut_ext.analysis_results import (
    BatchResults,
    is_complete,
    read_batch_document,
    read_image_results,
)
from haut_ext.argument_checks import parse_id
from haut_ext.concurrency import gather
from haut_ext.errors import ConfigError
from haut_ext.types import UploadedBatch, UploadedImage
from haut_ext.workflow_errors import ResultsTimeout


@frozen
class Results:
    """How results are to be read, and waited for.

    Attributes:
        images: The client's images.
        dataset_id: Where the subject is; not needed for v3.
        timeout: Seconds to wait at the longest.
        algorithms: The families that every image is to have results of, in v1.
        settled_after: Seconds without a new result after which v1's are taken as whole, when it is
            not said which are to come.
    """

    images: Images
    dataset_id: UUID | None
    timeout: float = 120.0
    algorithms: Collection[str] = ()
    settled_after: float = 10.0

    def read(self, batch: UploadedBatch | UploadedImage) -> BatchResults:
        """Return what there is; see `Haut.results`."""
        reader = self._reader(_as_batch(batch))
        reader.look()
        return reader.results

    def wait(self, batch: UploadedBatch | UploadedImage) -> BatchResults:
        """Return the results once all are there; see `Haut.wait_for_results`."""
        batch = _as_batch(batch)
        reader = self._reader(batch)
        complete = until(reader.look, self.timeout)
        results = evolve(reader.results, complete=complete)
        if complete:
            return results
        raise ResultsTimeout(
            f"after {self.timeout:g} s, {len(results.results)} results of batch {batch.batch_id} "
            "are there, and more are expected or may come; the error's `results` holds them. Wait "
            "again with wait_for_results(error.batch), or longer: nothing has to be uploaded or "
            "computed anew",
            batch=batch,
            results=results,
        )

    def check(self, api: str) -> None:
        """Raise ConfigError if the batches of this version of the service cannot be waited for so."""
        if isinstance(self.algorithms, str):
            raise ConfigError("algorithms= is a list of names, such as ['selfie_v2.acne']")
        if api == "v3" and self.algorithms:
            raise ConfigError("algorithms= is for v1; v3 says itself when all are there")

    def _reader(self, batch: UploadedBatch) -> _ReaderV1 | _ReaderV3:
        self.check(batch.api)
        if batch.api == "v3":
            return _ReaderV3(self.images, batch)
        names = frozenset(name.casefold() for name in self.algorithms)
        return _ReaderV1(self.images, batch, self.dataset_id, names, self.settled_after)


def _as_batch(batch: UploadedBatch | UploadedImage) -> UploadedBatch:
    if isinstance(batch, UploadedImage):
        batch = UploadedBatch(batch.subject_id, batch.batch_id, (batch,))
    return evolve(
        batch,
        subject_id=parse_id(batch.subject_id, "subject_id"),
        batch_id=parse_id(batch.batch_id, "batch_id"),
    )


@define
class _ReaderV3:
    images: Images
    batch: UploadedBatch
    document: dict[str, Any] = field(factory=dict[str, Any])

    def look(self) -> bool:
        self.document = self.images.read_results_v3(self.batch.batch_id)
        return is_complete(self.document)

    @property
    def results(self) -> BatchResults:
        return BatchResults(
            subject_id=self.batch.subject_id,
            batch_id=self.batch.batch_id,
            api="v3",
            complete=is_complete(self.document),
            results=read_batch_document(self.document),
            raw=self.document,
        )


@define
class _ReaderV1:
    images: Images
    batch: UploadedBatch
    dataset_id: UUID | None
    algorithms: frozenset[str]
    settled_after: float
    lists: dict[UploadedImage, list[Any]] = field(factory=dict[UploadedImage, list[Any]])
    grown_at: float = 0.0

    def look(self) -> bool:
        if not self.lists:
            self.lists = {image: [] for image in self.batch.images or self._listed()}
        unfinished = [image for image in self.lists if not self._has_all_expected(image)]
        if unfinished:
            self._read(unfinished)
        if self.algorithms:
            return bool(self.lists) and all(map(self._has_all_expected, self.lists))
        # An image that shows nothing yet waits for its turn, however long the others are done.
        begun = bool(self.lists) and all(self.lists.values())
        return begun and time.monotonic() - self.grown_at >= self.settled_after

    def _listed(self) -> list[UploadedImage]:
        """Return the images of a batch that is known by its ids only."""
        subject_id, batch_id = self.batch.subject_id, self.batch.batch_id
        return [
            UploadedImage(image.id, batch_id, image.side, subject_id)
            for image in self.images.iterate(subject_id)
            if image.image_batch_id == batch_id
        ]

    def _read(self, images: list[UploadedImage]) -> None:
        calls = [
            partial(self.images.read_results, image, dataset_id=self.dataset_id) for image in images
        ]
        outcomes = gather(calls)
        for image, outcome in zip(images, outcomes, strict=True):
            if isinstance(outcome, Exception):
                raise outcome
            if len(outcome) != len(self.lists[image]):
                self.grown_at = time.monotonic()
            self.lists[image] = outcome

    def _has_all_expected(self, image: UploadedImage) -> bool:
        if not self.algorithms:
            return False
        found = read_image_results(self.lists[image])
        return self.algorithms <= {result.algorithm.casefold() for result in found}

    @property
    def results(self) -> BatchResults:
        read = [
            read_image_results(items, image_id=image.image_id, side=image.side)
            for image, items in self.lists.items()
        ]
        return BatchResults(
            subject_id=self.batch.subject_id,
            batch_id=self.batch.batch_id,
            api="v1",
            complete=False,
            results=tuple(result for results in read for result in results),
            raw={str(image.image_id): items for image, items in self.lists.items()},
        )
