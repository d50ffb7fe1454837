"""Simulates the progress of analyses: tracks the algorithms that have finished on each photo."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from haut_ext.algorithm_families import Era

from .algorithms import FACE_DETECTOR, MASK, Application, algorithms_for
from .clock import Clock
from .database import Database
from .made_up_results import NO_FACE, quality_score
from .photo_content import read_photo
from .records import ApplicationRun, AuxImage, Batch, Image, Outcome, StoredObject


class Analyses:
    """Starts simulated analyses of photos and updates their progress.

    Halfway through an analysis, the quality score and the first algorithm's result appear. The
    other results follow one by one.

    Args:
        database: Records that the analyses read and change.
        clock: Provides creation times and, if `seconds` is given, determines the progress.
        reads: The analysis of an image is complete after the image was read this many times.
        seconds: Duration of an analysis. If given, `reads` is ignored.
        era: Format of the results of Face Metrics 2.0.
    """

    def __init__(
        self, database: Database, clock: Clock, *, reads: int, seconds: float | None, era: Era
    ) -> None:
        if era not in get_args(Era):
            valid = ", ".join(map(repr, get_args(Era)))
            raise ValueError(f"invalid results_era {era!r}; valid values are {valid}")
        self._database = database
        self._clock = clock
        self.reads = reads
        self._seconds = seconds
        self.era: Era = era
        self.failures: dict[str, str] = {}
        """Error messages by algorithm name. These algorithms fail; all others succeed."""
        self.detects_faces = True
        """Whether photos that are analyzed from now on can show a face."""

    def reset(self) -> None:
        """Make all algorithms succeed from now on."""
        self.failures.clear()
        self.detects_faces = True

    def start(self, batch: Batch, application: Application) -> None:
        """Count a compute request, and start the analysis of every photo whose file is uploaded.

        An unfinished analysis is restarted. A complete analysis is not repeated.
        """
        batch.computes += 1
        for image in batch.images.values():
            self.start_image(image, application)

    def start_image(self, image: Image, application: Application) -> None:
        """Start the analysis of one photo if its file is uploaded; see `start`."""
        runs = image.analysis.runs
        run = runs.get(application.tech_name)
        if run is not None and not run.complete:
            run.started, run.reads = self._clock.now(), 0
        elif run is None and (stored := self._database.objects.get(image.key)):
            photo = read_photo(stored.data, stored.md5)
            if not self.detects_faces:
                photo = replace(photo, shows_face=False)
            runs[application.tech_name] = ApplicationRun(
                application,
                photo,
                algorithms_for(application, photo, self.era),
                self._clock.now(),
            )

    def update(self, image: Image) -> None:
        """Count one read of an image, and update the progress of the unfinished analyses."""
        for run in image.analysis.runs.values():
            if not run.complete:
                self._update_run(image, run)

    def _update_run(self, image: Image, run: ApplicationRun) -> None:
        run.reads += 1
        if self._seconds is None:
            done, total = float(run.reads), float(self.reads)
        else:
            done = (self._clock.now() - run.started).total_seconds()
            total = self._seconds
        if image.key not in self._database.objects or 2 * done < total:
            return
        image.analysis.quality_score = quality_score(run.photo)
        image.analysis.problems = []
        # `progress` is 0 halfway through the analysis, when the first result appears, and 1 at the
        # end.
        progress = (2 * done - total) / total if done < total else 1.0
        if not run.photo.shows_face:
            progress = 1.0  # without a face, all algorithms fail at the same time
        for algorithm in run.algorithms[: 1 + int(progress * (len(run.algorithms) - 1))]:
            if algorithm not in run.outcomes:
                self._finish(image, run, algorithm)

    def _finish(self, image: Image, run: ApplicationRun, algorithm: str) -> None:
        error = self.failures.get(algorithm)
        if not run.photo.shows_face and algorithm != FACE_DETECTOR:
            error = NO_FACE
        run.outcomes[algorithm] = Outcome(self._database.new_id(), self._clock.now(), error)
        if error is not None:
            return
        aux_images = image.analysis.aux_images
        existing = {aux.kind for aux in aux_images}
        for kind in run.application.algorithms[algorithm]:
            if kind not in existing:
                aux_id = self._database.new_id()
                key = f"{image.key}/{aux_id}"
                photo = self._database.objects[image.key]
                mask = StoredObject.from_bytes(MASK)
                self._database.store(key, mask if kind.endswith("_mask") else photo)
                aux_images.append(AuxImage(aux_id, kind, run.application, self._clock.now(), key))
