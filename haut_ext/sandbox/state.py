"""The sandbox's world: datasets, subjects, batches, images and stored objects, in memory.

Nothing here knows of HTTP. With a seed, ids, tokens and times depend only on the order of the
calls. Whoever changes the world holds `World.lock`. Records and files live apart, as in the
service: an image record outlives its file, and a file can outlive its record.
"""

from __future__ import annotations

import hashlib
import random
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .accounts import Accounts
from .analysis import MASK, Application, quality_score
from .clock import Clock

_SEXES = ("female", "male")


@dataclass(frozen=True, slots=True, eq=False)
class ImageType:
    """A kind of photo, with the ids and names of its sides and lights."""

    id: int
    tech_name: str
    sides: dict[int, str]
    lights: dict[int, str]


IMAGE_TYPES = {
    image_type.id: image_type
    for image_type in (
        # Seed: API for Images.
        ImageType(1, "selfie", {1: "front", 2: "right", 3: "left"}, {1: "regular"}),
        # Made up, so that not every dataset has the same sides and lights.
        ImageType(2, "hand", {4: "palm", 5: "back"}, {1: "regular", 2: "polarized"}),
    )
}


@dataclass(slots=True)
class StoredObject:
    """A file in the storage."""

    data: bytes | bytearray
    content_type: str
    md5: bytes

    @classmethod
    def of(cls, data: bytes) -> StoredObject:
        """The bytes as an upload of them would be stored."""
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        return cls(data, "application/octet-stream", md5)


@dataclass(slots=True, eq=False)
class Dataset:
    id: str
    name: str
    image_type: ImageType
    settings: dict[str, Any]  # retention and branding: shown, but not carried out
    subjects: dict[str, Subject] = field(default_factory=dict["str", "Subject"])


@dataclass(slots=True, eq=False)
class Subject:
    id: str
    dataset: Dataset
    name: str
    birth_date: str | None
    biological_sex: str | None  # an id, see World.sexes
    meta: Any
    created: datetime
    images: dict[str, Image] = field(default_factory=dict["str", "Image"])
    batches: dict[str, Batch] = field(default_factory=dict["str", "Batch"])


@dataclass(slots=True, eq=False)
class Batch:
    id: str
    subject: Subject
    created: datetime | None  # as asked for; its images take it over
    images: dict[str, Image] = field(default_factory=dict["str", "Image"])
    computes: int = 0


@dataclass(slots=True, eq=False)
class AuxImage:
    id: str
    kind: str
    application: Application
    created: datetime
    key: str


@dataclass(slots=True, eq=False)
class Outcome:
    """What became of one algorithm on one photo."""

    id: str
    created: datetime
    error: str | None


@dataclass(slots=True, eq=False)
class Analysis:
    """One application's work on one photo."""

    application: Application
    photo: bytes  # the digest of what is analysed
    began: datetime
    reads: int = 0
    outcomes: dict[str, Outcome] = field(default_factory=dict["str", Outcome])  # by algorithm

    @property
    def complete(self) -> bool:
        return len(self.outcomes) == len(self.application.algorithms)


@dataclass(slots=True, eq=False)
class Image:
    id: str
    subject: Subject
    batch: Batch
    name: str
    side: int
    light: int
    meta: Any
    created: datetime
    run_id: str
    key: str
    quality_score: float | None = None
    problems: list[str] | None = None
    aux_images: list[AuxImage] = field(default_factory=list[AuxImage])
    analyses: dict[str, Analysis] = field(default_factory=dict["str", Analysis])

    @property
    def side_name(self) -> str:
        return self.subject.dataset.image_type.sides[self.side]

    @property
    def light_name(self) -> str:
        return self.subject.dataset.image_type.lights[self.light]


