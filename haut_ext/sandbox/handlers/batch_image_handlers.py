"""Handles the older uploads, which send the photo as base64 text and start its analysis."""

from __future__ import annotations

from typing import Any, ClassVar

from haut_ext.sandbox.algorithms import FACE_SKIN_METRICS_2
from haut_ext.sandbox.http_messages import Request, Response, json_response
from haut_ext.sandbox.records import IMAGE_TYPES, Batch, Image, StoredObject
from haut_ext.sandbox.request_validation import (
    Field,
    base64_data,
    json_object,
    one_of,
    text,
    validate,
)
from haut_ext.sandbox.router import Routes

from .handler_base import SUBJECTS, Handler

_BATCH_IMAGES = SUBJECTS + "{subject_id}/batches/{batch_id}/images/"
_FIELDS = {  # keys are image type ids
    image_type.id: {
        "b64data": Field(base64_data, required=True),
        "side_id": Field(one_of(image_type.sides)),
        "light_id": Field(one_of(image_type.lights), nullable=True),
        "name": Field(text(blank=True)),
    }
    for image_type in IMAGE_TYPES.values()
}
_SIZES = ("500x500", "800x1200")


class BatchImageHandler(Handler):
    """Handles uploads of photos as base64 text, and lists the images of a batch."""

    ROUTES: ClassVar[Routes] = {
        _BATCH_IMAGES: {"GET": "list_batch_images", "POST": "create_batch_image"},
        SUBJECTS + "{subject_id}/images/": {"POST": "create_subject_image"},
    }

    def list_batch_images(self, request: Request) -> Response:
        return self._page(request, list(self._batch(request).images.values()), self._image_data)

    def create_batch_image(self, request: Request) -> Response:
        return self._upload(request, self._batch(request))

    def create_subject_image(self, request: Request) -> Response:
        return self._upload(request, None)

    def _upload(self, request: Request, batch: Batch | None) -> Response:
        subject = self._subject(request)
        values = validate(json_object(request), _FIELDS[subject.dataset.image_type.id])
        image = self._database.create_image(
            batch or self._database.create_batch(subject),
            name=values.get("name"),
            side=values.get("side_id"),
            light=values.get("light_id"),
        )
        self._database.store(image.key, StoredObject.from_bytes(values["b64data"]))
        self._analyses.start_image(image, FACE_SKIN_METRICS_2)
        return json_response(201, self._image_data(image))

    def _image_data(self, image: Image) -> dict[str, Any]:
        # Other fields are undocumented. The sandbox does not serve these URLs, because it is unknown
        # which requests the real service accepts for them.
        images, file = f"{self._context.origin}/images/", f"{image.id}.jpg"
        urls = {"original": images + file, **{size: f"{images}{size}/{file}" for size in _SIZES}}
        exists = image.key in self._database.objects
        return {
            "id": image.id,
            "image_batch_id": image.batch.id,
            "urls": urls if exists else {},
        }
