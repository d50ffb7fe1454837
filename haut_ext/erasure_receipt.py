"""Receipt of an erasure: the steps carried out and the outcome of the final verification."""

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
    """One step of an erasure.

    Attributes:
        name: Kind of data that the step erased. The step `results` checks that the results of the
            erased images are gone. The step `verification` checks what the service still stores.
        status: `done`, `already gone` if the data had been erased before, or `failed`.
        at: Time at which the step ended.
        count: Number of erased items, if they can be counted. For `results` and `verification`,
            the number of items that the service still stores.
        reason: Error class of a failed request, followed by the HTTP status if there was one.
    """

    name: ErasureStepName
    status: ErasureStepStatus
    at: datetime
    count: int | None = None
    reason: str | None = None


@frozen
class ErasureReceipt:
    """Record of an erasure: all steps with their times, and the outcome of the verification.

    Attributes:
        company_id: Id of the company of the dataset.
        dataset_id: Id of the dataset that contained the subject.
        subject_id: Id of the subject whose data was erased.
        keep_subject: Whether the erasure keeps the subject record and only empties it.
        steps: Steps in the order in which they were carried out.
        verified: Whether requests after the last step confirmed that no data is left.
    """

    company_id: UUID
    dataset_id: UUID
    subject_id: UUID
    keep_subject: bool
    steps: tuple[ErasureStep, ...]
    verified: bool

    def to_json(self) -> str:
        """Return the receipt as JSON, for storage and for `from_json`."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ErasureReceipt:
        """Return the receipt from JSON that `to_json` returned.

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
