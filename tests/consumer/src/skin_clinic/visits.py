"""Data classes for a patient's visit and for the analysis result of each photo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from haut_api.models import Image
from haut_ext import Side, UploadedBatch

SIDES: tuple[Side, ...] = ("front", "right", "left")


@dataclass(frozen=True)
class Visit:
    """Photos of one patient that were uploaded together."""

    number: str
    batch: UploadedBatch

    @property
    def image_ids(self) -> list[UUID]:
        return [image.image_id for image in self.batch.images]

    def image_id(self, side: Side) -> UUID | None:
        found = [image.image_id for image in self.batch.images if image.side == side]
        return found[0] if found else None


@dataclass(frozen=True)
class Finding:
    """Analysis result of one photo."""

    side: str
    taken: datetime
    score: float | None
    problems: tuple[str, ...]

    @classmethod
    def from_image(cls, image: Image) -> Finding:
        return cls(image.side, image.created_at, image.quality_score, tuple(image.problems or ()))