class World:
    """All state, and the only code that changes it.

    Args:
        seed: Makes ids, tokens and times reproducible. None: random ids, the machine's clock.
        analysis_reads: An analysis is complete at this many reads of the image after the compute;
            its score and first result show halfway, the others one by one after that.
        analysis_seconds: If given, analysis goes by the clock instead.
        token_seconds: Life of an access token.
    """

    def __init__(
        self,
        *,
        seed: int | None,
        analysis_reads: int = 2,
        analysis_seconds: float | None = None,
        token_seconds: float = 3600,
    ) -> None:
        self.lock = threading.RLock()
        self.analysis_reads = analysis_reads
        self.analysis_seconds = analysis_seconds
        self._token_seconds = token_seconds
        self._virtual = seed is not None
        # Kept even when nobody gave one, so that a reset gives the same credentials back.
        self._seed = random.SystemRandom().getrandbits(64) if seed is None else seed
        self.reset()

    def reset(self) -> None:
        """Back to the beginning: an empty world with the same credentials."""
        with self.lock:
            self._random = random.Random(self._seed)
            self.clock = Clock(virtual=self._virtual)
            self.company_id = self.new_id()
            dataset = Dataset(self.new_id(), "Sandbox dataset", IMAGE_TYPES[1], {})
            self.dataset_id = dataset.id
            self.signing_secret = self._random.randbytes(30).hex()
            self.accounts = Accounts(
                seed=self._random.getrandbits(128),
                clock=self.clock,
                token_seconds=self._token_seconds,
            )
            self.datasets = {dataset.id: dataset}
            self.subjects: dict[str, Subject] = {}
            self.batches: dict[str, Batch] = {}
            self.images: dict[str, Image] = {}
            self.objects: dict[str, StoredObject] = {}
            self.failures: dict[str, str] = {}  # algorithm -> error, of what will be computed
            self.sexes: dict[str, str] = {}  # id -> name
            for name in _SEXES:
                self.biological_sex(name)

    def new_id(self) -> str:
        """A fresh random UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def biological_sex(self, value: str) -> str:
        """The id for an id or a word; which the service takes is unknown (api-facts 4.1)."""
        if value not in self.sexes:
            name, value = value, str(uuid.uuid5(uuid.NAMESPACE_OID, value.lower()))
            self.sexes.setdefault(value, name)
        return value

    def create_dataset(
        self, name: str, image_type_id: int | None = None, **settings: Any
    ) -> Dataset:
        image_type = IMAGE_TYPES[image_type_id or 1]
        dataset = Dataset(self.new_id(), name, image_type, settings)
        self.datasets[dataset.id] = dataset
        return dataset

    def create_subject(
        self,
        name: str,
        birth_date: str | None = None,
        biological_sex: str | None = None,
        meta: Any = None,
        dataset: Dataset | None = None,
    ) -> Subject:
        """A new person, in the first dataset if none is given."""
        dataset = dataset or self.datasets[self.dataset_id]
        sex = None if biological_sex is None else self.biological_sex(biological_sex)
        subject = Subject(self.new_id(), dataset, name, birth_date, sex, meta, self.clock.now())
        self.subjects[subject.id] = dataset.subjects[subject.id] = subject
        return subject

    def delete_subject(self, subject: Subject) -> None:
        """The subject, and everything below it, files included."""
        for batch in list(subject.batches.values()):
            self.delete_batch(batch)
        del self.subjects[subject.id], subject.dataset.subjects[subject.id]

    def clear_storage(self, subject: Subject) -> None:
        """The photos' files; records and auxiliary images stay (seed: API for Subjects)."""
        for image in subject.images.values():
            self.objects.pop(image.key, None)

    def clear_metadata(self, subject: Subject) -> None:
        """Meta, sex, birth date and metrics; the metrics of an unfinished analysis never come."""
        subject.meta = subject.biological_sex = subject.birth_date = None
        for image in subject.images.values():
            image.quality_score = image.problems = None
            image.analyses.clear()

    def create_batch(self, subject: Subject, created: datetime | None = None) -> Batch:
        batch = Batch(self.new_id(), subject, created)
        self.batches[batch.id] = subject.batches[batch.id] = batch
        return batch

    def delete_batch(self, batch: Batch) -> None:
        """The batch, and its images with their files."""
        for image in list(batch.images.values()):
            self.delete_image(image)
        del self.batches[batch.id], batch.subject.batches[batch.id]

    def create_image(
        self,
        batch: Batch,
        *,
        name: str | None = None,
        side: int | None = None,
        light: int | None = None,
        meta: Any = None,
        created: datetime | None = None,
    ) -> Image:
        """The record of a photo whose file is yet to come."""
        subject = batch.subject
        image_type = subject.dataset.image_type
        side = side or min(image_type.sides)
        image_id = self.new_id()
        image = Image(
            id=image_id,
            subject=subject,
            batch=batch,
            name=image_type.sides[side] if name is None else name,
            side=side,
            light=light or min(image_type.lights),
            meta=meta,
            created=created or batch.created or self.clock.now(),
            run_id=self.new_id(),
            key=f"{self.company_id}/{subject.id}/{image_id}",
        )
        self.images[image_id] = batch.images[image_id] = subject.images[image_id] = image
        return image

    def delete_image(self, image: Image) -> None:
        """The record, its file and those of its auxiliary images."""
        for owner in (self.images, image.batch.images, image.subject.images):
            del owner[image.id]
        for key in (image.key, *(aux.key for aux in image.aux_images)):
            self.objects.pop(key, None)

    def store(self, key: str, stored: StoredObject) -> None:
        """Puts a file, whether or not a record points at it: a bucket knows nothing of records."""
        self.objects[key] = stored

    def compute(self, batch: Batch, application: Application) -> None:
        """Starts the analysis of the batch's photos that have files; each call is counted."""
        batch.computes += 1
        for image in batch.images.values():
            analysis = image.analyses.get(application.tech_name)
            if analysis is not None and not analysis.complete:
                analysis.began, analysis.reads = self.clock.now(), 0
            elif analysis is None and (photo := self.objects.get(image.key)):
                image.analyses[application.tech_name] = Analysis(
                    application, photo.md5, self.clock.now()
                )

    def observe(self, image: Image) -> None:
        """Brings the running analyses of an image up to date."""
        for analysis in image.analyses.values():
            if not analysis.complete:
                self._advance(image, analysis)

    def _advance(self, image: Image, analysis: Analysis) -> None:
        """Halfway the score and the first result, then one after the other, at the end the last."""
        analysis.reads += 1
        if self.analysis_seconds is None:
            done, goal = float(analysis.reads), float(self.analysis_reads)
        else:
            done = (self.clock.now() - analysis.began).total_seconds()
            goal = self.analysis_seconds
        if image.key not in self.objects or 2 * done < goal:
            return
        image.quality_score = quality_score(analysis.photo)
        image.problems = []
        algorithms = list(analysis.application.algorithms)
        late = 1.0 if done >= goal else (2 * done - goal) / goal
        for algorithm in algorithms[: 1 + int(late * (len(algorithms) - 1))]:
            if algorithm not in analysis.outcomes:
                self._finish(image, analysis, algorithm)

    def _finish(self, image: Image, analysis: Analysis, algorithm: str) -> None:
        error = self.failures.get(algorithm)
        analysis.outcomes[algorithm] = Outcome(self.new_id(), self.clock.now(), error)
        if error is not None:
            return
        there = {aux.kind for aux in image.aux_images}
        for kind in analysis.application.algorithms[algorithm]:
            if kind not in there:
                aux_id = self.new_id()
                key = f"{image.key}/{aux_id}"
                photo = self.objects[image.key]
                self.store(key, StoredObject.of(MASK) if kind.endswith("_mask") else photo)
                image.aux_images.append(
                    AuxImage(aux_id, kind, analysis.application, self.clock.now(), key)
                )

    def snapshot(self, *, ids: bool = True) -> dict[str, Any]:
        """All that is held now, as plain data for comparisons.

        Args:
            ids: False leaves ids and times out, so that two runs with different ids compare equal.
        """
        with self.lock:
            digests = {
                key: hashlib.sha256(stored.data).hexdigest() for key, stored in self.objects.items()
            }
            owned: set[str] = set()

            def named(record: Dataset | Subject | Batch | Image, **values: Any) -> dict[str, Any]:
                return {"id": record.id, **values} if ids else values

            def dated(record: Subject | Image) -> dict[str, Any]:
                return {"created": record.created.isoformat()} if ids else {}

            def results(image: Image) -> dict[str, Any]:
                return {
                    application: {name: found.error for name, found in analysis.outcomes.items()}
                    for application, analysis in image.analyses.items()
                }

            def image_data(image: Image) -> dict[str, Any]:
                aux_keys = [aux.key for aux in image.aux_images]
                owned.update((image.key, *aux_keys))
                return named(
                    image,
                    name=image.name,
                    side=image.side_name,
                    light=image.light_name,
                    meta=image.meta,
                    quality_score=image.quality_score,
                    problems=image.problems,
                    results=results(image),
                    sha256=digests.get(image.key),
                    aux_sha256=[digests.get(key) for key in aux_keys],
                    **dated(image),
                )

            def batch_data(batch: Batch) -> dict[str, Any]:
                images = [image_data(image) for image in batch.images.values()]
                return named(batch, computes=batch.computes, images=images)

            subjects = [
                named(
                    subject,
                    name=subject.name,
                    dataset=subject.dataset.name,
                    birth_date=subject.birth_date,
                    biological_sex=subject.biological_sex,
                    meta=subject.meta,
                    batches=[batch_data(batch) for batch in subject.batches.values()],
                    **dated(subject),
                )
                for subject in self.subjects.values()
            ]
            orphans = {key: digest for key, digest in digests.items() if key not in owned}
            datasets = [
                named(
                    dataset,
                    name=dataset.name,
                    image_type=dataset.image_type.tech_name,
                    settings=dataset.settings,
                )
                for dataset in self.datasets.values()
            ]
            private_tokens = [token.name for token in self.accounts.private_tokens.values()]
            return {
                "private_tokens": private_tokens,
                "datasets": datasets,
                "subjects": subjects,
                "orphaned_files": orphans if ids else sorted(orphans.values()),
            }
