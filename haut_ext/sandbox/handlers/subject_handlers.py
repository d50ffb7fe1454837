"""Handles requests that create, list, change or delete subjects."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import parse_qsl

from haut_ext.sandbox.authentication import USER_ID
from haut_ext.sandbox.http_messages import Request, Response, json_response
from haut_ext.sandbox.records import Subject
from haut_ext.sandbox.request_validation import (
    Field,
    anything,
    iso_date,
    json_object,
    query_uuids,
    text,
    validate,
)
from haut_ext.sandbox.router import Routes

from .handler_base import SUBJECTS, Handler, format_time, query_parameters, search

_FIELDS = {
    "name": Field(text(512, numbers=True), required=True),
    "birth_date": Field(iso_date, nullable=True),
    "biological_sex": Field(text(), nullable=True),
    "meta": Field(anything, nullable=True),
}


class SubjectHandler(Handler):
    """Handles requests that create, list, change or delete subjects."""

    ROUTES: ClassVar[Routes] = {
        SUBJECTS: {"GET": "list_subjects", "POST": "create_subject"},
        SUBJECTS + "delete/": {"DELETE": "delete_subjects"},
        SUBJECTS + "{subject_id}/": {"PATCH": "update_subject", "DELETE": "delete_subject"},
        SUBJECTS + "{subject_id}/storage/": {"DELETE": "clear_subject_storage"},
        SUBJECTS + "{subject_id}/metadata/": {"DELETE": "clear_subject_metadata"},
    }

    def create_subject(self, request: Request) -> Response:
        dataset = self._dataset(request)
        values = validate(json_object(request), _FIELDS)
        created = self._database.create_subject(**values, dataset=dataset)
        return json_response(201, self._subject_data(created))

    def update_subject(self, request: Request) -> Response:
        subject = self._subject(request)
        values = validate(json_object(request), _FIELDS, partial=True)
        if values.get("biological_sex") is not None:
            values["biological_sex"] = self._database.biological_sex_id(values["biological_sex"])
        for field, value in values.items():
            setattr(subject, field, value)
        return json_response(200, self._subject_data(subject))

    def list_subjects(self, request: Request) -> Response:
        subjects = search(self._dataset(request).subjects.values(), query_parameters(request))
        return self._page(request, subjects, self._subject_data)

    def delete_subject(self, request: Request) -> Response:
        self._database.delete_subject(self._subject(request))
        return Response(204)

    def delete_subjects(self, request: Request) -> Response:
        subjects = self._dataset(request).subjects
        pairs = parse_qsl(request.query, keep_blank_values=True)
        values = [value for name, value in pairs if name == "subjects_ids"]
        ids = dict.fromkeys(query_uuids(values, "subjects_ids"))
        deleted = [id_ for id_ in ids if id_ in subjects]
        for id_ in deleted:
            self._database.delete_subject(subjects[id_])
        return json_response(200, {"deleted": deleted})

    def clear_subject_storage(self, request: Request) -> Response:
        self._database.clear_storage(self._subject(request))
        return json_response(200, {"status": "ok"})

    def clear_subject_metadata(self, request: Request) -> Response:
        self._database.clear_metadata(self._subject(request))
        return json_response(200, {"status": "ok"})

    def _subject_data(self, subject: Subject) -> dict[str, Any]:
        sex = subject.biological_sex
        name = self._database.biological_sexes.get(sex or "", "")
        return {
            "name": subject.name,
            "birth_date": subject.birth_date,
            "biological_sex": sex and {"id": sex, "name": name, "tech_name": name.lower()},
            "meta": subject.meta,
            "id": subject.id,
            "author_id": USER_ID,
            "creation_time": format_time(subject.created),
            "company": {"id": self._database.company_id, "name": "Sandbox company"},
            "dataset": {"id": subject.dataset.id, "name": subject.dataset.name},
            "promote_image_id": None,
        }
