"""The 12 JSON operations (api-facts 4 and 5; seeds: API for Subjects, API for Images).

A pure function from request to answer over the world. In Django's order: route, token, company,
method, the objects in the path, the body.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from .messages import Answer, Request, json_answer
from .state import LIGHTS, SIDES, AuxImage, Image, Subject, World
from .storage import MAX_EXPIRES, Storage
from .validation import (
    Field,
    Refusal,
    anything,
    iso_date,
    iso_datetime,
    json_object,
    one_of,
    query_boolean,
    query_integer,
    query_uuids,
    text,
    uuid_text,
    validated,
)

_COMPANY = "/api/v1/companies/{company_id}/"
_SUBJECTS = _COMPANY + "datasets/{dataset_id}/subjects/"
_ROUTES = {
    _SUBJECTS: {"GET": "list_subjects", "POST": "create_subject"},
    _SUBJECTS + "delete/": {"DELETE": "delete_subjects"},
    _SUBJECTS + "{subject_id}/": {"PATCH": "update_subject", "DELETE": "delete_subject"},
    _SUBJECTS + "{subject_id}/storage/": {"DELETE": "clear_subject_storage"},
    _SUBJECTS + "{subject_id}/metadata/": {"DELETE": "clear_subject_metadata"},
    _COMPANY + "subjects/{subject_id}/signed_upload_url/": {"POST": "create_signed_upload_url"},
    _COMPANY + "subjects/{subject_id}/images/": {"GET": "list_images"},
    _COMPANY + "batches/{batch_id}/compute/": {"POST": "compute_batch"},
    _COMPANY + "images/{image_id}/": {"GET": "get_image", "DELETE": "delete_image"},
}
OPERATIONS = [operation for methods in _ROUTES.values() for operation in methods.values()]
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_PATTERNS = [
    (re.compile(re.sub(r"{(\w+)}", rf"(?P<\1>{_UUID})", path)), methods)
    for path, methods in _ROUTES.items()
]

_SUBJECT_FIELDS = {
    "name": Field(text(512), required=True),
    "birth_date": Field(iso_date, nullable=True),
    "biological_sex": Field(text(), nullable=True),
    "meta": Field(anything, nullable=True),
}
_UPLOAD_FIELDS = {  # which may be null: api-facts 15.15
    "batch_id": Field(uuid_text),
    "side_id": Field(one_of(SIDES)),
    "light_id": Field(one_of(LIGHTS), nullable=True),
    "meta": Field(anything, nullable=True),
    "creation_time": Field(iso_datetime, nullable=True),
    "name": Field(text()),
    "app_args": Field(anything, nullable=True),
}
_COMPUTE_FIELDS = {"app_args": Field(anything, nullable=True)}

_AUTHOR_ID = 1001
_MAX_PAGE_SIZE = 1000
_ORDER_KEYS: dict[str, Callable[[Image], Any]] = {
    "created_at": lambda image: image.created,
    "name": lambda image: image.name,
}
_UPLOAD_HEADERS = {
    "Content-Type": "application/octet-stream",
    "X-Goog-Content-Length-Range": "1,31457280",  # seed: API for Images
}

_Item = TypeVar("_Item")
_Record = TypeVar("_Record", Subject, Image)


def _match(path: str) -> tuple[dict[str, str], dict[str, str]] | None:
    for pattern, methods in _PATTERNS:
        if found := pattern.fullmatch(path):
            return methods, {name: value.lower() for name, value in found.groupdict().items()}
    return None


def _wire_time(moment: datetime) -> str:
    """UTC, without saying so (api-facts 1.5)."""
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")


def _named(id_: int, tech_name: str) -> dict[str, Any]:
    return {"id": id_, "name": tech_name.capitalize(), "tech_name": tech_name}


class Api:
    """The service behind the API's origin.

    Args:
        world: The state.
        storage: Signs the URLs.
        page_size: Items per page when the request names no size (the real default is unknown).
        upload_url_seconds: Life of a signed upload URL (the real one is unknown).
    """

    def __init__(
        self, world: World, storage: Storage, *, page_size: int, upload_url_seconds: int
    ) -> None:
        self.origin = ""  # known once the sockets are open
        self._world = world
        self._storage = storage
        self._page_size = page_size
        self._upload_url_seconds = upload_url_seconds

    def identify(self, request: Request) -> None:
        """Names the request's operation."""
        if found := _match(request.path):
            request.allowed, request.ids = found
            request.operation = request.allowed.get(request.method, "unknown")

    def refuse(self, status: int, code: str, detail: str) -> Answer:
        """An error that is found before a request is complete."""
        return Refusal(status, code, detail).answer()

    def dispatch(self, request: Request) -> Answer:
        """Carries the request out, or says why not."""
        with self._world.lock:
            try:
                return self._carry_out(request)
            except Refusal as refusal:
                return refusal.answer()

    def _carry_out(self, request: Request) -> Answer:
        if not request.allowed:
            return self._unrouted(request)
        self._authenticate(request)
        if request.ids["company_id"] != self._world.company_id:
            detail = "You do not have permission to perform this action."
            raise Refusal(403, "permission_denied", detail)
        if request.operation == "unknown":
            detail = f'Method "{request.method}" not allowed.'
            allow = (("Allow", ", ".join(request.allowed)),)
            raise Refusal(405, "method_not_allowed", detail, headers=allow)
        if request.ids.get("dataset_id", self._world.dataset_id) != self._world.dataset_id:
            raise _not_found()
        if request.method != "GET":
            self._world.clock.tick()
        answer: Answer = getattr(self, f"_{request.operation}")(request)
        return answer

    def _unrouted(self, request: Request) -> Answer:
        if request.method == "GET" and _match(request.path + "/"):
            query = f"?{request.query}" if request.query else ""
            return Answer(301, (("Location", f"{request.path}/{query}"),))
        raise _not_found()

    def _authenticate(self, request: Request) -> None:
        challenge = (("WWW-Authenticate", 'Bearer realm="api"'),)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            detail = "Authentication credentials were not provided."
            raise Refusal(401, "not_authenticated", detail, headers=challenge)
        valid = self._world.tokens.get(token.strip())
        if not valid:
            detail = "Invalid token." if valid is None else "Token has expired."
            raise Refusal(401, "authentication_failed", detail, headers=challenge)

    # Subjects

    def _create_subject(self, request: Request) -> Answer:
        values = validated(json_object(request), _SUBJECT_FIELDS)
        return json_answer(201, self._subject_data(self._world.create_subject(**values)))

    def _update_subject(self, request: Request) -> Answer:
        subject = self._subject(request)
        values = validated(json_object(request), _SUBJECT_FIELDS, partial=True)
        if values.get("biological_sex") is not None:
            values["biological_sex"] = self._world.biological_sex(values["biological_sex"])
        for name, value in values.items():
            setattr(subject, name, value)
        return json_answer(200, self._subject_data(subject))

    def _list_subjects(self, request: Request) -> Answer:
        query = _query(request)
        subjects = _search(self._world.subjects.values(), query)
        return self._page(request, subjects, self._subject_data)

    def _delete_subject(self, request: Request) -> Answer:
        self._world.delete_subject(self._subject(request))
        return Answer(204)

    def _delete_subjects(self, request: Request) -> Answer:
        pairs = parse_qsl(request.query, keep_blank_values=True)
        values = [value for name, value in pairs if name == "subjects_ids"]
        known = self._world.subjects
        asked = dict.fromkeys(query_uuids(values, "subjects_ids"))
        deleted = [id_ for id_ in asked if id_ in known]
        for id_ in deleted:
            self._world.delete_subject(known[id_])
        return json_answer(200, {"deleted": deleted})

    def _clear_subject_storage(self, request: Request) -> Answer:
        self._world.clear_storage(self._subject(request))
        return json_answer(200, {"status": "ok"})

    def _clear_subject_metadata(self, request: Request) -> Answer:
        self._world.clear_metadata(self._subject(request))
        return json_answer(200, {"status": "ok"})

    # Images

    def _create_signed_upload_url(self, request: Request) -> Answer:
        subject = self._subject(request)
        values = validated(json_object(request), _UPLOAD_FIELDS)
        if "batch_id" in values:
            batch = self._found(subject.batches, values["batch_id"])
        else:
            batch = self._world.create_batch(subject)
        image = self._world.create_image(
            batch,
            name=values.get("name"),
            side=values.get("side_id", 1),
            light=values.get("light_id") or 1,
            meta=values.get("meta", {}),
            created=values.get("creation_time"),
        )
        return json_answer(201, self._upload_data(image))

    def _compute_batch(self, request: Request) -> Answer:
        batch = self._found(self._world.batches, request.ids["batch_id"])
        validated(json_object(request), _COMPUTE_FIELDS)
        self._world.compute(batch)
        return json_answer(200, {"ok": True})

    def _list_images(self, request: Request) -> Answer:
        subject = self._subject(request)
        query = _query(request)
        expires = _expiration(query)
        images = _search(subject.images.values(), query)
        # The last key is the least significant one; a stable sort wants it first.
        for key in reversed(query.get("ordering", "").split(",")):
            if order := _ORDER_KEYS.get(key.strip().removeprefix("-")):
                images.sort(key=order, reverse=key.strip().startswith("-"))
        return self._page(request, images, lambda image: self._image_data(image, expires))

    def _get_image(self, request: Request) -> Answer:
        image = self._found(self._world.images, request.ids["image_id"])
        query = _query(request)
        expires = _expiration(query)
        name = "generate_signed_url"
        signed = query_boolean(query.get(name, "false"), name)
        return json_answer(200, self._image_data(image, expires if signed else None))

    def _delete_image(self, request: Request) -> Answer:
        self._world.delete_image(self._found(self._world.images, request.ids["image_id"]))
        return Answer(204)

    # Parts

    def _found(self, records: dict[str, _Item], id_: str) -> _Item:
        if id_ not in records:
            raise _not_found()
        return records[id_]

    def _subject(self, request: Request) -> Subject:
        return self._found(self._world.subjects, request.ids["subject_id"])

    def _page(
        self, request: Request, items: list[_Item], render: Callable[[_Item], dict[str, Any]]
    ) -> Answer:
        """One page of the items, as Django REST framework's page-number pagination gives it."""
        query = _query(request)
        size = _integer(query.get("page_size", ""))
        size = min(size, _MAX_PAGE_SIZE) if size > 0 else self._page_size
        pages = max(1, math.ceil(len(items) / size))
        asked = query.get("page") or "1"
        page = pages if asked == "last" else _integer(asked)
        if not 1 <= page <= pages:
            raise _not_found("Invalid page.")

        def link(number: int) -> str | None:
            if not 1 <= number <= pages:
                return None
            others = {name: value for name, value in query.items() if name != "page"}
            if number > 1:
                others["page"] = str(number)
            encoded = urlencode(sorted(others.items()))
            return f"{self.origin}{request.path}" + (f"?{encoded}" if encoded else "")

        return json_answer(
            200,
            {
                "count": len(items),
                "next": link(page + 1),
                "previous": link(page - 1),
                "results": [render(item) for item in items[(page - 1) * size : page * size]],
            },
        )

    def _subject_data(self, subject: Subject) -> dict[str, Any]:
        sex = subject.biological_sex
        word = self._world.sexes.get(sex or "", "")
        return {
            "name": subject.name,
            "birth_date": subject.birth_date,
            "biological_sex": sex and {"id": sex, "name": word, "tech_name": word.lower()},
            "meta": subject.meta,
            "id": subject.id,
            "author_id": _AUTHOR_ID,
            "creation_time": _wire_time(subject.created),
            "company": {"id": self._world.company_id, "name": "Sandbox company"},
            "dataset": {"id": self._world.dataset_id, "name": "Sandbox dataset"},
            "promote_image_id": None,
        }

    def _upload_data(self, image: Image) -> dict[str, Any]:
        side = _named(image.side, SIDES[image.side])
        light = _named(image.light, LIGHTS[image.light])
        image_type = _named(1, "selfie")
        url = self._storage.sign("PUT", image.key, self._upload_url_seconds, _UPLOAD_HEADERS)
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
            "creation_time": _wire_time(image.created),
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
            "upload_url": {
                "url": url,
                "method": "PUT",
                "headers": _UPLOAD_HEADERS,
                "content_type": _UPLOAD_HEADERS["Content-Type"],
            },
        }

    def _image_data(self, image: Image, expires: int | None) -> dict[str, Any]:
        self._world.observe(image)
        return {
            "id": image.id,
            "name": image.name,
            "side": SIDES[image.side],
            "quality_score": image.quality_score,
            "problems": image.problems,
            "created_at": _wire_time(image.created),
            "signed_url": self._signed_url(image, expires),
            "image_batch_id": image.batch.id,
            "meta": image.meta,
            "aux_images": [
                {
                    "id": aux.id,
                    "aux_image_type": aux.kind,
                    "creation_time": _wire_time(aux.created),
                    "algo_app": aux.app,
                    "signed_url": self._signed_url(aux, expires),
                    "meta": None,
                }
                for aux in image.aux_images
            ],
        }

    def _signed_url(self, file: Image | AuxImage, expires: int | None) -> str | None:
        if expires is None or file.key not in self._world.objects:
            return None
        return self._storage.sign("GET", file.key, expires)


def _not_found(detail: str = "Not found.") -> Refusal:
    return Refusal(404, "not_found", detail)


def _query(request: Request) -> dict[str, str]:
    """The query's parameters; of a repeated one the last counts."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def _integer(text: str) -> int:
    """The number that a page parameter holds; 0, which never fits, if it holds none."""
    try:
        return int(text)
    except ValueError:
        return 0


def _expiration(query: dict[str, str]) -> int:
    name = "expiration_seconds"
    return query_integer(query.get(name, "60"), name, low=1, high=MAX_EXPIRES)


def _search(records: Iterable[_Record], query: dict[str, str]) -> list[_Record]:
    term = query.get("q", "").casefold()
    if not term:
        return list(records)
    return [record for record in records if term in record.name.casefold()]
