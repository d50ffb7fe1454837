"""Values that workflows accept and return where no generated model fits.

The classes are immutable, comparable and picklable. Apart from the analysis results of a batch,
they contain no personal data: only ids, times, counts and statuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from types import UnionType
from typing import Any, Generic, Literal, TypeVar, cast, get_args, get_origin
from uuid import UUID

from attrs import AttrsInstance, asdict, fields, frozen, has, resolve_types

from haut_ext.analysis_results import Api, BatchResults

Item = TypeVar("Item", covariant=True)
Instance = TypeVar("Instance", bound=AttrsInstance)

Side = Literal["front", "right", "left"]
SIDE_IDS: dict[Side, int] = {"front": 1, "right": 2, "left": 3}
"""Numeric id of each side in the API (seed: API for Images)."""


@frozen
class Page(Generic[Item]):
    """One page of a list. Iterating over the page yields its items.

    Attributes:
        items: Items of the page.
        total: Number of items in the entire list when the page was read.
        number: Number of the page. The first page has number 1.
        has_next: Whether another page follows.
    """

    items: tuple[Item, ...]
    total: int
    number: int
    has_next: bool

    @property
    def next_page(self) -> int | None:
        """Number of the next page, for `list(page=...)`. None on the last page."""
        return self.number + 1 if self.has_next else None

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@frozen
class DeletedSubjects:
    """Outcome of deleting several subjects. Each requested id is in exactly one of the groups.

    Attributes:
        deleted: Ids that the service reported as deleted.
        not_deleted: Ids that the service did not report: no such subject exists in the dataset.
        unknown: Ids whose request failed or was not sent. A failed request may have been carried
            out. These ids can be passed to `delete_many` again.
    """

    deleted: tuple[UUID, ...] = ()
    not_deleted: tuple[UUID, ...] = ()
    unknown: tuple[UUID, ...] = ()


@frozen
class UploadedImage:
    """A photo that has been uploaded to the storage.

    Attributes:
        image_id: Id of the image.
        batch_id: Id of the batch that contains the image.
        side: Side of the face, as a name or as the numeric id of the API.
        subject_id: Id of the subject that the photo shows.
    """

    image_id: UUID
    batch_id: UUID
    side: str | int
    subject_id: UUID


@frozen
class UploadedBatch:
    """Photos of one subject that were uploaded together.

    For a batch that was uploaded by another program, `UploadedBatch(subject_id, batch_id)` is
    sufficient to read the results.

    Attributes:
        subject_id: Id of the subject.
        batch_id: Id of the batch.
        images: One entry for each side, in the order of upload.
        api: API version that analyzes the batch.
        results: Analysis results, if the upload waited for them.
    """

    subject_id: UUID
    batch_id: UUID
    images: tuple[UploadedImage, ...] = ()
    api: Api = "v1"
    results: BatchResults | None = None


SlotStatus = Literal["none", "unknown", "open", "stored"]


@frozen
class SideState:
    """Progress of one side of an upload.

    Attributes:
        side: Side of the face.
        status: `none`: no image record exists. `unknown`: an image record was requested, but no
            response arrived, so a record may exist. `open`: a record exists, but the upload of
            its photo is not confirmed. `stored`: the upload of the photo is confirmed.
        image_id: Id of the image, if the status is `open` or `stored`.
    """

    side: Side
    status: SlotStatus = "none"
    image_id: UUID | None = None


@frozen
class UploadState:
    """Progress of an upload, for `resume_upload`. Contains neither secrets nor personal data.

    Attributes:
        subject_id: Id of the subject.
        batch_id: Id of the batch, once the service has created it.
        sides: Progress of each side of the upload.
        compute: Whether the analysis was started: `not sent`, `unknown` (the request was sent, but
            no response arrived) or `started`.
        started_at: Start of the upload, measured by the clock of this machine.
        api: API version of the upload.
    """

    subject_id: UUID
    batch_id: UUID | None
    sides: tuple[SideState, ...]
    compute: Literal["not sent", "unknown", "started"]
    started_at: datetime
    api: Api = "v1"

    @property
    def missing(self) -> tuple[Side, ...]:
        """Sides whose photos must be passed to `resume_upload`.

        In v1, these are the sides that are not stored. In v3, no photo can be added to an existing
        batch, so all sides must be passed unless all are stored.
        """
        missing: list[Side] = [side.side for side in self.sides if side.status != "stored"]
        if missing and self.api == "v3":
            missing = [side.side for side in self.sides]
        return tuple(missing)

    @property
    def stage(self) -> Literal["slot", "bytes", "compute", "results"]:
        """Next step of the upload.

        `slot`: create image records. `bytes`: send the photos. `compute`: start the analysis.
        `results`: wait for the results.
        """
        if self.compute == "started":
            return "results"
        if all(side.status == "stored" for side in self.sides):
            return "compute"
        return "bytes" if any(side.status == "open" for side in self.sides) else "slot"

    def to_json(self) -> str:
        """Return the state as JSON, for `from_json`."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> UploadState:
        """Return the state from JSON that `to_json` returned.

        Raises:
            ValueError: If the text is not the JSON of an upload state.
        """
        return from_json(cls, text)


def to_json(value: AttrsInstance) -> str:
    """Return an attrs instance as JSON, with ids as strings and times in ISO format."""

    def encode(content: object) -> str:
        return content.isoformat() if isinstance(content, datetime) else str(content)

    return json.dumps(asdict(value), default=encode, indent=2)


def from_json(kind: type[Instance], text: str) -> Instance:
    """Return an attrs instance from JSON that `to_json` returned.

    Raises:
        ValueError: If the text is not JSON, or does not match the fields of the class.
    """
    try:
        return cast(Instance, _parse(kind, json.loads(text)))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(f"invalid {kind.__name__}: expected JSON from to_json()") from error


def _parse(kind: Any, content: Any) -> Any:
    """Convert parsed JSON to a type that is used in a field of an attrs class."""
    arguments = get_args(kind)
    if has(kind):
        attributes = fields(resolve_types(kind))
        return kind(**{item.name: _parse(item.type, content[item.name]) for item in attributes})
    if get_origin(kind) is tuple:
        return tuple(_parse(arguments[0], item) for item in content)
    if get_origin(kind) is UnionType:  # such as `UUID | None`
        return None if content is None else _parse(arguments[0], content)
    if kind is UUID:
        return UUID(content)
    if kind is datetime:
        return datetime.fromisoformat(content)
    valid = content in arguments if arguments else isinstance(content, kind)  # Literal, or a class
    if not valid:
        raise ValueError(f"{content!r} is not of type {kind}")
    return content
