"""Batches, results and auxiliary images, nested below their subject (api-facts 8)."""

from __future__ import annotations

from typing import Any, ClassVar

from haut_ext.sandbox import analysis
from haut_ext.sandbox.analysis import AUX_KIND_IDS, FACE_SKIN_METRICS_2, VERSION_IDS
from haut_ext.sandbox.messages import Answer, Request, json_answer
from haut_ext.sandbox.state import AuxImage, Batch, Image, Outcome
from haut_ext.sandbox.validation import Field, iso_datetime, json_object, validated

from .routing import Routes
from .section import (
    SUBJECTS,
    Section,
    expiration,
    named,
    not_found,
    parameters,
    wire_time,
)

_BATCHES = SUBJECTS + "{subject_id}/batches/"
_IMAGE = _BATCHES + "{batch_id}/images/{image_id}/"
_FIELDS = {"creation_time": Field(iso_datetime)}
_FILTERS = ("application_run_id", "application_name", "application_id")


class Batches(Section):
    ROUTES: ClassVar[Routes] = {
        _BATCHES: {"GET": "list_batches", "POST": "create_batch"},
        _BATCHES + "{batch_id}/": {"DELETE": "delete_batch"},
        _IMAGE + "results/": {"GET": "list_image_results"},
        _IMAGE + "aux/": {"GET": "list_aux_images"},
        _IMAGE + "aux/{aux_id}/signed_url/": {"GET": "get_aux_image_url"},
    }

    def create_batch(self, request: Request) -> Answer:
        subject = self._subject(request)
        values = validated(json_object(request), _FIELDS)
        batch = self._world.create_batch(subject, values.get("creation_time"))
        return json_answer(201, _batch_data(batch))

    def list_batches(self, request: Request) -> Answer:
        return self._page(request, list(self._subject(request).batches.values()), _batch_data)

    def delete_batch(self, request: Request) -> Answer:
        self._world.delete_batch(self._batch(request))
        return Answer(204)

    def list_image_results(self, request: Request) -> Answer:
        image = self._image(request)
        self._world.observe(image)
        found = image.analyses.get(FACE_SKIN_METRICS_2.tech_name)
        outcomes = found.outcomes if found else {}
        photo = found.photo if found else b""
        results = [_result_data(image, photo, name, outcomes[name]) for name in outcomes]
        # `token` is documented too, but not what it does.
        query = parameters(request)
        wanted = {name: query[name] for name in _FILTERS if query.get(name)}
        return json_answer(200, [result for result in results if wanted.items() <= result.items()])

    def list_aux_images(self, request: Request) -> Answer:
        image = self._image(request)
        self._world.observe(image)
        return json_answer(200, [self._aux_data(image, aux) for aux in image.aux_images])

    def get_aux_image_url(self, request: Request) -> Answer:
        image = self._image(request)
        expires = expiration(parameters(request))
        for aux in image.aux_images:
            if aux.id == request.ids["aux_id"] and (url := self._signed_url(aux, expires)):
                return json_answer(200, {"url": url})
        raise not_found()

    def _aux_data(self, image: Image, aux: AuxImage) -> dict[str, Any]:
        return {
            "id": aux.id,
            "aux_image_type": named(AUX_KIND_IDS[aux.kind], aux.kind),
            "creation_time": wire_time(aux.created),
            "application_id": aux.application.id,
            "application_name": aux.application.name,
            "application_run_id": image.run_id,
            "application_description": aux.application.description,
            "urls": self._signed_urls(aux, "original"),
        }


def _batch_data(batch: Batch) -> dict[str, Any]:
    return {"id": batch.id}  # what else the service shows is unknown


def _result_data(image: Image, photo: bytes, algorithm: str, outcome: Outcome) -> dict[str, Any]:
    failed = outcome.error is not None
    return {
        "id": outcome.id,
        "result": {"error": outcome.error} if failed else analysis.output(algorithm, photo),
        "is_ok": not failed,
        "image_id": image.id,
        "algorithm_version_id": VERSION_IDS[algorithm],
        "creation_time": wire_time(outcome.created),
        "application_id": FACE_SKIN_METRICS_2.id,
        "application_name": FACE_SKIN_METRICS_2.name,
        "application_description": FACE_SKIN_METRICS_2.description,
        "application_run_id": image.run_id,
        "image_type": image.subject.dataset.image_type.tech_name,
        "algorithm_family_tech_name": algorithm,
    }
