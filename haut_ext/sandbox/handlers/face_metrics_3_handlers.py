"""Handles Face Metrics 3.0 uploads, compute requests and results, in API version 3."""

from __future__ import annotations

from typing import Any, ClassVar

from haut_ext.sandbox.algorithms import FACE_SKIN_METRICS_3
from haut_ext.sandbox.http_messages import Request, Response, json_response
from haut_ext.sandbox.made_up_results import parameter_values
from haut_ext.sandbox.records import ApplicationRun, Image
from haut_ext.sandbox.request_validation import (
    Field,
    any_object,
    anything,
    invalid,
    iso_datetime,
    json_object,
    text,
    validate,
)
from haut_ext.sandbox.router import Routes

from .handler_base import UPLOAD_HEADERS, Handler

_COMPANY = "/api/v3/companies/{company_id}/"
_SIDES = ("front", "left", "right")
_UPLOAD_FIELDS = {
    **{side: Field(text(255)) for side in _SIDES},
    "creation_time": Field(iso_datetime, nullable=True),
    "meta": Field(anything, nullable=True),
}

_COMPUTE_FIELDS = {"app_args": Field(any_object)}


class FaceMetrics3Handler(Handler):
    """Handles uploads, compute requests and results of Face Metrics 3.0."""

    ROUTES: ClassVar[Routes] = {
        _COMPANY + "subjects/{subject_id}/upload/": {"POST": "create_upload_urls_v3"},
        _COMPANY + "batches/{batch_id}/compute/": {"POST": "compute_batch_v3"},
        _COMPANY + "batches/{batch_id}/results/": {"GET": "get_batch_results_v3"},
    }

    def create_upload_urls_v3(self, request: Request) -> Response:
        subject = self._subject(request)
        values = validate(json_object(request), _UPLOAD_FIELDS)
        side_ids = {name: id_ for id_, name in subject.dataset.image_type.sides.items()}
        sides = [side for side in _SIDES if side in values]
        for side in sides:
            if side not in side_ids:
                raise invalid(side, "does_not_exist", "The dataset's images have no such side.")
        batch = self._database.create_batch(subject, values.get("creation_time"))
        slots = {
            side: self._slot_data(
                self._database.create_image(
                    batch, name=values[side], side=side_ids[side], meta=values.get("meta", {})
                )
            )
            for side in sides
        }
        return json_response(200, {**slots, "image_batch_id": batch.id})

    def compute_batch_v3(self, request: Request) -> Response:
        batch = self._batch(request)
        validate(json_object(request), _COMPUTE_FIELDS)
        self._analyses.start(batch, FACE_SKIN_METRICS_3)
        return Response(204)

    def get_batch_results_v3(self, request: Request) -> Response:
        runs: list[tuple[Image, ApplicationRun]] = []
        for image in self._batch(request).images.values():
            self._analyses.update(image)
            if run := image.analysis.runs.get(FACE_SKIN_METRICS_3.tech_name):
                runs.append((image, run))
        # A result parameter is ready when its algorithm has finished on every photo of the batch.
        ready = [
            name
            for name in FACE_SKIN_METRICS_3.algorithms
            if runs and all(name in run.outcomes for _, run in runs)
        ]
        results = {FACE_SKIN_METRICS_3.tech_name: self._results_data(runs, ready)} if ready else {}
        return json_response(200, results)

    def _results_data(
        self, runs: list[tuple[Image, ApplicationRun]], ready: list[str]
    ) -> dict[str, Any]:
        photos = tuple(run.photo for _, run in runs)
        images = [image for image, _ in runs]
        # A failed algorithm's parameter is omitted, because the documentation does not say how
        # failures appear.
        succeeded = [
            name for name in ready if all(run.outcomes[name].error is None for _, run in runs)
        ]
        return {
            "all_algorithms_calculated": len(ready) == len(FACE_SKIN_METRICS_3.algorithms),
            "parameters": {
                name: {**parameter_values(name, photos), **self._masks(images, name)}
                for name in succeeded
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

    def _slot_data(self, image: Image) -> dict[str, Any]:
        # The Host header is always signed, but only API version 3 includes it in the list of
        # headers that the client must send.
        headers = {**UPLOAD_HEADERS, "Host": self._storage.origin.partition("//")[2]}
        return {**self._upload_target(image, headers), "id": image.id}

    def _masks(self, images: list[Image], name: str) -> dict[str, Any]:
        urls = {
            image.side_name: self._aux_urls(image, f"{name}_mask", "aligned_face")
            for image in images
        }
        masks = {side: url for side, url in urls.items() if url}
        return {"masks": masks} if masks else {}

    def _aux_urls(self, image: Image, kind: str, name: str) -> dict[str, str]:
        for aux in image.analysis.aux_images:
            if aux.kind == kind:
                return self._signed_urls(aux, name)
        return {}
