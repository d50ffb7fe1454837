"""Copies all records and files of the sandbox as plain data, which tests can compare."""

from __future__ import annotations

import hashlib
from typing import Any

from .records import Batch, Dataset, Image, Subject
from .state import State


def take_snapshot(state: State, *, ids: bool) -> dict[str, Any]:
    """Return a copy of all stored records and files, as plain data.

    Args:
        state: State of the sandbox.
        ids: Whether to include ids and times. Without them, the copies of two runs can be compared.
    """
    database = state.database
    with database.lock:
        snapshot = _Snapshot(
            {
                key: hashlib.sha256(stored.data).hexdigest()
                for key, stored in database.objects.items()
            },
            ids=ids,
        )
        tokens = state.authentication.private_tokens.values()
        subjects = [snapshot.subject(subject) for subject in database.subjects.values()]
        orphans = snapshot.orphaned_files()
        return {
            "private_tokens": [token.name for token in tokens],
            "datasets": [snapshot.dataset(dataset) for dataset in database.datasets.values()],
            "subjects": subjects,
            "orphaned_files": orphans if ids else sorted(orphans.values()),
        }


class _Snapshot:
    """Converts records to plain data, and keeps track of the files that belong to images.

    Args:
        digests: SHA-256 digest of each stored file, by key.
        ids: Whether to include ids and times.
    """

    def __init__(self, digests: dict[str, str], *, ids: bool) -> None:
        self._digests = digests
        self._ids = ids
        self._keys_of_images: set[str] = set()

    def orphaned_files(self) -> dict[str, str]:
        """Return the files that do not belong to any image converted so far."""
        return {
            key: digest for key, digest in self._digests.items() if key not in self._keys_of_images
        }

    def dataset(self, dataset: Dataset) -> dict[str, Any]:
        return {
            **self._id_of(dataset),
            "name": dataset.name,
            "image_type": dataset.image_type.tech_name,
            "settings": dataset.settings,
        }

    def subject(self, subject: Subject) -> dict[str, Any]:
        return {
            **self._id_of(subject),
            "name": subject.name,
            "dataset": subject.dataset.name,
            "birth_date": subject.birth_date,
            "biological_sex": subject.biological_sex,
            "meta": subject.meta,
            "batches": [self._batch(batch) for batch in subject.batches.values()],
            **self._creation_time_of(subject),
        }

    def _batch(self, batch: Batch) -> dict[str, Any]:
        images = [self._image(image) for image in batch.images.values()]
        return {**self._id_of(batch), "computes": batch.computes, "images": images}

    def _image(self, image: Image) -> dict[str, Any]:
        analysis = image.analysis
        aux_keys = [aux.key for aux in analysis.aux_images]
        self._keys_of_images.update((image.key, *aux_keys))
        return {
            **self._id_of(image),
            "name": image.name,
            "side": image.side_name,
            "light": image.light_name,
            "meta": image.meta,
            "quality_score": analysis.quality_score,
            "problems": analysis.problems,
            "results": {
                application: {name: outcome.error for name, outcome in run.outcomes.items()}
                for application, run in analysis.runs.items()
            },
            "sha256": self._digests.get(image.key),
            "aux_sha256": [self._digests.get(key) for key in aux_keys],
            **self._creation_time_of(image),
        }

    def _id_of(self, record: Dataset | Subject | Batch | Image) -> dict[str, Any]:
        return {"id": record.id} if self._ids else {}

    def _creation_time_of(self, record: Subject | Image) -> dict[str, Any]:
        return {"created": record.created.isoformat()} if self._ids else {}
