"""The image operations of version 1 (api-facts 5; seed: API for Images)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from haut_ext.sandbox.analysis import FACE_SKIN_METRICS_2
from haut_ext.sandbox.messages import Answer, Request, json_answer
from haut_ext.sandbox.state import IMAGE_TYPES, Image
from haut_ext.sandbox.validation import (
    Field,
    anything,
    iso_datetime,
    json_object,
    one_of,
    query_boolean,
    text,
    uuid_text,
    validated,
)

from .routing import Routes
from .section import (
    COMPANY,
    COMPUTE_FIELDS,
    UPLOAD_HEADERS,
    Section,
    expiration,
    found,
    named,
    ordered,
    parameters,
    searched,
    wire_time,
)

_UPLOAD_FIELDS = {  # by image type; which may be null: api-facts 15.15
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
_ORDER_KEYS: dict[str, Callable[[Image], Any]] = {
    "created_at": lambda image: image.created,
    "name": lambda image: image.name,
}


class Images(Section):
    ROUTES: ClassVar[Routes] = {
        COMPANY + "subjects/{subject_id}/signed_upload_url/": {"POST": "create_signed_upload_url"},
        COMPANY + "subjects/{subject_id}/images/": {"GET": "list_images"},
        COMPANY + "batches/{batch_id}/compute/": {"POST": "compute_batch"},
        COMPANY + "images/{image_id}/": {"GET": "get_image", "DELETE": "delete_image"},
    }

    def create_signed_upload_url(self, request: Request) -> Answer:
        subject = self._subject(request)
        values = validated(json_object(request), _UPLOAD_FIELDS[subject.dataset.image_type.id])
        if "batch_id" in values:
            batch = found(subject.batches, values["batch_id"])
        else:
            batch = self._world.create_batch(subject)
        image = self._world.create_image(
            batch,
            name=values.get("name"),
            side=values.get("side_id"),
            light=values.get("light_id"),
            meta=values.get("meta", {}),
            created=values.get("creation_time"),
        )
        return json_answer(201, self._upload_data(image))

    def compute_batch(self, request: Request) -> Answer:
        batch = self._batch(request)
        validated(json_object(request), COMPUTE_FIELDS)
        self._world.compute(batch, FACE_SKIN_METRICS_2)
        return json_answer(200, {"ok": True})

    def list_images(self, request: Request) -> Answer:
        subject = self._subject(request)
        query = parameters(request)
        expires = expiration(query)
        images = ordered(searched(subject.images.values(), query), query, _ORDER_KEYS)
        return self._page(request, images, lambda image: self._image_data(image, expires))

    def get_image(self, request: Request) -> Answer:
        image = self._image(request)
        query = parameters(request)
        expires = expiration(query)
        name = "generate_signed_url"
        signed = query_boolean(query.get(name, "false"), name)
        return json_answer(200, self._image_data(image, expires if signed else None))

    def delete_image(self, request: Request) -> Answer:
        self._world.delete_image(self._image(request))
        return Answer(204)

    def _upload_data(self, image: Image) -> dict[str, Any]:
        kind = image.subject.dataset.image_type
        side = named(image.side, kind.sides[image.side])
        light = named(image.light, kind.lights[image.light])
        image_type = named(kind.id, kind.tech_name)
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
            "creation_time": wire_time(image.created),
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
        self._world.observe(image)
        return {
            "id": image.id,
            "name": image.name,
            "side": image.side_name,
            "quality_score": image.quality_score,
            "problems": image.problems,
            "created_at": wire_time(image.created),
            "signed_url": self._signed_url(image, expires),
            "image_batch_id": image.batch.id,
            "meta": image.meta,
            "aux_images": [
                {
                    "id": aux.id,
                    "aux_image_type": aux.kind,
                    "creation_time": wire_time(aux.created),
                    "algo_app": aux.application.tech_name,
                    "signed_url": self._signed_url(aux, expires),
                    "meta": None,
                }
                for aux in image.aux_images
            ],
        }
