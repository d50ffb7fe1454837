"""What the workflows return where no generated model fits: small frozen values that compare and pickle.

A leaf. Nothing here holds personal data: ids, times, counts and statuses only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from attrs import asdict, frozen

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

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@frozen
class DeletedSubjects:
    """The outcome of deleting many subjects.

    Attributes:
        deleted: Ids that the service says it deleted.
        not_deleted: Ids it did not name: they were not there, or not in this dataset.
    """

    deleted: tuple[UUID, ...]
    not_deleted: tuple[UUID, ...]


@frozen
class UploadedImage:
    """One photo that has arrived in the storage.

    Attributes:
        image_id: The image's id.
        batch_id: The batch it belongs to.
        side: Which side of the face it shows, by name or by the service's number.
    """

    image_id: UUID
    batch_id: UUID
    side: Side | int


@frozen
class UploadedBatch:
    """The photos of one subject that were uploaded together and sent to computation.

    Attributes:
        subject_id: Whose photos they are.
        batch_id: The batch's id, which `compute` and the results go by.
        images: One entry for each side, in the order of upload.
    """

    subject_id: UUID
    batch_id: UUID
    images: tuple[UploadedImage, ...]


@frozen
class UploadState:
    """How far an upload came before it failed.

    Attributes:
        subject_id: Whose photos they are.
        batch_id: The batch, once the service has made it.
        uploaded: The sides whose bytes have arrived.
        stage: What was being done: asking for a slot, sending bytes, or starting the computation.
        side: The side it was being done for; None for the computation.
        image_id: The image record made for that side, if it was made.
    """

    subject_id: UUID
    batch_id: UUID | None
    uploaded: tuple[UploadedImage, ...]
    stage: Literal["slot", "bytes", "compute"]
    side: Side | None = None
    image_id: UUID | None = None


ErasureStepName = Literal["storage", "images", "metadata", "subject", "verification"]
ErasureStepStatus = Literal["done", "already gone", "failed"]


@frozen
class ErasureStep:
    """One step of an erasure.

    Attributes:
        name: What was erased or, last, verified.
        status: `done`, `already gone` when there was nothing left to do, or `failed`.
        at: When the step ended.
        count: How many things it erased, where they can be counted.
    """

    name: ErasureStepName
    status: ErasureStepStatus
    at: datetime
    count: int | None = None


@frozen
class ErasureReceipt:
    """The record of an erasure: what was erased when, and whether the service was asked afterwards.

    Attributes:
        company_id: Where the subject was.
        dataset_id: Where the subject was.
        subject_id: Whose data were erased.
        keep_subject: Whether the subject's own, emptied record was to stay.
        steps: Every step in the order it was made.
        verified: Whether the service, asked again after the last step, had nothing left.
    """

    company_id: UUID
    dataset_id: UUID
    subject_id: UUID
    keep_subject: bool
    steps: tuple[ErasureStep, ...]
    verified: bool

    def to_json(self) -> str:
        """Return the receipt as JSON, for `from_json` and for filing."""

        def plain(instance: Any, attribute: Any, value: Any) -> Any:
            return value.isoformat() if isinstance(value, datetime) else value

        return json.dumps(asdict(self, value_serializer=plain), default=str, indent=2)

    @classmethod
    def from_json(cls, text: str) -> ErasureReceipt:
        """Return the receipt that `to_json` wrote.

        Raises:
            ValueError: If the text is not such a receipt.
        """
        try:
            content = json.loads(text)
            steps = tuple(
                ErasureStep(
                    name=step["name"],
                    status=step["status"],
                    at=datetime.fromisoformat(step["at"]),
                    count=step["count"],
                )
                for step in content["steps"]
            )
            return cls(
                company_id=UUID(content["company_id"]),
                dataset_id=UUID(content["dataset_id"]),
                subject_id=UUID(content["subject_id"]),
                keep_subject=content["keep_subject"],
                steps=steps,
                verified=content["verified"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is not an erasure receipt") from error

    def __str__(self) -> str:
        lines = [
            "Erasure receipt",
            f"  subject   {self.subject_id}",
            f"  dataset   {self.dataset_id}",
            f"  company   {self.company_id}",
            f"  subject's own record   {'kept, emptied' if self.keep_subject else 'erased'}",
        ]
        for step in self.steps:
            count = "" if step.count is None else f"  ({step.count})"
            at = step.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            lines.append(f"  {at}  {step.name:<13} {step.status}{count}")
        lines.append(
            "  verified: "
            + (
                "yes, the service was asked again and has nothing left"
                if self.verified
                else "no, the service was not asked again or has not confirmed it"
            )
        )
        return "\n".join(lines)
