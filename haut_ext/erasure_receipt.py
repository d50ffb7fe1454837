"""Receipt of an erasure, with the completed steps and the result of the final verification."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from attrs import frozen

from haut_ext.types import from_json, to_json

ErasureStepName = Literal[
    "storage", "images", "batches", "metadata", "results", "subject", "verification"
]
ErasureStepStatus = Literal["done", "already gone", "failed"]


@frozen
class ErasureStep:
    """One step in the erasure of a subject's data.

    Attributes:
        name: Kind of data that the step erased. The step `results` checks that the analysis results
            of the erased images no longer exist. The step `verification` checks whether the service
            still stores data of the subject.
        status: `done`, `failed`, or `already gone` if the data had been erased before this step.
        at: Time at which the step ended.
        count: Number of erased items, if known. For the steps `results` and `verification`, the
            number of items that the service still stores.
        reason: Class of the error if a request failed, followed by the HTTP status if there was
            one.
    """

    name: ErasureStepName
    status: ErasureStepStatus
    at: datetime
    count: int | None = None
    reason: str | None = None


@frozen
class ErasureReceipt:
    """Record of an erasure, with the time of every step and the result of the verification.

    Attributes:
        company_id: Id of the company that owns the dataset.
        dataset_id: Id of the dataset that contained the subject.
        subject_id: Id of the subject whose data was erased.
        keep_subject: Whether the erasure keeps the subject record, but removes its metadata.
        steps: Steps in the order in which they were carried out.
        verified: Whether the final verification confirmed that the service stores no more data.
    """

    company_id: UUID
    dataset_id: UUID
    subject_id: UUID
    keep_subject: bool
    steps: tuple[ErasureStep, ...]
    verified: bool

    def to_json(self) -> str:
        """Return the receipt as a JSON string, for storage. `from_json` parses it."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ErasureReceipt:
        """Parse a JSON string returned by `to_json`, and return the receipt.

        Raises:
            ValueError: If the text is not the JSON of an erasure receipt.
        """
        return from_json(cls, text)

    def __str__(self) -> str:
        lines = [
            "Erasure receipt",
            f"  subject   {self.subject_id}",
            f"  dataset   {self.dataset_id}",
            f"  company   {self.company_id}",
            f"  subject record   {'kept without its data' if self.keep_subject else 'erased'}",
        ]
        for step in self.steps:
            count = "" if step.count is None else f"  ({step.count})"
            reason = "" if step.reason is None else f"  ({step.reason})"
            at = step.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            lines.append(f"  {at}  {step.name:<13} {step.status}{count}{reason}")
        verified = (
            "yes, requests after the last step found no data"
            if self.verified
            else "no, data was found after the last step, or not every check was possible"
        )
        return "\n".join([*lines, f"  verified: {verified}"])
