"""Erases many subjects, records every step in a journal, and writes a receipt for each subject."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from attrs import field, frozen

from haut_ext import ConfigError, ErasureIncomplete, ErasureReceipt, Haut, HautError, NotFound
from haut_ext.argument_checks import parse_id
from haut_ext.argument_types import validated
from haut_ext.bulk.journal import Journal
from haut_ext.bulk.rate_limiter import RateLimiter, with_rate_limit
from haut_ext.bulk.report import BulkProgress, BulkReport, file_errors
from haut_ext.bulk.runner import KeyedLocks, Outcome, path_of_problems, run


@validated
def bulk_erase(
    haut: Haut,
    subject_ids: Iterable[str | UUID],
    *,
    journal: str | os.PathLike[str],
    receipts: str | os.PathLike[str],
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
        receipts: Folder for the receipts, `<subject id>.json`; created if it does not exist.
        max_in_flight: Maximum number of subjects processed concurrently.
        requests_per_second: Maximum rate of requests to the API; no limit unless given.
        outage_timeout: Maximum time, in seconds, to keep trying while the service is unreachable or
            rejects all requests.
        problems: Path of the file that lists subjects with a problem; `<journal>.problems.csv`
            unless given.
        progress: Called with the counts so far after each subject.

    Raises:
        ConfigError: If the journal is invalid or in use by another process.
        BulkStopped: If the service rejects the token or is unavailable for `outage_timeout`, or a file
            of the run cannot be written.
    """
    problems = path_of_problems(journal, problems)
    limiter = RateLimiter(max_in_flight, requests_per_second, outage_timeout)
    folder = Path(receipts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"receipts= is no folder that can be written: {reason}") from None
    with Journal(journal, "erase", haut.scope) as opened:
        erasures = _Erasures(with_rate_limit(haut, limiter), opened, subject_ids, folder)
        return run(erasures, opened, limiter, progress, problems, ("subject_id",))


@frozen
class _Item:
    """A subject id as given by the caller, and its position in the input, starting at 1."""

    number: int
    value: str | UUID = field(repr=False)


class _Erasures:
    """Erases each subject of a bulk run. Implements `runner.Processor`."""

    def __init__(
        self, haut: Haut, journal: Journal, subject_ids: Iterable[str | UUID], receipts: Path
    ) -> None:
        self._haut = haut
        self._journal = journal
        self._subject_ids = subject_ids
        self._receipts = receipts
        self._subject_locks = KeyedLocks()

    def items(self) -> Iterator[_Item]:
        return (_Item(number, value) for number, value in enumerate(self._subject_ids, 1))

    def process(self, item: _Item) -> Outcome:
        subject_id = parse_id(item.value, "subject_id")
        with self._subject_locks(subject_id):
            return self._erase(subject_id)

    def _erase(self, subject_id: UUID) -> Outcome:
        key = str(subject_id)
        recorded = self._journal.get(key)
        receipt = None if recorded is None else ErasureReceipt.from_json(recorded.state)
        if recorded is not None and receipt is not None and recorded.done:
            if not self._receipt_path(key).exists():
                self._write_receipt(receipt)
            return "skipped"

        def save(receipt: ErasureReceipt, *, done: bool = False) -> None:
            self._journal.save(key, "", {}, receipt.to_json(), done=done)

        receipt = self._haut.erase_subject(subject_id, receipt=receipt, on_step=save)
        self._write_receipt(receipt)
        save(receipt, done=receipt.verified)
        if receipt.verified:
            return "done"
        reason = "the service still has data of the subject, or not every check was possible"
        return self._save_problem(key, {"subject_id": key}, "failed", reason)

    def record_failure(self, item: _Item, error: HautError) -> Outcome:
        if isinstance(error, ConfigError):
            # The invalid id is not recorded, because it may be a person's name.
            return self._save_problem(f"row {item.number}", {}, "bad", error)
        key = str(parse_id(item.value, "subject_id"))
        content = {"subject_id": key}
        if isinstance(error, NotFound) and error.confirmed:
            return self._save_problem(key, content, "bad", "the dataset has no such subject")
        cause = error.cause if isinstance(error, ErasureIncomplete) else error
        return self._save_problem(key, content, "failed", cause)

    def _save_problem(
        self, key: str, content: dict[str, str], outcome: Outcome, reason: Exception | str
    ) -> Outcome:
        self._journal.save_problem(key, outcome, str(reason), json.dumps(content))
        return outcome

    def _receipt_path(self, key: str) -> Path:
        return self._receipts / f"{key}.json"

    def _write_receipt(self, receipt: ErasureReceipt) -> None:
        path = self._receipt_path(str(receipt.subject_id))
        temporary = path.with_suffix(".part")
        with file_errors(), temporary.open("w", encoding="utf-8") as file:
            file.write(receipt.to_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
