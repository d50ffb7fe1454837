"""Defines the sandbox's records: datasets, subjects, batches, images and stored files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .algorithms import Application
from .photo_content import PhotoContent


@dataclass(frozen=True, slots=True, eq=False)
class ImageType:
    """Image type of a dataset: defines the sides and lights of its photos, by id."""

    id: int
    tech_name: str
    sides: dict[int, str]
    lights: dict[int, str]


IMAGE_TYPES = {
    image_type.id: image_type
    for image_type in (
        ImageType(1, "selfie", {1: "front", 2: "right", 3: "left"}, {1: "regular"}),
        # This image type is made up, so that datasets can differ in sides and lights.
        ImageType(2, "hand", {4: "palm", 5: "back"}, {1: "regular", 2: "polarized"}),
    )
}


@dataclass(slots=True)
class StoredObject:
    """File stored by the sandbox's storage service."""

    data: bytes | bytearray
    content_type: str
    md5: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> StoredObject:
        """Return the stored file for an upload with this body."""
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        return cls(data, "application/octet-stream", md5)


@dataclass(slots=True, eq=False)
class Dataset:
    """Dataset. The sandbox returns the retention and branding `settings`, but ignores them."""

    id: str
    name: str
    image_type: ImageType
    settings: dict[str, Any]
    subjects: dict[str, Subject] = field(default_factory=dict["str", "Subject"])


@dataclass(slots=True, eq=False)
class Subject:
    """Subject: a person whose photos are analyzed. `biological_sex` is an id."""

    id: str
    dataset: Dataset
    name: str
    birth_date: str | None
    biological_sex: str | None
    meta: Any
    created: datetime
    images: dict[str, Image] = field(default_factory=dict["str", "Image"])
    batches: dict[str, Batch] = field(default_factory=dict["str", "Batch"])


@dataclass(slots=True, eq=False)
class Batch:
    """Batch of photos uploaded together. Images inherit the `created` time set by the client."""

    id: str
    subject: Subject
    created: datetime | None
    images: dict[str, Image] = field(default_factory=dict["str", "Image"])
    computes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class AuxImage:
    """Auxiliary image created by an algorithm, such as a mask."""

    id: str
    kind: str
    application: Application
    created: datetime
    key: str


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Result of one algorithm on one photo; `error` is None if the algorithm succeeded."""

    id: str
    created: datetime
    error: str | None


@dataclass(slots=True, eq=False)
class ApplicationRun:
    """Analysis of one photo by one application.

    Attributes:
        application: The application.
        photo: The photo.
        algorithms: Algorithms that produce a result, in the order in which they finish.
        started: Time of the compute request.
        reads: Number of times the image was read since the compute request.
        outcomes: Current results by algorithm.
    """

    application: Application
    photo: PhotoContent
    algorithms: list[str]
    started: datetime
    reads: int = 0
    outcomes: dict[str, Outcome] = field(default_factory=dict["str", Outcome])

    @property
    def complete(self) -> bool:
        """Whether all algorithms have finished."""
        return len(self.outcomes) == len(self.algorithms)


@dataclass(slots=True, eq=False)
class ImageAnalysis:
    """Analysis data of one photo. The keys of `runs` are technical names of applications."""

    quality_score: float | None = None
    problems: list[str] | None = None
    aux_images: list[AuxImage] = field(default_factory=list[AuxImage])
    runs: dict[str, ApplicationRun] = field(default_factory=dict["str", ApplicationRun])

    def clear_metrics(self) -> None:
        """Delete scores and results, and cancel unfinished runs; keep auxiliary images."""
        self.quality_score = self.problems = None
        self.runs.clear()


@dataclass(slots=True, eq=False)
class Image:
    """Image record. The photo is uploaded later, and is stored as a file named `key`."""

    id: str
    batch: Batch
    name: str
    side: int
    light: int
    meta: Any
    created: datetime
    run_id: str
    key: str
    analysis: ImageAnalysis = field(default_factory=ImageAnalysis)

    @property
    def subject(self) -> Subject:
        """The subject to whom the image's batch belongs."""
        return self.batch.subject

    @property
    def side_name(self) -> str:
        """Technical name of the photographed side, such as "front"."""
        return self.subject.dataset.image_type.sides[self.side]

    @property
    def light_name(self) -> str:
        """Technical name of the light in which the photo was taken."""
        return self.subject.dataset.image_type.lights[self.light]
