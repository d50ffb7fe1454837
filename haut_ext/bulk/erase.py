"""Erases many subjects, records every step in a journal, and writes a receipt for each subject."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from attrs import field, frozen

from haut_ext import (
    ConfigError,
    ErasureIncomplete,
    ErasureReceipt,
    Haut,
    HautError,
    NotFound,
    private_files,
)
from haut_ext.argument_checks import parse_id
from haut_ext.argument_types import validated
from haut_ext.bulk.journal import Journal
from haut_ext.bulk.rate_limiter import RateLimiter, with_rate_limit
from haut_ext.bulk.receipt_files import path_for, save_receipt
from haut_ext.bulk.report import BulkProgress, BulkReport, file_errors
from haut_ext.bulk.runner import KeyedLocks, Outcome, path_of_problems, run
from haut_ext.erasure_receipt import check_reference
from haut_ext.regular_files import reason_of


@validated
def bulk_erase(
    haut: Haut,
    subject_ids: Iterable[str | UUID],
    *,
    journal: str | os.PathLike[str],
    receipts: str | os.PathLike[str],
    reference: str | None = None,
    max_in_flight: int = 8,
    requests_per_second: float | None = None,
    outage_timeout: float = 3600.0,
    problems: str | os.PathLike[str] | None = None,
    progress: BulkProgress | None = None,
) -> BulkReport:
    """Erase all data of many subjects, and write a receipt for each.

    If the run is interrupted, the same call with the same journal continues it.

    Args:
        haut: The client. Its default dataset contains the subjects.
        subject_ids: Ids of the subjects. The iterable is read lazily.
        journal: Path of the SQLite file that records the progress; created if it does not exist.
        receipts: Folder for the receipts, `<subject id>.json`; created if it does not exist. If
            another receipt has this name, a number is added.
        reference: Reference of the case for the receipts, such as a file number.
        max_in_flight: Maximum number of subjects processed concurrently.
        requests_per_second: Maximum rate of requests to the API; no limit unless given.
        outage_timeout: Maximum time, in seconds, to keep trying while the service is unreachable or
            rejects all requests.
        problems: Path of the file that lists subjects with a problem; `<journal>.problems.csv`
            unless given.
        progress: Called with the counts so far after each subject.

    Raises:
        ConfigError: If the journal is invalid or in use by another process, the reference is
            invalid, or the folder cannot be written to.
        BulkStopped: If the service rejects the token or is unavailable for `outage_timeout`, or a file
            of the run cannot be written.
    """
    problems = path_of_problems(journal, problems)
    limiter = RateLimiter(max_in_flight, requests_per_second, outage_timeout)
    check_reference(reference)
    folder = _create_folder(receipts)
    with Journal(journal, "erase", haut.scope) as opened:
        limited = with_rate_limit(haut, limiter)
        erasures = _Erasures(limited, opened, subject_ids, folder, reference)
        return run(erasures, opened.problems, limiter, progress, problems, ("subject_id",))


def _create_folder(receipts: str | os.PathLike[str]) -> Path:
    try:
        folder = Path(receipts)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_files.check_folder(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"receipts= is no folder that can be written: {reason_of(error)}"
        ) from None
    return folder


@frozen
class _Item:
    """A subject id as given by the caller, and its position in the input, starting at 1."""

    number: int
    value: str | UUID = field(repr=False)


class _Erasures:
    """Erases each subject of a bulk run. Implements `runner.Processor`."""

    def __init__(
        self,
        haut: Haut,
        journal: Journal,
        subject_ids: Iterable[str | UUID],
        receipts: Path,
        reference: str | None,
    ) -> None:
        self._haut = haut
        self._journal = journal
        self._subject_ids = subject_ids
        self._receipts = receipts
        self._reference = reference
        self._subject_locks = KeyedLocks()

    def items(self) -> Iterator[_Item]:
        return (_Item(number, value) for number, value in enumerate(self._subject_ids, 1))

    def process(self, item: _Item) -> Outcome:
        subject_id = parse_id(item.value, "subject_id")
        with self._subject_locks(subject_id):
            return self._erase(subject_id)

    def _erase(self, subject_id: UUID) -> Outcome:
        key = str(subject_id)
        receipt = self._recorded(subject_id)
        if receipt is not None and receipt.verified:
            self._write_receipt(receipt)  # the process may have ended before it was written
            return "skipped"

        def save(receipt: ErasureReceipt) -> None:
            self._journal.save(key, "", {}, receipt.to_json(), done=receipt.verified)

        receipt = self._haut.erase_subject(
            subject_id, reference=self._reference, receipt=receipt, on_step=save
        )
        self._write_receipt(receipt)
        if receipt.verified:
            return "done"
        return self._save_problem(key, {"subject_id": key}, "failed", receipt.conclusion)

    def _write_receipt(self, receipt: ErasureReceipt) -> None:
        with file_errors():
            save_receipt(path_for(self._receipts, receipt), receipt)

    def _recorded(self, subject_id: UUID) -> ErasureReceipt | None:
        """Return the receipt of an earlier run from the journal, or None if there is none.

        Raises:
            ConfigError: If the journal contains something else for the subject.
        """
        recorded = self._journal.get(str(subject_id))
        if recorded is None:
            return None
        try:
            receipt = ErasureReceipt.from_json(recorded.state)
        except ValueError as error:
            raise ConfigError(f"the journal contains no valid receipt: {error}") from None
        self._haut.scope.check(receipt, "the receipt in the journal")
        if receipt.subject_id != subject_id:
            raise ConfigError("the receipt in the journal belongs to another subject")
        return receipt

    def record_failure(self, item: _Item, error: HautError) -> Outcome:
        try:
            key = str(parse_id(item.value, "subject_id"))
        except ConfigError:
            # The invalid id is not recorded, because it may be a person's name.
            return self._save_problem(f"row {item.number}", {}, "bad", error)
        content = {"subject_id": key}
        if isinstance(error, ConfigError):
            return self._save_problem(key, content, "bad", error)
        if isinstance(error, NotFound) and error.confirmed:
            return self._save_problem(key, content, "bad", "the dataset has no such subject")
        cause = error.cause if isinstance(error, ErasureIncomplete) else error
        return self._save_problem(key, content, "failed", cause)

    def _save_problem(
        self, key: str, content: dict[str, str], outcome: Outcome, reason: Exception | str
    ) -> Outcome:
        self._journal.save_problem(key, outcome, str(reason), json.dumps(content))
        return outcome
