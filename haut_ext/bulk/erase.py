"""Erases many subjects, records every step in a journal, and writes a receipt for each subject."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from attrs import evolve, frozen

from haut_ext import (
    ConfigError,
    ErasureIncomplete,
    ErasureReceipt,
    Haut,
    HautError,
    NotFound,
)
from haut_ext.argument_types import validated
from haut_ext.bulk.erasure_plan import (
    ErasurePlan,
    Lookup,
    PlannedErasure,
    check_receipts,
    record_names,
    recorded_receipt,
)
from haut_ext.bulk.journal import Journal
from haut_ext.bulk.manifest import write_private_csv
from haut_ext.bulk.rate_limiter import RateLimiter, with_rate_limit
from haut_ext.bulk.receipt_files import (
    SUMMARY_COLUMNS,
    path_for,
    path_for_summary,
    save_receipt,
)
from haut_ext.bulk.report import BulkProgress, BulkReport, BulkStopped, file_errors
from haut_ext.bulk.runner import Outcome, process_rows
from haut_ext.bulk.subject_list import SubjectRow, parse_subjects
from haut_ext.erasure_receipt import check_reference

_DELETED = "another program has deleted the subject since it was looked up; nothing was erased"


@validated
def bulk_erase(
    haut: Haut,
    subjects: Iterable[SubjectRow] | ErasurePlan,
    *,
    journal: str | os.PathLike[str],
    receipts: str | os.PathLike[str],
    reference: str | None = None,
    all_with_this_name: bool = False,
    max_in_flight: int = 8,
    requests_per_second: float | None = None,
    outage_timeout: float = 3600.0,
    progress: BulkProgress | None = None,
) -> BulkReport:
    """Erase all data of many subjects, and write a receipt for each and a summary.

    All subjects are looked up before the first of them is erased. If the run is interrupted, the same
    call with the same journal continues it.

    Args:
        haut: The client. Its default dataset contains the subjects.
        subjects: Ids or exact names of the subjects, or a plan of `plan_erasure`, which is carried out
            as it is. A string that is a UUID is an id. A mapping has one of the keys `subject_id`,
            `id` and `name`; there, a name can be a UUID.
        journal: Path of the SQLite file that records the progress; created if it does not exist.
        receipts: Folder for the receipts, `<subject id>.json`, and for `summary.csv`, with a line for
            each row; created if it does not exist. If another receipt or summary has this name, a
            number is added.
        reference: Reference of the case for the receipts, such as a file number.
        all_with_this_name: Whether to erase all subjects of a name that several of them have. If
            False, such a row is a problem, and none of them is erased. Has no effect on a plan.
        max_in_flight: Maximum number of subjects processed concurrently.
        requests_per_second: Maximum rate of requests to the API; no limit unless given.
        outage_timeout: Maximum time, in seconds, to keep trying while the service is unreachable or
            rejects all requests.
        progress: Called with the counts so far after each subject.

    Raises:
        ConfigError: If a row of the list is invalid, the journal is invalid or in use by another
            process, the reference is invalid, or the folder cannot be written to.
        BulkStopped: If the service rejects the token or is unavailable for `outage_timeout`, or a file
            of the run cannot be written.
    """
    limiter = RateLimiter(max_in_flight, requests_per_second, outage_timeout)
    check_reference(reference)
    listed = [] if isinstance(subjects, ErasurePlan) else parse_subjects(subjects)
    folder = check_receipts(receipts)
    with file_errors():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Journal(journal, "erase", haut.scope) as opened:
        limited = with_rate_limit(haut, limiter)
        if isinstance(subjects, ErasurePlan):
            plan = subjects
        else:
            lookup = Lookup(
                limited,
                opened,
                listed,
                receipts=folder,
                reference=reference,
                all_with_this_name=all_with_this_name,
            )
            plan = lookup.plan(limiter)
        record_names(plan, opened)
        erasures = _Erasures(limited, opened, plan, folder, reference)
        try:
            report = process_rows(erasures, limiter, progress)
        except BaseException:
            with suppress(BulkStopped):
                erasures.write_summary(journal)
            raise
        return evolve(report, summary=erasures.write_summary(journal))


@frozen
class _Result:
    """What the summary says about a subject."""

    receipt_file: str = ""
    verified: bool = False
    remark: str = ""


class _Erasures:
    """Carries out a plan. Implements `runner.Processor`."""

    def __init__(
        self,
        haut: Haut,
        journal: Journal,
        plan: ErasurePlan,
        receipts: Path,
        reference: str | None,
    ) -> None:
        self._haut = haut
        self._journal = journal
        self._plan = plan
        self._receipts = receipts
        self._reference = reference
        self._results: dict[UUID, _Result] = {}

    def items(self) -> Iterator[PlannedErasure]:
        return iter(self._plan.entries)

    def process(self, item: PlannedErasure) -> Outcome:
        match item.status:
            case "to erase" | "already erased":
                assert item.subject_id is not None
                return self._erase(item.subject_id)
            case "duplicate":
                return "skipped"
            case "changed":
                return "changed"
            case "unknown":
                return "failed"
            case _:
                return "bad"

    def _erase(self, subject_id: UUID) -> Outcome:
        receipt = recorded_receipt(self._journal, self._haut.scope, subject_id)
        if receipt is not None and receipt.verified:
            # The process may have ended before the file was written, or a verification has found data.
            return "skipped" if self._finish(receipt) else "failed"

        def save(receipt: ErasureReceipt) -> None:
            self._journal.save(str(subject_id), "", {}, receipt.to_json(), done=receipt.verified)

        receipt = self._haut.erase_subject(
            subject_id, reference=self._reference, receipt=receipt, on_step=save
        )
        return "done" if self._finish(receipt) else "failed"

    def _finish(self, receipt: ErasureReceipt) -> bool:
        """Write the receipt, and return whether the erasure is verified."""
        with file_errors():
            path, stored = path_for(self._receipts, receipt)
            if stored is None:
                save_receipt(path, receipt)
        receipt = stored or receipt
        self._results[receipt.subject_id] = _result(path.name, receipt)
        return receipt.verified

    def record_failure(self, item: PlannedErasure, error: HautError) -> Outcome:
        cause = error.cause if isinstance(error, ErasureIncomplete) else error
        deleted = isinstance(error, NotFound) and error.confirmed
        remark = _DELETED if deleted else f"not erased completely: {cause}"
        if item.subject_id is not None:
            self._results[item.subject_id] = _Result(remark=remark)
        return "bad" if deleted or isinstance(error, ConfigError) else "failed"

    def write_summary(self, journal: str | os.PathLike[str]) -> Path:
        """Write a line for each entry of the plan, or replace the summary of an earlier run.

        The path is chosen now, because another run may have written its summary to the folder.
        """
        with file_errors():
            inputs = [entry.input for entry in self._plan.entries]
            path = path_for_summary(self._receipts, inputs, journal)
            write_private_csv(path, SUMMARY_COLUMNS, map(self._line, self._plan.entries))
        return path

    def _line(self, entry: PlannedErasure) -> dict[str, str]:
        result = _Result()
        if entry.subject_id is not None and not entry.is_problem:
            result = self._results.get(entry.subject_id) or self._unprocessed(entry.subject_id)
        elif entry.subject_id is not None and entry.status == "changed":
            result = _Result(self._unprocessed(entry.subject_id).receipt_file)
        return {
            "input": entry.input,
            "subject_id": str(entry.subject_id or ""),
            "receipt_file": result.receipt_file,
            "verified": "yes" if result.verified else "no",
            "remark": "; ".join(filter(None, (entry.remark, result.remark))),
        }

    def _unprocessed(self, subject_id: UUID) -> _Result:
        """Return what the journal says about a subject that the run has not processed."""
        with suppress(ConfigError):
            receipt = recorded_receipt(self._journal, self._haut.scope, subject_id)
            if receipt is not None and receipt.verified:
                path, stored = path_for(self._receipts, receipt)
                return _result(path.name if path.exists() else "", stored or receipt)
        return _Result(remark="the run stopped before this subject was erased completely")


def _result(receipt_file: str, receipt: ErasureReceipt) -> _Result:
    return _Result(receipt_file, receipt.verified, "" if receipt.verified else receipt.conclusion)
