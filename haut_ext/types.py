"""Defines the values that workflows accept and return if no generated model is suitable.

The classes are immutable, comparable and picklable. They contain only ids, times, counts and
statuses, and no personal data other than the analysis results of a batch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import UnionType
from typing import Any, Generic, Literal, Self, TypeVar, cast, get_args, get_origin
from uuid import UUID

from attrs import AttrsInstance, asdict, field, fields, frozen, has, resolve_types

from haut_ext.analysis_results import Api, BatchResults

Item = TypeVar("Item", covariant=True)
Instance = TypeVar("Instance", bound=AttrsInstance)

Side = Literal["front", "right", "left"]
"""Side of the face that a photo shows."""

SIDE_IDS: dict[Side, int] = {"front": 1, "right": 2, "left": 3}
"""Numeric id that the API uses for each side of the face."""


@frozen
class Page(Generic[Item]):
    """One page of a list. Iterating over the page yields its items.

    Attributes:
        items: Items of the page.
        total: Total number of items in the list when the page was read.
        number: Page number, starting at 1.
        has_next: Whether there is a next page.
    """

    items: tuple[Item, ...]
    total: int
    number: int
    has_next: bool

    @property
    def next_page(self) -> int | None:
        """Number of the next page, to pass as `list(page=...)`. None if this is the last page."""
        return self.number + 1 if self.has_next else None

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@frozen
class DeletedSubjects:
    """Outcome of deleting several subjects. Each requested id is in exactly one of the attributes.

    Attributes:
        deleted: Ids that the service reported as deleted.
        not_deleted: Ids that the service did not report as deleted, because the dataset has no such
            subject.
        unknown: Ids whose delete request failed or was not sent. A failed request may have been
            carried out. You can pass these ids to `delete_many` again.
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
        side: Side of the face, as a name or as the API's numeric id.
        subject_id: Id of the subject that the photo shows.
    """

    image_id: UUID
    batch_id: UUID
    side: str | int
    subject_id: UUID


@frozen
class UploadedBatch:
    """Photos of one subject that form one batch.

    To read the results of a batch that another program uploaded, create one with
    `UploadedBatch(subject_id, batch_id)`. An upload with `wait=True` returns an `AnalyzedBatch`,
    which has the results.

    Attributes:
        subject_id: Id of the subject.
        batch_id: Id of the batch.
        images: One entry for each side, in the order of upload.
        api: API version that analyzes the batch.
        possible_leftovers: As in `UploadState`.
    """

    subject_id: UUID
    batch_id: UUID
    images: tuple[UploadedImage, ...] = ()
    api: Api = "v1"
    possible_leftovers: tuple[UUID, ...] = ()

    def to_json(self) -> str:
        """Return the batch as a JSON string, which `from_json` of the same class parses."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse a JSON string returned by `to_json`, and return the batch.

        Raises:
            ValueError: If the text is not the JSON of such a batch.
        """
        return from_json(cls, text)


@frozen
class AnalyzedBatch(UploadedBatch):
    """An uploaded batch with its analysis results.

    Attributes:
        results: The complete analysis results.
    """

    results: BatchResults = field(kw_only=True)


SlotStatus = Literal["none", "unknown", "open", "stored"]


@frozen
class SideState:
    """Progress of uploading the photo of one side of the face.

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
    """Progress of an upload that `resume_upload` can continue.

    Contains no secrets and no personal data.

    Attributes:
        subject_id: Id of the subject.
        batch_id: Id of the batch, once the service has created it.
        sides: Progress of each side of the upload.
        compute: Whether the analysis was started: `not sent`, `unknown` (the request was sent, but
            no response arrived) or `started`.
        started_at: Start of the upload, measured by the clock of this machine.
        api: API version of the upload.
        possible_leftovers: Ids of image records without a photo that this upload or another program
            has created: the response to the first request for an upload slot was lost. They are
            not deleted. If no other program uploads photos of the subject, you can delete those
            that still have no photo with `images.delete`.
        service: Origin of the service, such as `https://saas.haut.ai`.
        company_id: Id of the company that owns the subject.
        dataset_id: Id of the dataset, if the upload named one.
    """

    subject_id: UUID
    batch_id: UUID | None
    sides: tuple[SideState, ...]
    compute: Literal["not sent", "unknown", "started"]
    started_at: datetime
    api: Api = "v1"
    possible_leftovers: tuple[UUID, ...] = ()
    service: str = field(kw_only=True)
    company_id: UUID = field(kw_only=True)
    dataset_id: UUID | None = field(kw_only=True)

    @property
    def missing(self) -> tuple[Side, ...]:
        """Sides of the face whose photos must be passed to `resume_upload`.

        In v1, these are the sides whose photos are not stored. In v3, no photo can be added to an
        existing batch, so unless all photos are stored, all must be passed again.
        """
        missing: list[Side] = [side.side for side in self.sides if side.status != "stored"]
        if missing and self.api == "v3":
            missing = [side.side for side in self.sides]
        return tuple(missing)

    @property
    def stage(self) -> Literal["slot", "bytes", "compute", "results"]:
        """Next step of the upload.

        Possible values are `slot` (create image records), `bytes` (send the photos), `compute`
        (start the analysis) and `results` (wait for the results).
        """
        if self.compute == "started":
            return "results"
        if all(side.status == "stored" for side in self.sides):
            return "compute"
        return "bytes" if any(side.status == "open" for side in self.sides) else "slot"

    def to_json(self) -> str:
        """Return the state as a JSON string, which `from_json` parses."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> UploadState:
        """Parse a JSON string returned by `to_json`, and return the state.

        Raises:
            ValueError: If the text is not the JSON of an upload state.
        """
        return from_json(cls, text)


def to_json(value: AttrsInstance) -> str:
    """Return an attrs instance as JSON text, with ids as strings and times in ISO 8601 format."""

    def encode(content: object) -> str:
        return content.isoformat() if isinstance(content, datetime) else str(content)

    def replace(owner: object, field: object, content: object) -> object:
        return json.loads(content.to_json()) if isinstance(content, BatchResults) else content

    return json.dumps(asdict(value, value_serializer=replace), default=encode, indent=2)


def from_json(kind: type[Instance], text: str) -> Instance:
    """Parse a JSON string returned by `to_json`, and return an attrs instance.

    Raises:
        ValueError: If the text is not JSON, or does not match the fields of the class.
    """
    try:
        return cast(Instance, _parse(kind, json.loads(text)))
    except (
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise ValueError(f"invalid {kind.__name__}: expected JSON from to_json()") from error


def _parse(kind: Any, content: Any) -> Any:
    """Convert a parsed JSON value to the type of an attrs field."""
    arguments = get_args(kind)
    if kind is BatchResults:
        return BatchResults.from_json(json.dumps(content))
    if has(kind):
        attributes = fields(resolve_types(kind))
        return kind(**{item.name: _parse(item.type, content[item.name]) for item in attributes})
    if get_origin(kind) is tuple:
        if not isinstance(content, list):
            raise ValueError(f"{content!r} is not a list")
        items = cast("list[Any]", content)  # type: ignore[redundant-cast]
        return tuple(_parse(arguments[0], item) for item in items)
    if get_origin(kind) is UnionType:  # a union such as `UUID | None`
        return content if type(content) in arguments else _parse(arguments[0], content)
    if kind is UUID:
        return UUID(content)
    if kind is datetime:
        moment = datetime.fromisoformat(content)
        moment.astimezone(UTC)  # raises OverflowError for a time that UTC cannot represent
        return moment
    # `arguments` are the values of a Literal type; otherwise `kind` is a class.
    valid = content in arguments if arguments else isinstance(content, kind)
    if not valid:
        raise ValueError(f"{content!r} is not of type {kind}")
    return content
