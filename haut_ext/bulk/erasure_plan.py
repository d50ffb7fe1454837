"""Looks up the subjects of a list, and plans which of them a bulk erasure erases.

A run carries out exactly the plan. Each subject is erased once, for the first row that names it. The
journal records which subjects had a name when it was first looked up: a later run uses these ids,
and erases no other subject that has the name by then.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Literal
from uuid import UUID

from attrs import field, frozen

from haut_ext import (
    ConfigError,
    ErasureReceipt,
    Haut,
    HautError,
    NotFound,
    Scope,
    private_files,
)
from haut_ext.argument_checks import comparable_name
from haut_ext.argument_types import validated
from haut_ext.bulk.journal import DAMAGED, Journal
from haut_ext.bulk.rate_limiter import RateLimiter, with_rate_limit
from haut_ext.bulk.receipt_files import path_for
from haut_ext.bulk.report import BulkProgress
from haut_ext.bulk.runner import Outcome, process_rows
from haut_ext.bulk.subject_list import ListedSubject, SubjectRow, parse_subjects
from haut_ext.erasure_receipt import check_reference
from haut_ext.regular_files import reason_of

PlanStatus = Literal[
    "to erase",
    "already erased",
    "duplicate",
    "absent",
    "ambiguous",
    "changed",
    "invalid",
    "unknown",
]

_CHANGED = (
    "the subject did not have this name when the journal recorded its subjects. To erase it, too, "
    "pass its id"
)
_RENAMED = (
    "the journal recorded the subject for this name, but the subject has another name, and its erasure "
    "was not started. To erase it, pass its id"
)
_LISTED_AGAIN = "its erasure is verified, but the service lists it again. Verify the receipt again"


@frozen
class PlannedErasure:
    """What a bulk erasure does for a row of the list, and for one of the subjects that it names.

    Attributes:
        row: Position of the row in the list, starting at 1.
        input: The id or the name as written in the list.
        subject_id: Id of the subject, if it is known.
        status: `to erase`: the run erases the subject, or continues its erasure. `already erased`:
            the journal contains a verified receipt. `duplicate`: another row names the same subject.
            The other rows are problems, and nothing is erased for them. `absent`: there is no such
            subject. `ambiguous`: several subjects have the name. `changed`: the subject does not have
            the name, did not have it when the journal recorded it, or was erased, but is listed
            again, or a later verification has found data. `invalid`: the journal's entry cannot be
            used. `unknown`: the lookup failed.
        remark: More about the status.
    """

    row: int
    input: str = field(repr=False)
    subject_id: UUID | None
    status: PlanStatus
    remark: str = ""

    @property
    def is_problem(self) -> bool:
        """Whether nothing is erased for the row, although no other row names the subject."""
        return self.status not in ("to erase", "already erased", "duplicate")


@frozen
class ErasurePlan:
    """Which subjects a bulk erasure erases, returned by `plan_erasure`.

    Attributes:
        entries: One entry for each row of the list, in its order. If a name belongs to several
            subjects, there is one for each of them.
        journal_entries: What the run records in the journal about the names of the list.
    """

    entries: tuple[PlannedErasure, ...]
    journal_entries: Mapping[str, str] = field(factory=dict[str, str], repr=False)

    @property
    def subject_ids(self) -> tuple[UUID, ...]:
        """Ids of the subjects that the run erases."""
        return tuple(
            entry.subject_id
            for entry in self.entries
            if entry.status == "to erase" and entry.subject_id is not None
        )

    @property
    def complete(self) -> bool:
        """Whether there are no problems."""
        return not any(entry.is_problem for entry in self.entries)

    def __str__(self) -> str:
        counts = Counter(entry.status for entry in self.entries)
        return ", ".join(f"{count:,} {status}" for status, count in counts.items()) or "no subjects"


@validated
def plan_erasure(
    haut: Haut,
    subjects: Iterable[SubjectRow],
    *,
    journal: str | os.PathLike[str],
    receipts: str | os.PathLike[str] | None = None,
    reference: str | None = None,
    all_with_this_name: bool = False,
    max_in_flight: int = 8,
    requests_per_second: float | None = None,
    outage_timeout: float = 3600.0,
    progress: BulkProgress | None = None,
) -> ErasurePlan:
    """Return what `bulk_erase` would do, without changing anything. Pass the plan to `bulk_erase`.

    To look up an id, an update without changes is sent, as by `erase_subject`.

    Args:
        haut: The client. Its default dataset contains the subjects.
        subjects: Ids or exact names of the subjects, as in `bulk_erase`.
        journal: Path of the journal of the run. If it exists, it is read; otherwise it is not created.
        receipts: Folder of the run for its receipts. If given, the receipts in it are read, for the
            results of later verifications. It is not created.
        reference: As in `bulk_erase`.
        all_with_this_name: As in `bulk_erase`.
        max_in_flight: Maximum number of subjects looked up concurrently.
        requests_per_second: Maximum rate of requests to the API; no limit unless given.
        outage_timeout: As in `bulk_erase`.
        progress: Called with the counts so far after each lookup.

    Raises:
        ConfigError: If a row of the list or another argument is invalid, the journal is invalid or in
            use by another process, or a file of the run could not be written.
        BulkStopped: If the service rejects the token or is unavailable for `outage_timeout`.
    """
    listed = parse_subjects(subjects)
    check_reference(reference)
    limiter = RateLimiter(max_in_flight, requests_per_second, outage_timeout)
    folder = None if receipts is None else check_receipts(receipts)
    existing = Journal(journal, "erase", haut.scope) if os.path.lexists(journal) else None
    if existing is None:
        _check_new_journal(journal)
    with existing or nullcontext():
        lookup = Lookup(
            with_rate_limit(haut, limiter),
            existing,
            listed,
            receipts=folder,
            reference=reference,
            all_with_this_name=all_with_this_name,
        )
        return lookup.plan(limiter, progress)


def check_receipts(receipts: str | os.PathLike[str]) -> Path:
    """Return the folder for the receipts, which may not exist.

    Raises:
        ConfigError: If no files can be created in it.
    """
    try:
        folder = Path(receipts)
        private_files.check_new_folder(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"receipts= is no folder that can be written: {reason_of(error)}"
        ) from None
    return folder


def _check_new_journal(journal: str | os.PathLike[str]) -> None:
    try:
        private_files.check_folder(Path(os.path.abspath(journal)).parent)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the journal cannot be created: {reason_of(error)}") from None


def recorded_receipt(journal: Journal, scope: Scope, subject_id: UUID) -> ErasureReceipt | None:
    """Return the receipt of an earlier run from the journal, or None if there is none.

    Raises:
        ConfigError: If the journal contains something else for the subject.
    """
    recorded = journal.get(str(subject_id))
    if recorded is None:
        return None
    try:
        receipt = ErasureReceipt.from_json(recorded.state)
    except ValueError as error:
        raise ConfigError(f"the journal contains no valid receipt: {error}") from None
    scope.check(receipt, "the receipt in the journal")
    if receipt.subject_id != subject_id:
        raise ConfigError("the receipt in the journal belongs to another subject")
    return receipt


@frozen
class _Name:
    """Subjects that had a name when it was looked up, and whether a run was to erase them."""

    subject_ids: tuple[UUID, ...]
    erase: bool

    def to_json(self) -> str:
        return json.dumps({"subject_ids": [*map(str, self.subject_ids)], "erase": self.erase})

    @classmethod
    def parse(cls, state: str) -> _Name:
        try:
            document = json.loads(state)
            return cls(tuple(map(UUID, document["subject_ids"])), document["erase"] is True)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            raise ConfigError(DAMAGED) from None


def record_names(plan: ErasurePlan, journal: Journal) -> None:
    """Record which subjects have the names of the list.

    Raises:
        ConfigError: If another run has recorded other subjects since the plan was made.
    """
    for key, state in plan.journal_entries.items():
        recorded = journal.get(key)
        if recorded is None or not _Name.parse(recorded.state).erase:
            journal.save(key, "", {}, state)
        elif recorded.state != state:
            raise ConfigError("the journal has changed since the plan was made. Make a new plan")


_Candidate = tuple[UUID | None, PlanStatus, str]
"""A subject that a row names, with its status and a remark."""


class Lookup:
    """Looks up the subjects of a list. Implements `runner.Processor`."""

    def __init__(
        self,
        haut: Haut,
        journal: Journal | None,
        listed: Sequence[ListedSubject],
        *,
        receipts: Path | None,
        reference: str | None,
        all_with_this_name: bool,
    ) -> None:
        self._haut = haut
        self._journal = journal
        self._listed = listed
        self._receipts = receipts
        self._reference = reference
        self._all_with_this_name = all_with_this_name
        self._candidates: dict[str, list[_Candidate]] = {}
        self._names: dict[str, str] = {}

    def plan(self, limiter: RateLimiter, progress: BulkProgress | None = None) -> ErasurePlan:
        """Look up all rows, and return the plan."""
        process_rows(self, limiter, progress)
        owners: dict[UUID | None, tuple[int, PlanStatus]] = {}
        for row in self._listed:
            for subject_id, status, _ in self._candidates[row.key]:
                if status in ("to erase", "already erased"):
                    owners.setdefault(subject_id, (row.row, status))
        entries: list[PlannedErasure] = []
        for row in self._listed:
            for subject_id, status, remark in self._candidates[row.key]:
                owner, taken = owners.get(subject_id, (row.row, status))
                is_listed_again = taken == "already erased" and status in ("ambiguous", "changed")
                if owner != row.row and not is_listed_again:
                    status, remark = "duplicate", f"row {owner} names the same subject"
                entries.append(PlannedErasure(row.row, row.text, subject_id, status, remark))
        return ErasurePlan(tuple(entries), self._names)

    def items(self) -> Iterator[ListedSubject]:
        return iter({row.key: row for row in self._listed}.values())

    def process(self, item: ListedSubject) -> Outcome:
        if item.subject_id is not None:
            self._candidates[item.key] = [(item.subject_id, *self._status(item.subject_id))]
        else:
            self._candidates[item.key] = self._find(item.key, item.name or "")
        return "done"

    def record_failure(self, item: ListedSubject, error: HautError) -> Outcome:
        status: PlanStatus = "invalid" if isinstance(error, ConfigError) else "unknown"
        self._candidates[item.key] = [(item.subject_id, status, str(error))]
        return "failed"

    def _find(self, key: str, name: str) -> list[_Candidate]:
        """Return the subjects that have the name, or had it when the journal recorded it."""
        entry = None if self._journal is None else self._journal.get(key)
        recorded = None if entry is None else _Name.parse(entry.state)
        found = {subject.id: subject for subject in self._haut.subjects.find(name)}
        known = tuple(dict.fromkeys((*(recorded.subject_ids if recorded else ()), *found)))
        is_recorded = recorded is not None and recorded.erase
        if recorded is not None and is_recorded:
            taken = recorded.subject_ids
        else:
            taken = tuple(found) if len(known) == 1 or self._all_with_this_name else ()
        candidates: list[_Candidate] = []
        for subject_id in known:
            if subject_id in taken:
                listed = subject_id in found
                status, remark = self._status(subject_id, name, is_listed=listed)
                if listed and status == "already erased":
                    status, remark = "changed", _LISTED_AGAIN
                candidates.append((subject_id, status, remark))
            elif subject_id in found and is_recorded:
                candidates.append((subject_id, "changed", _CHANGED))
            elif subject_id in found:
                remark = f"one of {len(known)} subjects that have, or had, this name; created "
                created = found[subject_id].creation_time
                candidates.append((subject_id, "ambiguous", f"{remark}{created:%Y-%m-%d %H:%M:%S}"))
            elif (erased := self._recorded_status(subject_id)) and erased[0] == "already erased":
                candidates.append((subject_id, *erased))
        if known:
            self._names[key] = _Name(taken or known, bool(taken)).to_json()
        return candidates or [(None, "absent", "the dataset has no subject with this name")]

    def _status(
        self, subject_id: UUID, name: str | None = None, *, is_listed: bool = False
    ) -> tuple[PlanStatus, str]:
        """Return the status of a subject. If the row contains a name, the subject must have it."""
        if (recorded := self._recorded_status(subject_id)) is not None:
            return recorded
        if is_listed:
            return "to erase", ""
        try:
            subject = self._haut.subjects.observe(subject_id)
        except NotFound as error:
            if not error.confirmed:
                raise
            return "absent", "the dataset has no such subject"
        if name is not None and comparable_name(str(subject.name)) != comparable_name(name):
            return "changed", _RENAMED
        return "to erase", ""

    def _recorded_status(self, subject_id: UUID) -> tuple[PlanStatus, str] | None:
        """Return the status of a subject that a run has erased or observed, or None."""
        if self._journal is None:
            return None
        receipt = recorded_receipt(self._journal, self._haut.scope, subject_id)
        if receipt is None:
            return None
        if receipt.verified:
            return self._verified_status(receipt)
        if self._reference not in (None, receipt.reference):
            return "invalid", "the receipt in the journal has another reference"
        return ("to erase", "continues an erasure that stopped") if receipt.observed else None

    def _verified_status(self, receipt: ErasureReceipt) -> tuple[PlanStatus, str]:
        """Return the status of an erased subject. The file of its receipt may say more."""
        if self._receipts is not None:
            path, stored = path_for(self._receipts, receipt)
            if stored is not None and not stored.verified:
                return "changed", f"the receipt {path.name} is not verified: {stored.conclusion}"
        return "already erased", ""
