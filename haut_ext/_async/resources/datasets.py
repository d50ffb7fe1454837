"""Datasets: groups of subjects, such as those of an app or a study."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator
from typing import Unpack

from haut_api.api.datasets import create_dataset, get_dataset, list_datasets, list_datasets_short
from haut_api.models import Dataset, DatasetReference, DatasetRequest
from haut_ext._async.operations import AsyncResource
from haut_ext._async.pagination import iterate, read_page
from haut_ext.argument_checks import Id, check_name
from haut_ext.argument_types import validate_arguments
from haut_ext.errors import ConfigError
from haut_ext.keyword_arguments import DatasetAttributes, ListOptions
from haut_ext.types import Page

_MAX_DAYS = 365


@validate_arguments()
class AsyncDatasets(AsyncResource):
    """Datasets of the company (api-facts 7), available as `haut.datasets`."""

    async def create(self, name: str, **attributes: Unpack[DatasetAttributes]) -> Dataset:
        """Create a dataset.

        The request is not repeated if it may have reached the service.

        Args:
            name: Name of the dataset, 1 to 512 characters.
            attributes: See `DatasetAttributes`.

        Raises:
            ConfigError: If an argument is invalid.
            ApiError, TransportError: If `maybe_carried_out` is true, the dataset may exist.
        """
        for option in ("expire_images_after_days", "expire_metadata_after_days"):
            days = attributes.get(option)
            if isinstance(days, int) and not 0 <= days <= _MAX_DAYS:
                raise ConfigError(f"{option} must be 0 to {_MAX_DAYS}, or None for no deletion")
        body = DatasetRequest(name=check_name(name), **attributes)
        return await self._operations.call(create_dataset, Dataset, body=body)

    async def get(self, dataset_id: Id | None = None) -> Dataset:
        """Return a dataset.

        Args:
            dataset_id: The dataset's id; the client's dataset unless given.

        Raises:
            NotFound: If the dataset does not exist.
            UnexpectedResponse: If the response is the record of another dataset.
        """
        return await self._operations.call_for(
            "dataset_id", get_dataset, Dataset, dataset_id=dataset_id
        )

    def iterate(
        self, q: str | None = None, **options: Unpack[ListOptions]
    ) -> AsyncIterator[Dataset]:
        """Iterate over all datasets, requesting pages when needed.

        Args:
            q: Search term.
            options: See `ListOptions`.
        """
        return iterate(self._operations, list_datasets, q=q, **options)

    async def list(
        self, q: str | None = None, page: int = 1, **options: Unpack[ListOptions]
    ) -> Page[Dataset]:
        """Return one page of datasets.

        Args:
            q: Search term.
            page: Page number, starting at 1.
            options: See `ListOptions`.

        Raises:
            NotFound: If the page does not exist.
        """
        return await read_page(self._operations, list_datasets, page, q=q, **options)

    async def short_list(self, q: str | None = None) -> tuple[DatasetReference, ...]:
        """Return the ids and names of all datasets, using a single request.

        Args:
            q: Search term.
        """
        kind: type[builtins.list[DatasetReference]] = builtins.list
        return tuple(await self._operations.call(list_datasets_short, kind, q=q))
