"""Slots, compute and results of Face Metrics 3.0 (api-facts 6)."""

from __future__ import annotations

from typing import Any, ClassVar

from haut_ext.sandbox.analysis import FACE_SKIN_METRICS_3, parameter
from haut_ext.sandbox.messages import Answer, Request, json_answer
from haut_ext.sandbox.state import Analysis, Image
from haut_ext.sandbox.validation import (
    Field,
    anything,
    invalid,
    iso_datetime,
    json_object,
    text,
    validated,
)

from .routing import Routes
from .section import COMPUTE_FIELDS, UPLOAD_HEADERS, Section

_COMPANY = "/api/v3/companies/{company_id}/"
_SIDES = ("front", "left", "right")
_UPLOAD_FIELDS = {
    **{side: Field(text(255)) for side in _SIDES},
    "creation_time": Field(iso_datetime, nullable=True),
    "meta": Field(anything, nullable=True),
}


class FaceMetrics3(Section):
    ROUTES: ClassVar[Routes] = {
        _COMPANY + "subjects/{subject_id}/upload/": {"POST": "create_upload_urls_v3"},
        _COMPANY + "batches/{batch_id}/compute/": {"POST": "compute_batch_v3"},
        _COMPANY + "batches/{batch_id}/results/": {"GET": "get_batch_results_v3"},
    }

    def create_upload_urls_v3(self, request: Request) -> Answer:
        subject = self._subject(request)
        values = validated(json_object(request), _UPLOAD_FIELDS)
        side_ids = {name: id_ for id_, name in subject.dataset.image_type.sides.items()}
        sides = [side for side in _SIDES if side in values]
        for side in sides:
            if side not in side_ids:
                raise invalid(side, "does_not_exist", "The dataset's images have no such side.")
        batch = self._world.create_batch(subject, values.get("creation_time"))
        slots = {
            side: self._slot_data(
                self._world.create_image(
                    batch, name=values[side], side=side_ids[side], meta=values.get("meta", {})
                )
            )
            for side in sides
        }
        return json_answer(200, {**slots, "image_batch_id": batch.id})

    def compute_batch_v3(self, request: Request) -> Answer:
        batch = self._batch(request)
        validated(json_object(request), COMPUTE_FIELDS)
        self._world.compute(batch, FACE_SKIN_METRICS_3)
        return Answer(204)

    def get_batch_results_v3(self, request: Request) -> Answer:
        analysed: list[tuple[Image, Analysis]] = []
        for image in self._batch(request).images.values():
            self._world.observe(image)
            if analysis := image.analyses.get(FACE_SKIN_METRICS_3.tech_name):
                analysed.append((image, analysis))
        outcomes = [analysis.outcomes for _, analysis in analysed]
        algorithms = FACE_SKIN_METRICS_3.algorithms if outcomes else ()
        ready = [name for name in algorithms if all(name in found for found in outcomes)]
        if not ready:
            return json_answer(200, {})
        photos = b"".join(analysis.photo for _, analysis in analysed)
        images = [image for image, _ in analysed]
        return json_answer(
            200,
            {
                FACE_SKIN_METRICS_3.tech_name: {
                    "all_algorithms_calculated": len(ready) == len(algorithms),
                    "parameters": {
                        name: {**parameter(name, photos), **self._masks(images, name)}
                        for name in ready
                        if all(found[name].error is None for found in outcomes)
                    },
                    "predicted_images": {
                        image.side_name: {
                            **self._aux_urls(image, "aligned_face", "aligned_face"),
                            **self._aux_urls(image, "anonymised", "anonymised"),
                            **self._signed_urls(image, "original"),
                        }
                        for image in images
                    },
                }
            },
        )

    def _slot_data(self, image: Image) -> dict[str, Any]:
        # Signed like the others, and named: a client has to send what it would have sent anyway.
        headers = {**UPLOAD_HEADERS, "Host": self._storage.origin.partition("//")[2]}
        return {**self._upload_target(image, headers), "id": image.id}

    def _masks(self, images: list[Image], name: str) -> dict[str, Any]:
        urls = {
            image.side_name: self._aux_urls(image, f"{name}_mask", "aligned_face")
            for image in images
        }
        masks = {side: found for side, found in urls.items() if found}
        return {"masks": masks} if masks else {}

    def _aux_urls(self, image: Image, kind: str, name: str) -> dict[str, str]:
        for aux in image.aux_images:
            if aux.kind == kind:
                return self._signed_urls(aux, name)
        return {}
