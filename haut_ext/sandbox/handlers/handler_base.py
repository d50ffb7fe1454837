"""Base class of request handlers, and helper functions shared by them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode

from haut_ext.sandbox.http_messages import Request, Response, json_response
from haut_ext.sandbox.records import AuxImage, Batch, Dataset, Image, Subject
from haut_ext.sandbox.request_validation import ErrorResponse, query_integer
from haut_ext.sandbox.router import Routes
from haut_ext.sandbox.signed_urls import MAX_EXPIRATION_SECONDS
from haut_ext.sandbox.state import State
from haut_ext.sandbox.storage_service import StorageService

COMPANY = "/api/v1/companies/{company_id}/"
DATASETS = COMPANY + "datasets/"
SUBJECTS = DATASETS + "{dataset_id}/subjects/"

DEFAULT_EXPIRATION_SECONDS = 60
"""Default lifetime of a signed URL, in seconds."""
_MAX_PAGE_SIZE = 1000


class Named(Protocol):
    """Record whose name can be searched with the `q` query parameter."""

    @property
    def name(self) -> str: ...


_Item = TypeVar("_Item")
_Record = TypeVar("_Record", bound=Named)


@dataclass
class Context:
    """Dependencies and settings shared by all handlers.

    Attributes:
        state: State of the sandbox.
        storage: Storage service that signs URLs for responses.
        page_size: Default number of items in a page.
        upload_url_seconds: Lifetime of a signed upload URL.
        origin: Origin of the API, such as `http://127.0.0.1:8000`; empty until the port is known.
    """

    state: State
    storage: StorageService
    page_size: int
    upload_url_seconds: int
    origin: str = ""


class Handler:
    """Base class of handlers. Each operation's handler method has the operation id as its name."""

    ROUTES: ClassVar[Routes] = {}
    PUBLIC: ClassVar[frozenset[str]] = frozenset()
    """Ids of the operations that require no token."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._database = context.state.database
        self._authentication = context.state.authentication
        self._analyses = context.state.analyses
        self._storage = context.storage

    # Look up records by the ids in a URL path. A record must belong to the parent in the path.

    def _dataset(self, request: Request) -> Dataset:
        return find_record(self._database.datasets, request.ids["dataset_id"])

    def _subject(self, request: Request) -> Subject:
        nested = "dataset_id" in request.ids
        subjects = self._dataset(request).subjects if nested else self._database.subjects
        return find_record(subjects, request.ids["subject_id"])

    def _batch(self, request: Request) -> Batch:
        nested = "subject_id" in request.ids
        batches = self._subject(request).batches if nested else self._database.batches
        return find_record(batches, request.ids["batch_id"])

    def _image(self, request: Request) -> Image:
        nested = "batch_id" in request.ids
        images = self._batch(request).images if nested else self._database.images
        return find_record(images, request.ids["image_id"])

    # Parts of responses

    def _page(
        self, request: Request, items: list[_Item], render: Callable[[_Item], dict[str, Any]]
    ) -> Response:
        """Return one page of items, in Django REST framework's PageNumberPagination format."""
        query = query_parameters(request)
        size = _integer(query.get("page_size", ""))
        size = min(size, _MAX_PAGE_SIZE) if size > 0 else self._context.page_size
        pages = max(1, math.ceil(len(items) / size))
        requested = query.get("page") or "1"
        page = pages if requested == "last" else _integer(requested)
        if not 1 <= page <= pages:
            raise not_found("Invalid page.")

        def link(number: int) -> str | None:
            if not 1 <= number <= pages:
                return None
            others = {name: value for name, value in query.items() if name != "page"}
            if number > 1:
                others["page"] = str(number)
            encoded = urlencode(sorted(others.items()))
            return f"{self._context.origin}{request.path}" + (f"?{encoded}" if encoded else "")

        return json_response(
            200,
            {
                "count": len(items),
                "next": link(page + 1),
                "previous": link(page - 1),
                "results": [render(item) for item in items[(page - 1) * size : page * size]],
            },
        )

    def _upload_target(self, image: Image, headers: dict[str, str]) -> dict[str, Any]:
        """Return a signed URL for uploading the photo of a new image record."""
        seconds = self._context.upload_url_seconds
        return {
            "url": self._storage.sign("PUT", image.key, seconds, headers),
            "method": "PUT",
            "headers": headers,
            "content_type": headers["Content-Type"],
        }

    def _signed_urls(self, file: Image | AuxImage, name: str) -> dict[str, str]:
        """Return `{name: signed URL}` for a file, or an empty object if it does not exist."""
        url = self._signed_url(file, DEFAULT_EXPIRATION_SECONDS)
        return {} if url is None else {name: url}

    def _signed_url(self, file: Image | AuxImage, expires: int | None) -> str | None:
        if expires is None or file.key not in self._database.objects:
            return None
        return self._storage.sign("GET", file.key, expires)


UPLOAD_HEADERS = {
    "Content-Type": "application/octet-stream",
    "X-Goog-Content-Length-Range": "1,31457280",
}


def find_record(records: Mapping[str, _Item], id_: str) -> _Item:
    """Return the record with the given id; raise a 404 error if it does not exist."""
    if id_ not in records:
        raise not_found()
    return records[id_]


def not_found(detail: str = "Not found.") -> ErrorResponse:
    """Return a "not found" error with status 404."""
    return ErrorResponse(404, "not_found", detail)


def unauthorized(code: str, detail: str) -> ErrorResponse:
    """Return an error with status 401 and a WWW-Authenticate header."""
    return ErrorResponse(401, code, detail, headers=(("WWW-Authenticate", 'Bearer realm="api"'),))


def query_parameters(request: Request) -> dict[str, str]:
    """Return the query parameters by name. If a parameter is repeated, the last value is used."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def expiration_seconds(query: dict[str, str]) -> int:
    """Return the requested lifetime of the response's signed URLs, in seconds."""
    name = "expiration_seconds"
    return query_integer(
        query.get(name, str(DEFAULT_EXPIRATION_SECONDS)), name, low=1, high=MAX_EXPIRATION_SECONDS
    )


def search(records: Iterable[_Record], query: dict[str, str]) -> list[_Record]:
    """Return the records whose names contain the search term."""
    term = query.get("q", "").casefold()
    if not term:
        return list(records)
    return [record for record in records if term in record.name.casefold()]


def sort(
    records: list[_Item], query: dict[str, str], keys: Mapping[str, Callable[[_Item], Any]]
) -> list[_Item]:
    """Return the records sorted by the request's sort keys. Unknown sort keys are ignored."""
    # Sorting is stable, so sort by the last key first: it is the least significant one.
    for key in reversed(query.get("ordering", "").split(",")):
        if order := keys.get(key.strip().removeprefix("-")):
            records = sorted(records, key=order, reverse=key.strip().startswith("-"))
    return records


def format_time(moment: datetime) -> str:
    """Return a time in the format of the API: UTC without a zone, "2025-01-01 00:00:00"."""
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")


def dictionary_item(id_: int, tech_name: str) -> dict[str, Any]:
    """Return an id and a name, such as those of a side, in the API's format."""
    return {"id": id_, "name": tech_name.capitalize(), "tech_name": tech_name}


def _integer(text: str) -> int:
    """Convert a page number or size to an integer. Return 0, which is invalid, for other text."""
    try:
        return int(text)
    except ValueError:
        return 0
