# Derived from haut_ext/_async/resources/sides_and_lights.py by `make sync`; change that file instead.
"""Sides and lights by name: the service takes numbers, which a dataset's image type gives them."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from haut_api.models import DictionaryItem, ImageType
from haut_api.types import Unset
from haut_ext._sync.operations import Operations
from haut_ext._sync.resources.datasets import Datasets
from haut_ext.errors import ConfigError
from haut_ext.types import SIDE_IDS

_DOCUMENTED: Mapping[str, int] = {str(side): number for side, number in SIDE_IDS.items()}


def side_and_light(
    operations: Operations,
    side: str | int | Unset,
    light: str | int | Unset | None,
    dataset_id: str | UUID | None,
) -> tuple[int | Unset, int | Unset | None]:
    """Return the numbers of a side and a light in the image type of the client's or given dataset.

    Three sides have documented numbers (api-facts 5) and need no asking, and numbers are taken as
    they are. For any other name the dataset is asked, once for a client. What is known of its image
    type checks numbers too.

    Raises:
        ConfigError: If the image type has no such side or light, naming those it has.
    """
    if isinstance(light, str) or (isinstance(side, str) and side not in _DOCUMENTED):
        image_type = _image_type(operations, operations.scope.dataset(dataset_id))
    elif dataset_id is None and operations.scope.dataset_id is None:
        image_type = None
    else:
        image_type = operations.image_types.get(operations.scope.dataset(dataset_id))
    sides, lights = (None, None) if image_type is None else (image_type.sides, image_type.lights)
    if isinstance(side, str):
        side = _by_name("side", side, sides, _DOCUMENTED.get(side))
    if isinstance(light, str):
        light = _by_name("light", light, lights, None)
    _check("side", side, sides)
    _check("light", light, lights)
    return side, light


def _image_type(operations: Operations, dataset_id: UUID) -> ImageType:
    if (known := operations.image_types.get(dataset_id)) is not None:
        return known
    dataset = Datasets(operations).get(dataset_id)
    if not isinstance(dataset.image_type, ImageType):
        raise ConfigError("this dataset has no image type: pass side and light as numbers")
    operations.image_types[dataset_id] = dataset.image_type
    return dataset.image_type


def _by_name(
    what: str, wanted: str, items: list[DictionaryItem] | None, default: int | None
) -> int:
    for key in ("tech_name", "name"):
        for item in items or ():
            if getattr(item, key).casefold() == wanted.casefold():
                return item.id
    if default is None:
        raise _unknown(what, items or [])
    return default


def _check(what: str, number: object, items: list[DictionaryItem] | None) -> None:
    if isinstance(number, Unset) or (number is None and what == "light"):
        return
    if not isinstance(number, int) or isinstance(number, bool):
        raise ConfigError(f"{what} is a name, or a number of the dataset's image type")
    if items is not None and all(item.id != number for item in items):
        raise _unknown(what, items)


def _unknown(what: str, items: list[DictionaryItem]) -> ConfigError:
    # The value is not shown: what stands in the wrong place may be a person's name.
    known = ", ".join(f"{item.tech_name} ({item.id})" for item in items)
    return ConfigError(f"no such {what} in the dataset's image type, which has: {known or 'none'}")
