"""In-memory database with all records and files of the sandbox.

Image records and files are stored separately, as in the real service: either can exist without the
other.
"""

from __future__ import annotations

import random
import threading
import uuid
from datetime import datetime
from typing import Any

from .clock import Clock
from .records import IMAGE_TYPES, Batch, Dataset, Image, StoredObject, Subject

_BIOLOGICAL_SEXES = ("female", "male")


class Database:
    """All records and stored files. Hold `lock` while changing them.

    Args:
        clock: Provides creation times for new records.
        generator: Random generator for ids.
    """

    def __init__(self, clock: Clock, generator: random.Random) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self.reset(generator)

    def reset(self, generator: random.Random) -> None:
        """Delete everything, and create the company and its first dataset."""
        self._generator = generator
        self.company_id = self.new_id()
        dataset = Dataset(self.new_id(), "Sandbox dataset", IMAGE_TYPES[1], {})
        self.datasets = {dataset.id: dataset}
        self.subjects: dict[str, Subject] = {}
        self.batches: dict[str, Batch] = {}
        self.images: dict[str, Image] = {}
        self.objects: dict[str, StoredObject] = {}
        self.biological_sexes: dict[str, str] = {}  # maps ids to names
        for name in _BIOLOGICAL_SEXES:
            self.biological_sex_id(name)

    @property
    def dataset_id(self) -> str:
        """Id of the first dataset. Datasets cannot be deleted."""
        return next(iter(self.datasets))

    def new_id(self) -> str:
        """Return a new random UUID."""
        return str(uuid.UUID(int=self._generator.getrandbits(128), version=4))

    def biological_sex_id(self, value: str) -> str:
        """Return the id of a biological sex that is given as an id or as a name.

        Both are accepted, because the API's documentation does not say which is expected.
        """
        if value not in self.biological_sexes:
            name, value = value, str(uuid.uuid5(uuid.NAMESPACE_OID, value.lower()))
            self.biological_sexes.setdefault(value, name)
        return value

    def create_dataset(
        self, name: str, image_type_id: int | None = None, **settings: Any
    ) -> Dataset:
        """Create a dataset."""
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
        """Create a subject, in the first dataset if none is given."""
        dataset = dataset or self.datasets[self.dataset_id]
        sex = None if biological_sex is None else self.biological_sex_id(biological_sex)
        created = self._clock.now()
        subject = Subject(self.new_id(), dataset, name, birth_date, sex, meta, created)
        self.subjects[subject.id] = dataset.subjects[subject.id] = subject
        return subject

    def delete_subject(self, subject: Subject) -> None:
        """Delete a subject with its batches, images and files."""
        for batch in list(subject.batches.values()):
            self.delete_batch(batch)
        del self.subjects[subject.id], subject.dataset.subjects[subject.id]

    def clear_storage(self, subject: Subject) -> None:
        """Delete the files of a subject's photos; keep image records and auxiliary images."""
        for image in subject.images.values():
            self.objects.pop(image.key, None)

    def clear_metadata(self, subject: Subject) -> None:
        """Delete a subject's personal data and metrics, and cancel unfinished analyses."""
        subject.meta = subject.biological_sex = subject.birth_date = None
        for image in subject.images.values():
            image.analysis.clear_metrics()

    def create_batch(self, subject: Subject, created: datetime | None = None) -> Batch:
        """Create a batch."""
        batch = Batch(self.new_id(), subject, created)
        self.batches[batch.id] = subject.batches[batch.id] = batch
        return batch

    def delete_batch(self, batch: Batch) -> None:
        """Delete a batch with its images and their files."""
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
        """Create an image record. The photo file is uploaded later."""
        subject = batch.subject
        image_type = subject.dataset.image_type
        side = side or min(image_type.sides)
        image_id = self.new_id()
        image = Image(
            id=image_id,
            batch=batch,
            name=image_type.sides[side] if name is None else name,
            side=side,
            light=light or min(image_type.lights),
            meta=meta,
            created=created or batch.created or self._clock.now(),
            run_id=self.new_id(),
            key=f"{self.company_id}/{subject.id}/{image_id}",
        )
        self.images[image_id] = batch.images[image_id] = subject.images[image_id] = image
        return image

    def delete_image(self, image: Image) -> None:
        """Delete an image record, its file and the files of its auxiliary images."""
        for table in (self.images, image.batch.images, image.subject.images):
            del table[image.id]
        for key in (image.key, *(aux.key for aux in image.analysis.aux_images)):
            self.objects.pop(key, None)

    def store(self, key: str, stored: StoredObject) -> None:
        """Store a file. As in a storage bucket, no record needs to refer to the file."""
        self.objects[key] = stored
