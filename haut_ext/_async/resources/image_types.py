"""Looks up the numbers of sides and lights, which each image type defines."""

from __future__ import annotations

from uuid import UUID

from haut_api.api.datasets import get_dataset
from haut_api.models import Dataset, DictionaryItem, ImageType
from haut_api.types import Unset
from haut_ext._async.operations import AsyncOperations
from haut_ext.argument_checks import Id
from haut_ext.errors import ConfigError
from haut_ext.types import SIDE_IDS

_DOCUMENTED_SIDES: dict[str, int] = {str(side): number for side, number in SIDE_IDS.items()}


async def side_and_light_numbers(
    operations: AsyncOperations,
    side: str | int | Unset,
    light: str | int | Unset | None,
    dataset_id: Id | None,
) -> tuple[int | Unset, int | Unset | None]:
    """Return the numbers of a side and a light, given as names or numbers.

    UNSET is returned unchanged, as is None for the light. Names are looked up in the dataset's
    image type, which each client requests only once. The sides front, right and left have
    documented numbers (api-facts 5) and need no lookup. Numbers are checked only if the image type
    has already been requested.

    Raises:
        ConfigError: If the image type has no such side or light; the message lists those it has.
    """
    image_type = None
    if isinstance(light, str) or (isinstance(side, str) and side not in _DOCUMENTED_SIDES):
        image_type = await _request_image_type(operations, operations.scope.dataset(dataset_id))
    elif dataset_id is not None or operations.scope.dataset_id is not None:
        image_type = operations.image_types.get(operations.scope.dataset(dataset_id))
    if not isinstance(side, Unset):
        side = _number("side", side, None if image_type is None else image_type.sides)
    if not isinstance(light, Unset) and light is not None:
        light = _number("light", light, None if image_type is None else image_type.lights)
    return side, light


async def _request_image_type(operations: AsyncOperations, dataset_id: UUID) -> ImageType:
    if dataset_id not in operations.image_types:
        dataset = await operations.call(get_dataset, Dataset, dataset_id=dataset_id)
        if not isinstance(dataset.image_type, ImageType):
            raise ConfigError("this dataset has no image type: pass side and light as numbers")
        operations.image_types[dataset_id] = dataset.image_type
    return operations.image_types[dataset_id]


def _number(kind: str, value: object, items: list[DictionaryItem] | None) -> int:
    if isinstance(value, str):
        for name in ("tech_name", "name"):
            for item in items or ():
                if str(getattr(item, name)).casefold() == value.casefold():
                    return item.id
        number = _DOCUMENTED_SIDES.get(value) if kind == "side" else None
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise ConfigError(f"{kind} must be a name or number defined by the dataset's image type")
    if number is None or (items is not None and all(item.id != number for item in items)):
        # The message omits the invalid value, because it may be a person's name passed by mistake.
        valid = ", ".join(f"{item.tech_name} ({item.id})" for item in items or ())
        raise ConfigError(
            f"no such {kind} in the dataset's image type, which has: {valid or 'none'}"
        )
    return number
