"""Handles requests for datasets, and for the lists of image types and algorithms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from haut_ext.sandbox.algorithms import VERSION_IDS
from haut_ext.sandbox.http_messages import Request, Response, json_response
from haut_ext.sandbox.records import IMAGE_TYPES, Dataset, ImageType
from haut_ext.sandbox.request_validation import (
    Field,
    boolean,
    integer,
    json_object,
    one_of,
    text,
    validate,
)
from haut_ext.sandbox.router import Routes

from .handler_base import DATASETS, Handler, dictionary_item, query_parameters, search, sort

_FIELDS = {
    "name": Field(text(512), required=True),
    "image_type_id": Field(one_of(IMAGE_TYPES), nullable=True),
    "expire_images_after_days": Field(integer(high=365), nullable=True),
    "expire_metadata_after_days": Field(integer(high=365), nullable=True),
    "clean_images_as_soon_as_ready": Field(boolean),
    "custom_branding": Field(integer(), nullable=True),
}
_ORDER_KEYS: dict[str, Callable[[Dataset], Any]] = {"name": lambda dataset: dataset.name}


class DatasetHandler(Handler):
    """Handles datasets, image types and algorithms."""

    ROUTES: ClassVar[Routes] = {
        DATASETS: {"GET": "list_datasets", "POST": "create_dataset"},
        DATASETS + "short_list/": {"GET": "list_datasets_short"},
        DATASETS + "{dataset_id}/": {"GET": "get_dataset"},
        "/api/v1/dicts/image_types/": {"GET": "list_image_types"},
        "/api/v1/dicts/algorithms/": {"GET": "list_algorithms"},
    }

    def create_dataset(self, request: Request) -> Response:
        values = validate(json_object(request), _FIELDS)
        return json_response(201, self._dataset_data(self._database.create_dataset(**values)))

    def list_datasets(self, request: Request) -> Response:
        query = query_parameters(request)
        datasets = search(self._database.datasets.values(), query)
        return self._page(request, sort(datasets, query, _ORDER_KEYS), self._dataset_data)

    def list_datasets_short(self, request: Request) -> Response:
        datasets = search(self._database.datasets.values(), query_parameters(request))
        return json_response(
            200, [{"id": dataset.id, "name": dataset.name} for dataset in datasets]
        )

    def get_dataset(self, request: Request) -> Response:
        return json_response(200, self._dataset_data(self._dataset(request)))

    def list_image_types(self, request: Request) -> Response:
        return json_response(200, [_image_type_data(kind) for kind in IMAGE_TYPES.values()])

    def list_algorithms(self, request: Request) -> Response:
        return json_response(
            200,
            [
                {
                    "id": id_,
                    "tech_name": family.partition(".")[2],
                    "version": "2.0",
                    "algorithm_family": {"name": family},
                }
                for family, id_ in VERSION_IDS.items()
            ],
        )

    def _dataset_data(self, dataset: Dataset) -> dict[str, Any]:
        image_type = _image_type_data(dataset.image_type)
        settings = dataset.settings
        return {
            "id": dataset.id,
            "company_id": self._database.company_id,
            "name": dataset.name,
            "image_type": image_type,
            "image_type_name": image_type["name"],
            "image_type_tech_name": image_type["tech_name"],
            "connected_applications": [],
            "expire_images_after_days": settings.get("expire_images_after_days"),
            "expire_metadata_after_days": settings.get("expire_metadata_after_days"),
            "clean_images_as_soon_as_ready": settings.get("clean_images_as_soon_as_ready", False),
            "custom_branding": settings.get("custom_branding"),
        }


def _image_type_data(image_type: ImageType) -> dict[str, Any]:
    return {
        **dictionary_item(image_type.id, image_type.tech_name),
        "sides": [dictionary_item(id_, name) for id_, name in image_type.sides.items()],
        "lights": [dictionary_item(id_, name) for id_, name in image_type.lights.items()],
    }
