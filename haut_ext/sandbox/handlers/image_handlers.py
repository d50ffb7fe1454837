"""Handles requests for images, uploads and computations in API version 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from haut_ext.sandbox.algorithms import FACE_SKIN_METRICS_2
from haut_ext.sandbox.http_messages import Request, Response, json_response
from haut_ext.sandbox.records import IMAGE_TYPES, Image
from haut_ext.sandbox.request_validation import (
    Field,
    anything,
    iso_datetime,
    json_object,
    one_of,
    query_boolean,
    text,
    uuid_text,
    validate,
)
from haut_ext.sandbox.router import Routes

from .handler_base import (
    COMPANY,
    UPLOAD_HEADERS,
    Handler,
    dictionary_item,
    expiration_seconds,
    find_record,
    format_time,
    query_parameters,
    search,
    sort,
)

_UPLOAD_FIELDS = {  # keys are image type ids
    image_type.id: {
        "batch_id": Field(uuid_text),
        "side_id": Field(one_of(image_type.sides)),
        "light_id": Field(one_of(image_type.lights), nullable=True),
        "meta": Field(anything, nullable=True),
        "creation_time": Field(iso_datetime, nullable=True),
        "name": Field(text()),
        "app_args": Field(anything, nullable=True),
    }
    for image_type in IMAGE_TYPES.values()
}
_COMPUTE_FIELDS = {"app_args": Field(anything, nullable=True)}
_ORDER_KEYS: dict[str, Callable[[Image], Any]] = {
    "created_at": lambda image: image.created,
    "name": lambda image: image.name,
}


class ImageHandler(Handler):
    """Handles images, uploads and compute requests in API version 1."""

    ROUTES: ClassVar[Routes] = {
        COMPANY + "subjects/{subject_id}/signed_upload_url/": {"POST": "create_signed_upload_url"},
        COMPANY + "subjects/{subject_id}/images/": {"GET": "list_images"},
        COMPANY + "batches/{batch_id}/compute/": {"POST": "compute_batch"},
        COMPANY + "images/{image_id}/": {"GET": "get_image", "DELETE": "delete_image"},
    }

    def create_signed_upload_url(self, request: Request) -> Response:
        subject = self._subject(request)
        values = validate(json_object(request), _UPLOAD_FIELDS[subject.dataset.image_type.id])
        if "batch_id" in values:
            batch = find_record(subject.batches, values["batch_id"])
        else:
            batch = self._database.create_batch(subject)
        image = self._database.create_image(
            batch,
            name=values.get("name"),
            side=values.get("side_id"),
            light=values.get("light_id"),
            meta=values.get("meta", {}),
            created=values.get("creation_time"),
        )
        return json_response(201, self._upload_data(image))

    def compute_batch(self, request: Request) -> Response:
        batch = self._batch(request)
        validate(json_object(request), _COMPUTE_FIELDS)
        self._analyses.start(batch, FACE_SKIN_METRICS_2)
        return json_response(200, {"ok": True})

    def list_images(self, request: Request) -> Response:
        subject = self._subject(request)
        query = query_parameters(request)
        expires = expiration_seconds(query)
        images = sort(search(subject.images.values(), query), query, _ORDER_KEYS)
        return self._page(request, images, lambda image: self._image_data(image, expires))

    def get_image(self, request: Request) -> Response:
        image = self._image(request)
        query = query_parameters(request)
        expires = expiration_seconds(query)
        name = "generate_signed_url"
        signed = query_boolean(query.get(name, "false"), name)
        return json_response(200, self._image_data(image, expires if signed else None))

    def delete_image(self, request: Request) -> Response:
        self._database.delete_image(self._image(request))
        return Response(204)

    def _upload_data(self, image: Image) -> dict[str, Any]:
        kind = image.subject.dataset.image_type
        side = dictionary_item(image.side, kind.sides[image.side])
        light = dictionary_item(image.light, kind.lights[image.light])
        image_type = dictionary_item(kind.id, kind.tech_name)
        return {
            "id": image.id,
            "name": image.name,
            "side": side,
            "light": light,
            "image_type": image_type,
            "side_name": side["name"],
            "side_tech_name": side["tech_name"],
            "light_name": light["name"],
            "light_tech_name": light["tech_name"],
            "image_type_name": image_type["name"],
            "image_type_tech_name": image_type["tech_name"],
            "creation_time": format_time(image.created),
            "quality_score": None,
            "quality_feedback": None,
            "quality_result": None,
            "quality_issues": [],
            "problems": [],
            "stage_step_number": None,
            "stage_number": None,
            "urls": {},
            "signed_url": None,
            "original_image_id": None,
            "image_batch_id": image.batch.id,
            "meta": image.meta,
            "application_run_id": image.run_id,
            "upload_url": self._upload_target(image, UPLOAD_HEADERS),
        }

    def _image_data(self, image: Image, expires: int | None) -> dict[str, Any]:
        self._analyses.update(image)
        return {
            "id": image.id,
            "name": image.name,
            "side": image.side_name,
            "quality_score": image.analysis.quality_score,
            "problems": image.analysis.problems,
            "created_at": format_time(image.created),
            "signed_url": self._signed_url(image, expires),
            "image_batch_id": image.batch.id,
            "meta": image.meta,
            "aux_images": [
                {
                    "id": aux.id,
                    "aux_image_type": aux.kind,
                    "creation_time": format_time(aux.created),
                    "algo_app": aux.application.name,
                    "signed_url": self._signed_url(aux, expires),
                    "meta": None,
                }
                for aux in image.analysis.aux_images
            ],
        }
