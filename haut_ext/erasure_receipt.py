"""Receipt of an erasure: the steps that were carried out, and what the final checks found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from attrs import evolve, frozen

from haut_ext.argument_checks import check_text
from haut_ext.errors import ConfigError
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
    "verification",
]
ErasureStepStatus = Literal["done", "already gone", "found", "refused", "unknown"]

CHECKED_DATA: dict[ErasureStepName, str] = {
    "results check": "analysis results",
    "subject check": "the person's record",
    "metadata check": "details about the person",
    "images check": "photos",
    "batches check": "uploads",
}
"""What each check looks for, in words for readers who do not know the service."""

_MAX_REFERENCE = 200
_FORMAT = "haut-erasure-receipt/1"


@frozen
class ErasureStep:
    """One step of an erasure.

    Attributes:
        name: `observation` looks the subject up in its dataset. `storage`, `images`, `batches`,
            `metadata` and `subject` erase this kind of data. The checks ask the service which data
            it still has. `verification` is the beginning of a later verification, whose checks
            follow.
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

    @property
    def is_check(self) -> bool:
        """Whether the step asks the service which data it still has."""
        return self.name.endswith("check")

    @property
    def is_conclusive(self) -> bool:
        """Whether the step is a check that was answered."""
        return self.is_check and self.status in ("done", "found")


@frozen
class ErasedBatch:
    """Ids of a batch of the subject, and of its images. They are used to check what remains.

    Attributes:
        batch_id: Id of the batch.
        image_ids: Ids of the images in the batch.
    """

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
        return tuple(name for name in self.checks if self._last(name, "done", "found") == "found")

    @property
    def unchecked(self) -> tuple[ErasureStepName, ...]:
        """Checks that were not made, or not conclusive, after the data was erased."""
        return tuple(name for name in self.checks if name not in self._conclusive_checks)

    @property
    def verified(self) -> bool:
        """Whether the subject was observed, and every check was made afterwards and found nothing."""
        return self.observed and not self.findings and not self.unchecked

    @property
    def checks(self) -> tuple[ErasureStepName, ...]:
        """Checks that must be made to verify the erasure."""
        own_record: ErasureStepName = "metadata check" if self.keep_subject else "subject check"
        return (own_record, "images check", "batches check", "results check")

    @property
    def verifications(self) -> tuple[tuple[ErasureStep, ...], ...]:
        """The steps of each later verification, of which the first is `verification`."""
        groups: list[list[ErasureStep]] = []
        in_verification = False
        for step in self.steps:
            if step.name == "verification":
                groups.append([])
            in_verification = step.name == "verification" or (in_verification and step.is_check)
            if in_verification:
                groups[-1].append(step)
        return tuple(map(tuple, groups))

    @property
    def _unanswered(self) -> list[ErasureStepName]:
        """Checks without a conclusive result since the beginning of the last verification."""
        answered = set[ErasureStepName]()
        for step in reversed(self.steps):
            if step.name == "verification":
                return [name for name in self.checks if name not in answered]
            if step.is_conclusive:
                answered.add(step.name)
        return []

    @property
    def _conclusive_checks(self) -> set[ErasureStepName]:
        """Checks with a conclusive result since the last step that erases.

        The results are checked before the subject is deleted. Afterwards, a "not found" response
        could also mean that only the subject is gone.
        """
        conclusive = set[ErasureStepName]()
        for step in self.steps:
            if step.is_conclusive:
                conclusive.add(step.name)
            elif step.name == "subject":
                conclusive &= {"results check"}
            elif not step.is_check and step.name != "verification":
                conclusive.clear()
        return conclusive

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
        same_steps = self.steps[: len(earlier.steps)] == earlier.steps
        return same_subject and same_steps and earlier._ids <= self._ids

    @property
    def _ids(self) -> set[tuple[UUID, UUID | None]]:
        """Pairs of a batch id and an image id, or None for the batch itself."""
        ids = {(batch.batch_id, image_id) for batch in self.batches for image_id in batch.image_ids}
        return {*ids, *((batch.batch_id, None) for batch in self.batches)}

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

    def to_text(self, width: int = 80) -> str:
        """Return the receipt as a page for readers who do not know the service.

        Args:
            width: Maximum length of a line.
        """
        from haut_ext.erasure_page import page

        return page(self, width)

    def __str__(self) -> str:
        return self.to_text()

    @property
    def conclusion(self) -> str:
        """Whether the erasure was verified, and the reasons if it was not, as text."""
        if self.verified:
            yes = "yes, every check was made after the erasure, and found no data"
            cleared: list[ErasureStepName] = [it for it in self.checks if self._last(it, "found")]
            if cleared:
                yes = (
                    "yes, every check was made after the erasure, and the last result of each is that "
                    f"no data was found. Earlier, the service still had data: {list_checks(cleared)}"
                )
            unanswered = self._unanswered
            later = f", but the last verification got no answer about {list_checks(unanswered)}"
            return yes + later if unanswered else yes
        reasons = [] if self.observed else ["the service has not shown the person in this dataset"]
        remaining: list[ErasureStepName] = [it for it in self.findings if it not in self.unchecked]
        if remaining:
            reasons.append(f"the service still has data: {list_checks(remaining)}")
        earlier: list[ErasureStepName] = [it for it in self.findings if it in self.unchecked]
        if earlier:
            reasons.append(
                f"data was found before the last step that erases: {list_checks(earlier)}"
            )
        if self.unchecked:
            reasons.append(f"not checked: {list_checks(self.unchecked)}")
        return "no, " + "; ".join(reasons)


def list_checks(names: Iterable[ErasureStepName]) -> str:
    """Return what the given checks look for, as text."""
    return ", ".join(CHECKED_DATA[name] for name in names)


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


def _checksum(document: dict[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
