"""The subject operations (api-facts 4; seed: API for Subjects)."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import parse_qsl

from haut_ext.sandbox.accounts import USER_ID
from haut_ext.sandbox.messages import Answer, Request, json_answer
from haut_ext.sandbox.state import Subject
from haut_ext.sandbox.validation import (
    Field,
    anything,
    iso_date,
    json_object,
    query_uuids,
    text,
    validated,
)

from .routing import Routes
from .section import SUBJECTS, Section, parameters, searched, wire_time

_FIELDS = {
    "name": Field(text(512), required=True),
    "birth_date": Field(iso_date, nullable=True),
    "biological_sex": Field(text(), nullable=True),
    "meta": Field(anything, nullable=True),
}


class Subjects(Section):
    ROUTES: ClassVar[Routes] = {
        SUBJECTS: {"GET": "list_subjects", "POST": "create_subject"},
        SUBJECTS + "delete/": {"DELETE": "delete_subjects"},
        SUBJECTS + "{subject_id}/": {"PATCH": "update_subject", "DELETE": "delete_subject"},
        SUBJECTS + "{subject_id}/storage/": {"DELETE": "clear_subject_storage"},
        SUBJECTS + "{subject_id}/metadata/": {"DELETE": "clear_subject_metadata"},
    }

    def create_subject(self, request: Request) -> Answer:
        dataset = self._dataset(request)
        values = validated(json_object(request), _FIELDS)
        created = self._world.create_subject(**values, dataset=dataset)
        return json_answer(201, self._subject_data(created))

    def update_subject(self, request: Request) -> Answer:
        subject = self._subject(request)
        values = validated(json_object(request), _FIELDS, partial=True)
        if values.get("biological_sex") is not None:
            values["biological_sex"] = self._world.biological_sex(values["biological_sex"])
        for name, value in values.items():
            setattr(subject, name, value)
        return json_answer(200, self._subject_data(subject))

    def list_subjects(self, request: Request) -> Answer:
        subjects = searched(self._dataset(request).subjects.values(), parameters(request))
        return self._page(request, subjects, self._subject_data)

    def delete_subject(self, request: Request) -> Answer:
        self._world.delete_subject(self._subject(request))
        return Answer(204)

    def delete_subjects(self, request: Request) -> Answer:
        known = self._dataset(request).subjects
        pairs = parse_qsl(request.query, keep_blank_values=True)
        values = [value for name, value in pairs if name == "subjects_ids"]
        asked = dict.fromkeys(query_uuids(values, "subjects_ids"))
        deleted = [id_ for id_ in asked if id_ in known]
        for id_ in deleted:
            self._world.delete_subject(known[id_])
        return json_answer(200, {"deleted": deleted})

    def clear_subject_storage(self, request: Request) -> Answer:
        self._world.clear_storage(self._subject(request))
        return json_answer(200, {"status": "ok"})

    def clear_subject_metadata(self, request: Request) -> Answer:
        self._world.clear_metadata(self._subject(request))
        return json_answer(200, {"status": "ok"})

    def _subject_data(self, subject: Subject) -> dict[str, Any]:
        sex = subject.biological_sex
        word = self._world.sexes.get(sex or "", "")
        return {
            "name": subject.name,
            "birth_date": subject.birth_date,
            "biological_sex": sex and {"id": sex, "name": word, "tech_name": word.lower()},
            "meta": subject.meta,
            "id": subject.id,
            "author_id": USER_ID,
            "creation_time": wire_time(subject.created),
            "company": {"id": self._world.company_id, "name": "Sandbox company"},
            "dataset": {"id": subject.dataset.id, "name": subject.dataset.name},
            "promote_image_id": None,
        }
