"""The batches that a subject's photos came in, and what the service still shows of a deleted one.

The routes are known from public clients only (api-facts 6, 8). Uploading makes batches by itself;
deleting them, and asking for what is left, is what an erasure needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from haut_api.api.batches import delete_batch, list_batches
from haut_api.api.face_metrics_3 import get_batch_results_v3
from haut_api.api.results import list_aux_images, list_image_results
from haut_api.models import Batch
from haut_api.types import UNSET
from haut_ext._async.operations import AsyncOperations
from haut_ext._async.pagination import read_page
from haut_ext.errors import NotFound
from haut_ext.settings import parse_id
from haut_ext.types import Page


class AsyncBatches:
    """The batches of subjects (api-facts 8). Reached as `haut.batches`."""

    def __init__(self, operations: AsyncOperations) -> None:
        self._operations = operations

    async def list(
        self,
        subject_id: str | UUID,
        page: int = 1,
        page_size: int | None = None,
        *,
        dataset_id: str | UUID | None = None,
    ) -> Page[Batch]:
        """Return one page of a subject's batches.

        Args:
            subject_id: Whose batches.
            page: From 1.
            page_size: Batches a page; the service's own default unless given.
            dataset_id: Another dataset than the client's.

        Raises:
            NotFound: If there is no such subject or page.
        """
        return await read_page(
            self._operations,
            list_batches,
            page,
            dataset_id=self._operations.scope.dataset(dataset_id),
            subject_id=parse_id(subject_id, "subject_id"),
            page_size=page_size or UNSET,
        )

    async def delete(
        self,
        subject_id: str | UUID,
        batch_id: str | UUID,
        *,
        dataset_id: str | UUID | None = None,
    ) -> None:
        """Delete a batch and its images.

        Raises:
            NotFound: If the subject has no such batch.
        """
        await self._operations.call_without_content(
            delete_batch,
            dataset_id=self._operations.scope.dataset(dataset_id),
            subject_id=parse_id(subject_id, "subject_id"),
            batch_id=parse_id(batch_id, "batch_id"),
        )

    async def count_results(
        self, subject_id: UUID, batch_id: UUID, image_ids: Iterable[UUID], *, dataset_id: UUID
    ) -> int:
        """Return how many results and auxiliary images of a batch the service shows, all versions."""
        place = {"dataset_id": dataset_id, "subject_id": subject_id, "batch_id": batch_id}
        found = 0
        for image_id in image_ids:
            with suppress(NotFound):
                results: list[Any] = await self._operations.get_json(
                    list_image_results, list, **place, image_id=image_id
                )
                found += len(results)
            with suppress(NotFound):
                auxiliary: list[Any] = await self._operations.get_json(
                    list_aux_images, list, **place, image_id=image_id
                )
                found += len(auxiliary)
        with suppress(NotFound):
            document: dict[str, Any] = await self._operations.get_json(
                get_batch_results_v3, dict, batch_id=batch_id
            )
            found += "face_skin_metrics_3" in document
        return found
