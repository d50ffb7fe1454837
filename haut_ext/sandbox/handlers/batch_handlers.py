"""Handles requests for a subject's batches, results and auxiliary images."""

from __future__ import annotations

from typing import Any, ClassVar

from haut_ext.algorithm_families import PREFIX
from haut_ext.sandbox.algorithms import AUX_KIND_IDS, FACE_SKIN_METRICS_2, VERSION_IDS
from haut_ext.sandbox.http_messages import Request, Response, json_response
from haut_ext.sandbox.made_up_results import display_name, family_result, family_score
from haut_ext.sandbox.photo_content import PhotoContent
from haut_ext.sandbox.records import AuxImage, Batch, Image, Outcome
from haut_ext.sandbox.request_validation import (
    Field,
    iso_datetime,
    json_object,
    query_integer,
    validate,
)
from haut_ext.sandbox.router import Routes

from .handler_base import (
    SUBJECTS,
    Handler,
    dictionary_item,
    expiration_seconds,
    format_time,
    not_found,
    query_parameters,
)

_BATCHES = SUBJECTS + "{subject_id}/batches/"
_IMAGE = _BATCHES + "{batch_id}/images/{image_id}/"
_FIELDS = {"creation_time": Field(iso_datetime)}
_FILTERS = ("application_run_id", "application_name", "application_id")


class BatchHandler(Handler):
    """Handles batches, results and auxiliary images."""

    ROUTES: ClassVar[Routes] = {
        _BATCHES: {"GET": "list_batches", "POST": "create_batch"},
        _BATCHES + "{batch_id}/": {"DELETE": "delete_batch"},
        _IMAGE + "results/": {"GET": "list_image_results"},
        _IMAGE + "smoothed_results/": {"GET": "list_smoothed_results"},
        _IMAGE + "aux/": {"GET": "list_aux_images"},
        _IMAGE + "aux/{aux_id}/signed_url/": {"GET": "get_aux_image_url"},
    }

    def create_batch(self, request: Request) -> Response:
        subject = self._subject(request)
        values = validate(json_object(request), _FIELDS)
        batch = self._database.create_batch(subject, values.get("creation_time"))
        return json_response(201, _batch_data(batch))

    def list_batches(self, request: Request) -> Response:
        return self._page(request, list(self._subject(request).batches.values()), _batch_data)

    def delete_batch(self, request: Request) -> Response:
        self._database.delete_batch(self._batch(request))
        return Response(204)

    def list_image_results(self, request: Request) -> Response:
        image = self._image(request)
        results = [self._result_data(image, *finished) for finished in self._finished(image)]
        # The `token` parameter is ignored, because its effect is undocumented.
        query = query_parameters(request)
        filters = {name: query[name] for name in _FILTERS if query.get(name)}
        matching = [result for result in results if filters.items() <= result.items()]
        # The client's wait ends at once if it sees this header, which the real service does not send.
        run = image.analysis.runs.get(FACE_SKIN_METRICS_2.tech_name)
        done = (("Sandbox-Analysis", "complete"),) if run and run.complete else ()
        return json_response(200, matching, done)

    def list_smoothed_results(self, request: Request) -> Response:
        image = self._image(request)
        query = query_parameters(request)
        for name in ("sample_time_window", "sample_max_size"):
            if name in query:
                query_integer(query[name], name)
        # The values are those of this image alone, because the documentation does not say how the
        # service smooths them.
        results: list[dict[str, Any]] = []
        for family, photo, outcome in self._finished(image):
            score = family_score(family, photo, self._analyses.era)
            if outcome.error is None and score is not None:
                name = display_name(family.removeprefix(PREFIX))
                results.append(
                    {"value": score, "algorithm_name": name, "algorithm_tech_name": family}
                )
        return json_response(200, results)

    def list_aux_images(self, request: Request) -> Response:
        image = self._image(request)
        self._analyses.update(image)
        return json_response(200, [self._aux_data(image, aux) for aux in image.analysis.aux_images])

    def get_aux_image_url(self, request: Request) -> Response:
        image = self._image(request)
        expires = expiration_seconds(query_parameters(request))
        for aux in image.analysis.aux_images:
            if aux.id == request.ids["aux_id"] and (url := self._signed_url(aux, expires)):
                return json_response(200, {"url": url})
        raise not_found()

    def _finished(self, image: Image) -> list[tuple[str, PhotoContent, Outcome]]:
        """Return the families that have finished, with the analyzed photo and the outcome."""
        self._analyses.update(image)
        run = image.analysis.runs.get(FACE_SKIN_METRICS_2.tech_name)
        if run is None:
            return []
        return [(family, run.photo, outcome) for family, outcome in run.outcomes.items()]

    def _result_data(
        self, image: Image, family: str, photo: PhotoContent, outcome: Outcome
    ) -> dict[str, Any]:
        if outcome.error is None:
            result = family_result(family, photo, self._analyses.era)
        else:
            result = {"error": outcome.error}
        return {
            "id": outcome.id,
            "result": result,
            "is_ok": outcome.error is None,
            "image_id": image.id,
            "algorithm_version_id": VERSION_IDS[family],
            "creation_time": format_time(outcome.created),
            "application_id": FACE_SKIN_METRICS_2.id,
            "application_name": FACE_SKIN_METRICS_2.name,
            "application_description": FACE_SKIN_METRICS_2.description,
            "application_run_id": image.run_id,
            "image_type": image.subject.dataset.image_type.tech_name,
            "algorithm_family_tech_name": family,
        }

    def _aux_data(self, image: Image, aux: AuxImage) -> dict[str, Any]:
        return {
            "id": aux.id,
            "aux_image_type": dictionary_item(AUX_KIND_IDS[aux.kind], aux.kind),
            "creation_time": format_time(aux.created),
            "application_id": aux.application.id,
            "application_name": aux.application.name,
            "application_run_id": image.run_id,
            "application_description": aux.application.description,
            "urls": self._signed_urls(aux, "original"),
        }


def _batch_data(batch: Batch) -> dict[str, Any]:
    return {"id": batch.id}  # other batch fields are undocumented
