"""Receipt of an erasure: what was erased, and whether the service still had something afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from attrs import frozen

from haut_ext.types import to_json

ErasureStepName = Literal[
    "storage", "images", "batches", "metadata", "results", "subject", "verification"
]
ErasureStepStatus = Literal["done", "already gone", "failed"]


@frozen
class ErasureStep:
    """One step of an erasure.

    Attributes:
        name: What was erased or, last, verified.
        status: `done`, `already gone` when there was nothing left to do, or `failed`.
        at: When the step ended.
        count: How many things it erased or, for `results` and `verification`, still found, where
            they can be counted.
        reason: Why it failed: the kind of error and, if there was one, the status.
    """

    name: ErasureStepName
    status: ErasureStepStatus
    at: datetime
    count: int | None = None
    reason: str | None = None


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
        return to_json(self)

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
                    reason=step["reason"],
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
            count += "" if step.reason is None else f"  ({step.reason})"
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
