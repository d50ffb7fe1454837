"""What the workflows return where no generated model fits: small frozen values that compare and
pickle.

A leaf. Nothing here holds personal data: ids, times, counts and statuses only, but for the results
that a batch carries when they were waited for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from attrs import AttrsInstance, asdict, frozen

from haut_ext.analysis_results import Api, BatchResults

Item = TypeVar("Item", covariant=True)

Side = Literal["front", "right", "left"]
SIDE_IDS: dict[Side, int] = {"front": 1, "right": 2, "left": 3}
"""The service's number of each side (seed: API for Images)."""


@frozen
class Page(Generic[Item]):
    """One page of a list.

    Attributes:
        items: The page's items.
        total: How many items the whole list had when the page was read.
        number: The page's number, from 1.
        has_next: Whether the service has a page after this one.
    """

    items: tuple[Item, ...]
    total: int
    number: int
    has_next: bool

    @property
    def next_page(self) -> int | None:
        """The number of the page after this one, for `list(page=...)`, or None at the end."""
        return self.number + 1 if self.has_next else None

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@frozen
class DeletedSubjects:
    """The outcome of deleting many subjects; every id asked for stands in exactly one place.

    Attributes:
        deleted: The service says it deleted them.
        not_deleted: The service did not name them: they were not there, or not in this dataset.
        unknown: Nobody knows: their request may have been carried out unseen, or was never made.
            They can be asked for again.
    """

    deleted: tuple[UUID, ...] = ()
    not_deleted: tuple[UUID, ...] = ()
    unknown: tuple[UUID, ...] = ()


@frozen
class UploadedImage:
    """One photo that has arrived in the storage.

    Attributes:
        image_id: The image's id.
        batch_id: The batch it belongs to.
        side: Which side of the face it shows, by name or by the service's number.
        subject_id: Whose photo it is.
    """

    image_id: UUID
    batch_id: UUID
    side: str | int
    subject_id: UUID


@frozen
class UploadedBatch:
    """The photos of one subject that were uploaded together and sent to computation.

    Of a batch that was uploaded elsewhere, the two ids are enough for `results`.

    Attributes:
        subject_id: Whose photos they are.
        batch_id: The batch's id, which `compute` and the results go by.
        images: One entry for each side, in the order of upload.
        api: Which version of the service computes it: `v1` or `v3`.
        results: What the algorithms found, if that was waited for.
    """

    subject_id: UUID
    batch_id: UUID
    images: tuple[UploadedImage, ...] = ()
    api: Api = "v1"
    results: BatchResults | None = None


SlotStatus = Literal["none", "unknown", "open", "stored"]


@frozen
class SideState:
    """How far one side of an upload came.

    Attributes:
        side: Which side.
        status: `none`: nothing exists yet. `unknown`: a slot was asked for and no answer came, so
            an image record may exist. `open`: there is a record, and its bytes are not known to
            have arrived. `stored`: the bytes have arrived.
        image_id: The image's id, when it is open or stored.
    """

    side: Side
    status: SlotStatus = "none"
    image_id: UUID | None = None


@frozen
class UploadState:
    """How far an upload came: all that `resume_upload` needs, without secrets or personal data.

    Attributes:
        subject_id: Whose photos.
        batch_id: The batch, once it is known.
        sides: Every side of the upload, in their order.
        compute: `not sent`, `unknown` (sent, and no answer came) or `started`.
        started_at: When the upload began, by this machine's clock.
        api: Which version of the service it goes by.
    """

    subject_id: UUID
    batch_id: UUID | None
    sides: tuple[SideState, ...]
    compute: Literal["not sent", "unknown", "started"]
    started_at: datetime
    api: Api = "v1"

    @property
    def missing(self) -> tuple[Side, ...]:
        """The sides whose photos `resume_upload` needs.

        Those that are not stored; in v3, where no photo can be added to a batch, all or none.
        """
        stored = [side.side for side in self.sides if side.status == "stored"]
        kept = stored if self.api == "v1" or len(stored) == len(self.sides) else ()
        return tuple[Side, ...](side.side for side in self.sides if side.side not in kept)

    @property
    def stage(self) -> Literal["slot", "bytes", "compute", "results"]:
        """What is next: ask for a slot, send bytes, start the computation, or wait for results."""
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
        """Return the state that `to_json` wrote.

        Raises:
            ValueError: If the text is not such a state.
        """
        try:
            content = json.loads(text)
            sides = tuple(
                SideState(side["side"], side["status"], _id(side["image_id"]))
                for side in content["sides"]
            )
            return cls(
                subject_id=UUID(content["subject_id"]),
                batch_id=_id(content["batch_id"]),
                sides=sides,
                compute=content["compute"],
                started_at=datetime.fromisoformat(content["started_at"]),
                api=content["api"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is not the state of an upload") from error


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def to_json(value: AttrsInstance) -> str:
    def plain(_: Any, __: Any, content: Any) -> Any:
        return content.isoformat() if isinstance(content, datetime) else content

    return json.dumps(asdict(value, value_serializer=plain), default=str, indent=2)
