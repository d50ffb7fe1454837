"""Receipt of an erasure: the steps that were carried out, and what the final checks found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from attrs import evolve, frozen

from haut_ext.argument_checks import check_text
from haut_ext.errors import ConfigError
from haut_ext.text import escape
from haut_ext.types import from_json, to_json

ErasureStepName = Literal[
    "observation",
    "storage",
    "images",
    "batches",
    "metadata",
    "results check",
    "subject",
    "subject check",
    "metadata check",
    "images check",
    "batches check",
]
ErasureStepStatus = Literal["done", "already gone", "found", "refused", "unknown"]

_MAX_REFERENCE = 200
_FORMAT = "haut-erasure-receipt/1"


@frozen
class ErasureStep:
    """One step of an erasure.

    Attributes:
        name: `observation` looks the subject up in its dataset. `storage`, `images`, `batches`,
            `metadata` and `subject` erase this kind of data. The checks ask the service which data
            it still has.
        status: `done`: the service confirmed the step; a check found nothing. `already gone`: the
            service itself responded that there is nothing to erase. `found`: a check found data.
            `refused`: the service rejected the request, and did not carry it out. `unknown`: the
            state cannot be determined, for example because no response arrived.
        at: Time at which the step ended.
        count: Number of erased items, or of items that a check found, if they can be counted.
        reason: Class of the error if a request failed, with the HTTP status and the error codes of
            the service if there are any.
    """

    name: ErasureStepName
    status: ErasureStepStatus
    at: datetime
    count: int | None = None
    reason: str | None = None

    def __str__(self) -> str:
        count = "" if self.count is None else f" ({self.count})"
        reason = "" if self.reason is None else f" ({escape(self.reason)})"
        return f"{self.name:<14}  {self.status}{count}{reason}"


@frozen
class ErasedBatch:
    """Ids of a batch of the subject, and of its images. They are used to check what remains."""

    batch_id: UUID
    image_ids: tuple[UUID, ...] = ()


@frozen
class ErasureReceipt:
    """Record of an erasure. It contains no personal data, unless `reference` does.

    `to_json` adds a checksum, which detects accidental changes of a stored receipt. It does not
    protect against forgery: anyone who changes a receipt can compute it again.

    Attributes:
        service: Origin of the service, such as `https://saas.haut.ai`.
        sandbox: Whether the service identified itself as a sandbox of this package.
        client: Name and version of the program that wrote the receipt.
        reference: The caller's reference of the case, such as a file number.
        company_id: Id of the company that owns the dataset.
        dataset_id: Id of the dataset that contained the subject.
        subject_id: Id of the subject whose data was erased.
        keep_subject: Whether the erasure keeps the subject record and its name, and clears the rest.
        batches: Ids of all batches and images that the erasure found.
        steps: Steps of all calls, in the order in which they were carried out.
    """

    service: str
    sandbox: bool
    client: str
    reference: str | None
    company_id: UUID
    dataset_id: UUID
    subject_id: UUID
    keep_subject: bool
    batches: tuple[ErasedBatch, ...] = ()
    steps: tuple[ErasureStep, ...] = ()

    @property
    def observed(self) -> bool:
        """Whether the service showed the subject in the dataset, in this or an earlier call."""
        return any((step.name, step.status) == ("observation", "done") for step in self.steps)

    @property
    def findings(self) -> tuple[ErasureStepName, ...]:
        """Checks whose latest conclusive result is that the service still has data."""
        return tuple(name for name in self._checks if self._last(name, "done", "found") == "found")

    @property
    def unchecked(self) -> tuple[ErasureStepName, ...]:
        """Checks that were not made, or not conclusive, after the data was erased."""
        conclusive = {step.name for step in self._final_checks if step.status in ("done", "found")}
        return tuple(name for name in self._checks if name not in conclusive)

    @property
    def verified(self) -> bool:
        """Whether the subject was observed, and every check was made afterwards and found nothing."""
        return self.observed and not self.findings and not self.unchecked

    @property
    def _checks(self) -> tuple[ErasureStepName, ...]:
        own_record: ErasureStepName = "metadata check" if self.keep_subject else "subject check"
        return ("results check", own_record, "images check", "batches check")

    @property
    def _final_checks(self) -> list[ErasureStep]:
        """The latest result of each check since the last other step of the erasure.

        The results are checked before the subject is deleted. Afterwards, a "not found" response
        could also mean that only the subject is gone.
        """
        latest: dict[ErasureStepName, ErasureStep] = {}
        for step in self.steps:
            if step.name.endswith("check"):
                latest[step.name] = step
            else:
                kept = latest.pop("results check", None) if step.name == "subject" else None
                latest = {} if kept is None else {kept.name: kept}
        return list(latest.values())

    def _last(self, name: str, *statuses: ErasureStepStatus) -> ErasureStepStatus | None:
        """Return the status of the last step with this name that has one of the statuses."""
        for step in reversed(self.steps):
            if step.name == name and step.status in statuses:
                return step.status
        return None

    def continues(self, earlier: ErasureReceipt) -> bool:
        """Return whether this receipt records the same erasure as an earlier one, or more of it."""
        names = ("service", "company_id", "dataset_id", "subject_id")
        same_subject = all(getattr(self, name) == getattr(earlier, name) for name in names)
        return same_subject and self.steps[: len(earlier.steps)] == earlier.steps

    def resume(self, earlier: ErasureReceipt) -> ErasureReceipt:
        """Return this receipt, which has no steps, with the steps and ids of an earlier one.

        Raises:
            ConfigError: If the earlier receipt belongs to another subject or has another reference.
        """
        if self.subject_id != earlier.subject_id:
            raise ConfigError(f"the receipt belongs to another subject, {earlier.subject_id}")
        if self.reference not in (None, earlier.reference):
            raise ConfigError("the receipt has another reference")
        return evolve(
            self,
            reference=earlier.reference,
            sandbox=earlier.sandbox,
            batches=earlier.batches,
            steps=earlier.steps,
        )

    def to_json(self) -> str:
        """Return the receipt as a JSON string, for storage. `from_json` parses it."""
        document = {
            "format": _FORMAT,
            **json.loads(to_json(self)),
            "observed": self.observed,
            "findings": self.findings,
            "unchecked": self.unchecked,
            "verified": self.verified,
        }
        return json.dumps({**document, "checksum": _checksum(document)}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> ErasureReceipt:
        """Parse a JSON string returned by `to_json`, and return the receipt.

        Raises:
            ValueError: If the text is not the JSON of an erasure receipt, or was changed.
        """
        receipt = from_json(cls, text)
        document: dict[str, Any] = json.loads(text)
        if document.get("format") != _FORMAT:
            raise ValueError("invalid ErasureReceipt: its format is of another version of haut-ext")
        if document.pop("checksum", None) != _checksum(document):
            raise ValueError("invalid ErasureReceipt: it was changed or damaged (wrong checksum)")
        return receipt

    def __str__(self) -> str:
        sandbox = "  (a sandbox: no real data was erased)" if self.sandbox else ""
        lines = [
            "Erasure receipt",
            f"  reference  {escape(self.reference or '-')}",
            f"  service    {escape(self.service)}{sandbox}",
            f"  company    {self.company_id}",
            f"  dataset    {self.dataset_id}",
            f"  subject    {self.subject_id}",
            f"  record     {self._state_of_record()}",
            f"  data       {_count(self.batches)}",
            f"  client     {escape(self.client)}",
            "",
        ]
        for step in self.steps:
            lines.append(f"  {step.at.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}  {step}")
        return "\n".join([*lines, f"  verified: {self.conclusion}"])

    def _state_of_record(self) -> str:
        if self.keep_subject:
            return "kept with its name; the other attributes are cleared if the steps say so"
        if checked := self._last("subject check", "done", "found"):
            return "erased" if checked == "done" else "not erased: the service still has it"
        deleted = self._last("subject", "done", "already gone")
        return "deleted, but this was not checked" if deleted else "not erased"

    @property
    def conclusion(self) -> str:
        """Whether the erasure was verified, and the reasons if it was not, as text."""
        if self.verified:
            return "yes, every check was made after the erasure, and found no data"
        reasons = [] if self.observed else ["the service has not shown the subject in this dataset"]
        reasons += [f"data was found by the {name}" for name in self.findings]
        reasons += [f"no result of the {name}" for name in self.unchecked]
        return "no, " + "; ".join(reasons)


def check_reference(reference: str | None) -> str | None:
    """Return the reference of a case if it is valid.

    Raises:
        ConfigError: If it is empty, too long, or contains line breaks or other control characters.
    """
    if reference is not None:
        check_text(reference=reference)
        if not 1 <= len(reference) <= _MAX_REFERENCE or not reference.isprintable():
            raise ConfigError(
                f"reference must have 1 to {_MAX_REFERENCE} characters, without line breaks"
            )
    return reference


def _count(batches: Sequence[ErasedBatch]) -> str:
    images = sum(len(batch.image_ids) for batch in batches)
    return f"{len(batches)} batches and {images} images were found; the JSON contains their ids"


def _checksum(document: dict[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
