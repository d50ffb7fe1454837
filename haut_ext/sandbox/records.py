"""The records of the sandbox: datasets, subjects, batches, images and stored files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .algorithms import Application


@dataclass(frozen=True, slots=True, eq=False)
class ImageType:
    """Kind of photo that a dataset contains, with its sides and lights by id."""

    id: int
    tech_name: str
    sides: dict[int, str]
    lights: dict[int, str]


IMAGE_TYPES = {
    image_type.id: image_type
    for image_type in (
        ImageType(1, "selfie", {1: "front", 2: "right", 3: "left"}, {1: "regular"}),
        # Invented, so that not every dataset has the same sides and lights.
        ImageType(2, "hand", {4: "palm", 5: "back"}, {1: "regular", 2: "polarized"}),
    )
}


@dataclass(slots=True)
class StoredObject:
    """File in the storage."""

    data: bytes | bytearray
    content_type: str
    md5: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> StoredObject:
        """Return the object that an upload of these bytes stores."""
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        return cls(data, "application/octet-stream", md5)


@dataclass(slots=True, eq=False)
class Dataset:
    """Dataset. `settings` holds retention and branding, which the sandbox returns but ignores."""

    id: str
    name: str
    image_type: ImageType
    settings: dict[str, Any]
    subjects: dict[str, Subject] = field(default_factory=dict["str", "Subject"])


@dataclass(slots=True, eq=False)
class Subject:
    """Person whose photos are analyzed. `biological_sex` is an id, see `Database`."""

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
    """Photos of one upload. `created` is the time that the client set; its images inherit it."""

    id: str
    subject: Subject
    created: datetime | None
    images: dict[str, Image] = field(default_factory=dict["str", "Image"])
    computes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class AuxImage:
    """Auxiliary image that an algorithm has created, such as a mask."""

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
    """Work of one application on one photo.

    Attributes:
        application: The application.
        photo: Digest of the photo that is analyzed.
        started: Time of the compute request.
        reads: Number of reads of the image since then.
        outcomes: Results so far, by algorithm.
    """

    application: Application
    photo: bytes
    started: datetime
    reads: int = 0
    outcomes: dict[str, Outcome] = field(default_factory=dict["str", Outcome])

    @property
    def complete(self) -> bool:
        """Whether all algorithms have finished."""
        return len(self.outcomes) == len(self.application.algorithms)


@dataclass(slots=True, eq=False)
class ImageAnalysis:
    """Everything that the algorithms have found on one photo; `runs` are by technical name."""

    quality_score: float | None = None
    problems: list[str] | None = None
    aux_images: list[AuxImage] = field(default_factory=list[AuxImage])
    runs: dict[str, ApplicationRun] = field(default_factory=dict["str", ApplicationRun])

    def clear_metrics(self) -> None:
        """Delete scores and results, and cancel unfinished runs. Auxiliary images stay."""
        self.quality_score = self.problems = None
        self.runs.clear()


@dataclass(slots=True, eq=False)
class Image:
    """Record of a photo. The file is stored under `key`, and is uploaded after the record exists."""

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
        """The subject of the image's batch."""
        return self.batch.subject

    @property
    def side_name(self) -> str:
        """Technical name of the side."""
        return self.subject.dataset.image_type.sides[self.side]

    @property
    def light_name(self) -> str:
        """Technical name of the light."""
        return self.subject.dataset.image_type.lights[self.light]
