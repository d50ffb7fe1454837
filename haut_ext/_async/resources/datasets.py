"""The datasets of a company: one for an app or a study, with what its photos show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from haut_api.api.datasets import (
    create_dataset,
    get_dataset,
    list_datasets,
    list_datasets_short,
)
from haut_api.models import Dataset, DatasetReference, DatasetRequest
from haut_api.types import UNSET, Unset
from haut_ext._async.operations import AsyncOperations
from haut_ext._async.pagination import iterate, read_page
from haut_ext.errors import ConfigError
from haut_ext.types import Page

_LONGEST_NAME = 512
_MOST_DAYS = 365


class AsyncDatasets:
    """The datasets of the company (api-facts 7). Reached as `haut.datasets`."""

    def __init__(self, operations: AsyncOperations) -> None:
        self._operations = operations

    async def create(
        self,
        name: str,
        *,
        image_type_id: int | Unset | None = UNSET,
        expire_images_after_days: int | Unset | None = UNSET,
        expire_metadata_after_days: int | Unset | None = UNSET,
        clean_images_as_soon_as_ready: bool | Unset = UNSET,
        custom_branding: int | Unset | None = UNSET,
    ) -> Dataset:
        """Create a dataset: one for an app or a study. Never sent again once it may have arrived.

        Args:
            name: 1 to 512 characters.
            image_type_id: The number of what its photos show, from `haut.image_types()`.
            expire_images_after_days: Photos are deleted so many days after their upload, at most
                365, while their records stay.
            expire_metadata_after_days: The same for metadata.
            clean_images_as_soon_as_ready: Delete each photo as soon as every application attached
                to the dataset has processed it (api-facts 14).
            custom_branding: A number of the service's own.

        Raises:
            ConfigError: If the name has not 1 to 512 characters, or a number of days cannot be
            right.
            ApiError, TransportError: With `maybe_carried_out` or `maybe_delivered` set when the
                dataset may exist all the same.
        """
        if not 1 <= len(name) <= _LONGEST_NAME:
            raise ConfigError(
                f"a dataset's name has 1 to {_LONGEST_NAME} characters, not {len(name)}"
            )
        body = DatasetRequest(
            name=name,
            image_type_id=image_type_id,
            expire_images_after_days=_days(expire_images_after_days, "expire_images_after_days"),
            expire_metadata_after_days=_days(
                expire_metadata_after_days, "expire_metadata_after_days"
            ),
            clean_images_as_soon_as_ready=clean_images_as_soon_as_ready,
            custom_branding=custom_branding,
        )
        return await self._operations.call(create_dataset, Dataset, body=body)

    async def get(self, dataset_id: str | UUID | None = None) -> Dataset:
        """Return a dataset.

        Args:
            dataset_id: Another dataset than the client's.

        Raises:
            NotFound: If there is no such dataset.
        """
        dataset = self._operations.scope.dataset(dataset_id)
        return await self._operations.call(get_dataset, Dataset, dataset_id=dataset)

    def iterate(
        self, q: str | None = None, *, ordering: str | None = None
    ) -> AsyncIterator[Dataset]:
        """Iterate over all datasets, lazily, a page at a time.

        Args:
            q: The service's search term.
            ordering: The field to sort by; which ones there are is not documented.
        """
        return iterate(self._operations, list_datasets, q=q or UNSET, ordering=ordering or UNSET)

    async def list(
        self,
        q: str | None = None,
        page: int = 1,
        page_size: int | None = None,
        *,
        ordering: str | None = None,
    ) -> Page[Dataset]:
        """Return one page of datasets.

        Args:
            q: The service's search term.
            page: From 1.
            page_size: Datasets a page; the service's own default unless given.
            ordering: The field to sort by; which ones there are is not documented.

        Raises:
            NotFound: If there is no such page.
        """
        return await read_page(
            self._operations,
            list_datasets,
            page,
            q=q or UNSET,
            ordering=ordering or UNSET,
            page_size=page_size or UNSET,
        )

    async def short_list(self, q: str | None = None) -> tuple[DatasetReference, ...]:
        """Return id and name of all datasets, in one answer.

        Args:
            q: The service's search term.
        """
        response = await self._operations.request(list_datasets_short, {"q": q or UNSET})
        if not isinstance(response.parsed, list):
            raise self._operations.decode_error(response, "(body)", "it is no list")
        return tuple(response.parsed)


def _days(value: int | Unset | None, name: str) -> int | Unset | None:
    if isinstance(value, int) and not 0 <= value <= _MOST_DAYS:
        raise ConfigError(f"{name} is at most {_MOST_DAYS}, or None for no end")
    return value
