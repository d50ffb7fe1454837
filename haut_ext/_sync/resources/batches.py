# Derived from haut_ext/_async/resources/batches.py by `make sync`; change that file instead.
"""Batches: the photos of one upload.

The API routes for batches are undocumented; they are known from public client programs only
(api-facts 6, 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from haut_api.api.batches import delete_batch, list_batch_images, list_batches
from haut_api.api.face_metrics_3 import get_batch_results_v3
from haut_api.api.results import list_aux_images, list_image_results
from haut_api.models import Batch
from haut_ext._sync.operations import Operation, Resource
from haut_ext._sync.pagination import iterate, read_page
from haut_ext.argument_checks import Id, parse_id
from haut_ext.argument_types import validate_arguments
from haut_ext.errors import ignore_confirmed_not_found
from haut_ext.types import Page


@validate_arguments()
class Batches(Resource):
    """Batches of subjects (api-facts 8), available as `haut.batches`.

    Batches are created by uploads. Methods with a `dataset_id` argument use the client's dataset by
    default.
    """

    def iterate(self, subject_id: Id, *, dataset_id: Id | None = None) -> Iterator[Batch]:
        """Iterate over all batches of a subject, requesting pages when needed.

        Args:
            subject_id: The subject's id.
            dataset_id: Dataset of the subject; the client's unless given.
        """
        return iterate(self._operations, list_batches, dataset_id=dataset_id, subject_id=subject_id)

    def list(
        self,
        subject_id: Id,
        page: int = 1,
        page_size: int | None = None,
        *,
        dataset_id: Id | None = None,
    ) -> Page[Batch]:
        """Return one page of a subject's batches.

        Args:
            subject_id: The subject's id.
            page: Page number, starting at 1.
            page_size: Number of batches in a page; the service's default unless given.
            dataset_id: Dataset of the subject; the client's unless given.

        Raises:
            NotFound: If the subject or the page does not exist.
        """
        return read_page(
            self._operations,
            list_batches,
            page,
            dataset_id=dataset_id,
            subject_id=subject_id,
            page_size=page_size,
        )

    def check_exists(self, subject_id: Id, batch_id: Id, *, dataset_id: Id | None = None) -> None:
        """Raise NotFound if neither the subject's list of batches nor their own route has a batch.

        Raises:
            NotFound: If the subject has no such batch.
        """
        batch_id = parse_id(batch_id, "batch_id")
        for batch in self.iterate(subject_id, dataset_id=dataset_id):
            if batch.id == batch_id:
                return
        self._operations.get_json(
            list_batch_images,
            object,
            dataset_id=dataset_id,
            subject_id=subject_id,
            batch_id=batch_id,
        )

    def delete(self, subject_id: Id, batch_id: Id, *, dataset_id: Id | None = None) -> None:
        """Delete a batch and its images.

        Raises:
            NotFound: If the subject has no such batch.
        """
        self._operations.run(
            delete_batch, dataset_id=dataset_id, subject_id=subject_id, batch_id=batch_id
        )

    def count_results(
        self, subject_id: Id, batch_id: Id, image_ids: Iterable[Id], *, dataset_id: Id | None = None
    ) -> Iterator[int]:
        """Yield the numbers of results and auxiliary images of a batch, of v1 and v3.

        An erasure uses this method to check that both were deleted together with the images.
        """
        batch = {"dataset_id": dataset_id, "subject_id": subject_id, "batch_id": batch_id}
        lists: tuple[Operation[Any], ...] = (list_image_results, list_aux_images)
        get_json = self._operations.get_json
        for image_id in image_ids:
            for operation in lists:
                with ignore_confirmed_not_found():
                    yield len(get_json(operation, list, **batch, image_id=image_id))
        with ignore_confirmed_not_found():
            document = get_json(get_batch_results_v3, dict, batch_id=batch_id)
            yield "face_skin_metrics_3" in document
