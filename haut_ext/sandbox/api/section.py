"""What the sections of the API have in common: finding what a path names, pages, times, URLs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode

from haut_ext.sandbox.messages import Answer, Request, json_answer
from haut_ext.sandbox.state import AuxImage, Batch, Dataset, Image, Subject, World
from haut_ext.sandbox.storage import MAX_EXPIRES, Storage
from haut_ext.sandbox.validation import Field, Refusal, anything, query_integer

from .routing import Routes

COMPANY = "/api/v1/companies/{company_id}/"
DATASETS = COMPANY + "datasets/"
SUBJECTS = DATASETS + "{dataset_id}/subjects/"

DEFAULT_EXPIRES = 60
"""Seconds that a signed URL lives if a request names none (api-facts 5.4)."""
_MAX_PAGE_SIZE = 1000


class Named(Protocol):
    """A record that the search term of a list may find."""

    name: str


_Item = TypeVar("_Item")
_Record = TypeVar("_Record", bound=Named)


@dataclass
class Surroundings:
    """What every section works on.

    Args:
        world: The state.
        storage: Signs the URLs.
        page_size: Items per page when the request names no size (the real default is unknown).
        upload_url_seconds: Life of a signed upload URL (the real one is unknown).
        origin: The API's, once the sockets are open.
    """

    world: World
    storage: Storage
    page_size: int
    upload_url_seconds: int
    origin: str = ""


class Section:
    """Operations that change together: its routes, and a method of each operation's name."""

    ROUTES: ClassVar[Routes] = {}
    PUBLIC: ClassVar[frozenset[str]] = frozenset()
    """The operations that need no token."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._world = surroundings.world
        self._storage = surroundings.storage

    # What a path names: each record below the one before it, if the path names that too

    def _dataset(self, request: Request) -> Dataset:
        return found(self._world.datasets, request.ids["dataset_id"])

    def _subject(self, request: Request) -> Subject:
        nested = "dataset_id" in request.ids
        subjects = self._dataset(request).subjects if nested else self._world.subjects
        return found(subjects, request.ids["subject_id"])

    def _batch(self, request: Request) -> Batch:
        nested = "subject_id" in request.ids
        batches = self._subject(request).batches if nested else self._world.batches
        return found(batches, request.ids["batch_id"])

    def _image(self, request: Request) -> Image:
        nested = "batch_id" in request.ids
        images = self._batch(request).images if nested else self._world.images
        return found(images, request.ids["image_id"])

    # Parts of answers

    def _page(
        self, request: Request, items: list[_Item], render: Callable[[_Item], dict[str, Any]]
    ) -> Answer:
        """One page of the items, as Django REST framework's page-number pagination gives it."""
        query = parameters(request)
        size = _integer(query.get("page_size", ""))
        size = min(size, _MAX_PAGE_SIZE) if size > 0 else self._surroundings.page_size
        pages = max(1, math.ceil(len(items) / size))
        asked = query.get("page") or "1"
        page = pages if asked == "last" else _integer(asked)
        if not 1 <= page <= pages:
            raise not_found("Invalid page.")

        def link(number: int) -> str | None:
            if not 1 <= number <= pages:
                return None
            others = {name: value for name, value in query.items() if name != "page"}
            if number > 1:
                others["page"] = str(number)
            encoded = urlencode(sorted(others.items()))
            return f"{self._surroundings.origin}{request.path}" + (f"?{encoded}" if encoded else "")

        return json_answer(
            200,
            {
                "count": len(items),
                "next": link(page + 1),
                "previous": link(page - 1),
                "results": [render(item) for item in items[(page - 1) * size : page * size]],
            },
        )

    def _upload_target(self, image: Image, headers: dict[str, str]) -> dict[str, Any]:
        """Where the photo of a new record goes."""
        seconds = self._surroundings.upload_url_seconds
        return {
            "url": self._storage.sign("PUT", image.key, seconds, headers),
            "method": "PUT",
            "headers": headers,
            "content_type": headers["Content-Type"],
        }

    def _signed_urls(self, file: Image | AuxImage, name: str) -> dict[str, str]:
        """The file's URL under a name, or nothing if there is no file."""
        url = self._signed_url(file, DEFAULT_EXPIRES)
        return {} if url is None else {name: url}

    def _signed_url(self, file: Image | AuxImage, expires: int | None) -> str | None:
        if expires is None or file.key not in self._world.objects:
            return None
        return self._storage.sign("GET", file.key, expires)


COMPUTE_FIELDS = {"app_args": Field(anything, nullable=True)}
UPLOAD_HEADERS = {
    "Content-Type": "application/octet-stream",
    "X-Goog-Content-Length-Range": "1,31457280",  # seed: API for Images
}


def found(records: Mapping[str, _Item], id_: str) -> _Item:
    """The record of an id, or a 404."""
    if id_ not in records:
        raise not_found()
    return records[id_]


def not_found(detail: str = "Not found.") -> Refusal:
    """A 404."""
    return Refusal(404, "not_found", detail)


def unauthorized(code: str, detail: str) -> Refusal:
    """A 401, with its challenge."""
    return Refusal(401, code, detail, headers=(("WWW-Authenticate", 'Bearer realm="api"'),))


def parameters(request: Request) -> dict[str, str]:
    """The query's parameters; of a repeated one the last counts."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def expiration(query: dict[str, str]) -> int:
    """Seconds that the signed URLs of an answer are to live."""
    name = "expiration_seconds"
    return query_integer(query.get(name, str(DEFAULT_EXPIRES)), name, low=1, high=MAX_EXPIRES)


def searched(records: Iterable[_Record], query: dict[str, str]) -> list[_Record]:
    """The records whose name holds the search term."""
    term = query.get("q", "").casefold()
    if not term:
        return list(records)
    return [record for record in records if term in record.name.casefold()]


def ordered(
    records: list[_Item], query: dict[str, str], keys: Mapping[str, Callable[[_Item], Any]]
) -> list[_Item]:
    """The records in the order asked for; what is no key is passed over."""
    # The last key is the least significant one; a stable sort wants it first.
    for key in reversed(query.get("ordering", "").split(",")):
        if order := keys.get(key.strip().removeprefix("-")):
            records = sorted(records, key=order, reverse=key.strip().startswith("-"))
    return records


def wire_time(moment: datetime) -> str:
    """UTC, without saying so (api-facts 1.5)."""
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")


def named(id_: int, tech_name: str) -> dict[str, Any]:
    """An item of a dictionary."""
    return {"id": id_, "name": tech_name.capitalize(), "tech_name": tech_name}


def _integer(text: str) -> int:
    """The number that a page parameter holds; 0, which never fits, if it holds none."""
    try:
        return int(text)
    except ValueError:
        return 0
