# Derived from haut_ext/_async/workflows/history.py by `make sync`; change that file instead.
"""Reads the analysis results of all images of a subject as rows, ordered by time."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from haut_api.models import Image
from haut_ext._sync.resources.images import Images
from haut_ext.analysis_results import (
    AlgorithmResult,
    Api,
    Row,
    read_batch_document,
    read_image_results,
)
from haut_ext.analysis_results.json_values import as_text, as_time
from haut_ext.analysis_results.rows import long_rows
from haut_ext.argument_checks import Id, parse_id
from haut_ext.concurrency import gather
from haut_ext.types import UploadedImage


def history(images: Images, subject_id: Id, api: Api, dataset_id: UUID | None) -> list[Row]:
    """Return the rows of a subject's results. See `Haut.history`."""
    subject = parse_id(subject_id, "subject_id")
    listed = [image for image in images.iterate(subject)]
    listed.sort(key=lambda image: image.created_at)
    if api == "v3":
        # The results belong to the batch: read them once, for the first image of each batch.
        first = {image.image_batch_id: image for image in reversed(listed)}
        calls = [partial(_read_batch, images, image, subject) for image in first.values()]
    else:
        calls = [partial(_read_image, images, image, subject, dataset_id) for image in listed]
    rows: list[Row] = []
    for found in gather(calls):
        if isinstance(found, Exception):
            raise found
        rows += found
    return sorted(rows, key=lambda row: str(row["date"]))


def _read_image(
    images: Images, image: Image, subject_id: UUID, dataset_id: UUID | None
) -> list[Row]:
    # The request does not contain the side, and the service may return one that is not valid text.
    uploaded = UploadedImage(image.id, image.image_batch_id, "", subject_id)
    items = images.read_results(uploaded, dataset_id=dataset_id)
    results = read_image_results(items, image_id=image.id, side=as_text(image.side))
    return _rows(image, subject_id, results)


def _read_batch(images: Images, image: Image, subject_id: UUID) -> list[Row]:
    document = images.read_results_v3(image.image_batch_id)
    return _rows(image, subject_id, read_batch_document(document))


def _rows(image: Image, subject_id: UUID, results: tuple[AlgorithmResult, ...]) -> list[Row]:
    batch: Row = {"subject": str(subject_id), "name": None, "batch": str(image.image_batch_id)}
    created_at = as_time(image.created_at.isoformat())
    date = None if created_at is None else created_at.isoformat()
    return [{**row, "date": row["date"] or date} for row in long_rows(results, batch)]
