"""One subject: erased and checked, its receipt in the journal after each step, at the end in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from haut_ext._sync.client import Haut
from haut_ext._sync.erasing import erase_subject
from haut_ext.bulk.journal import Journal
from haut_ext.bulk.running import (
    BulkReport,
    Gate,
    OneAtATime,
    Outcome,
    Progress,
    Skip,
    patient,
    run,
)
from haut_ext.errors import ConfigError, ErasureIncomplete, HautError, NotFound
from haut_ext.results import ErasureReceipt
from haut_ext.settings import parse_id


def bulk_erase(
    haut: Haut,
    subject_ids: Iterable[str | UUID],
    *,
    journal: str | os.PathLike[str],
    receipts: str | os.PathLike[str],
    in_flight: int = 8,
    per_second: float | None = None,
    patience: float = 3600.0,
    problems: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> BulkReport:
    """Erase the data of many subjects, with one receipt for each.

    Called again with the same journal, it goes on where it was, whatever ended it.

    Args:
        haut: The client, with a dataset.
        subject_ids: The subjects' UUIDs, read one by one.
        journal: The SQLite file that survives this process; made if it does not exist.
        receipts: The folder for the receipts, `<subject id>.json`; made if it does not exist.
        in_flight: Subjects at once, at the most.
        per_second: Subjects that may be started in a second.
        patience: Seconds to wait for a service that turns everything away or cannot be reached.
        problems: Where subjects with a problem are listed; `<journal>.problems.csv` unless given.
        progress: Called with the counts so far after each subject.

    Raises:
        ConfigError: If the journal cannot be used, or another process uses it.
        BulkStopped: If the token is refused, or patience has run out. Call again to go on.
    """
    gate = Gate(in_flight, per_second, patience)
    folder = Path(receipts)
    folder.mkdir(parents=True, exist_ok=True)
    with Journal(journal, "erase", haut.scope) as kept:
        work = _Erasures(patient(haut), kept, subject_ids, folder)
        return run(work, kept, gate, progress, problems, ("subject_id",))


class _Erasures:
    def __init__(
        self, haut: Haut, journal: Journal, subject_ids: Iterable[str | UUID], receipts: Path
    ) -> None:
        self._haut = haut
        self._journal = journal
        self._subject_ids = subject_ids
        self._receipts = receipts
        self._one_at_a_time = OneAtATime()

    def pending(self) -> Iterator[UUID | Skip]:
        for place, value in enumerate(self._subject_ids, 1):
            try:
                subject_id = parse_id(value, "subject_id")
            except ConfigError as error:
                # Under its place, and without the value: it may be a name.
                yield Skip(self._complain(f"row {place}", {}, "bad", error))
                continue
            known = self._journal.find(str(subject_id))
            yield Skip("skipped") if known is not None and known.done else subject_id

    def do(self, job: UUID) -> Outcome:
        with self._one_at_a_time(job):
            return self._do(job, str(job))

    def _do(self, job: UUID, key: str) -> Outcome:
        known = self._journal.find(key)
        if known is None:
            receipt = ErasureReceipt(
                company_id=self._haut.scope.company_id,
                dataset_id=self._haut.scope.dataset(),
                subject_id=job,
                keep_subject=False,
                steps=(),
                verified=False,
            )
            self._journal.begin(key, "", {}, receipt.to_json())
        elif known.done:
            return "skipped"  # it stands in the list twice
        else:
            receipt = ErasureReceipt.from_json(known.state)

        def note(receipt: ErasureReceipt) -> None:
            self._journal.note(key, receipt.to_json())

        haut = self._haut
        receipt = erase_subject(haut.subjects, haut.images, haut.batches, receipt, note)
        note(receipt)
        self._file(receipt)
        if not receipt.verified:
            return self._complain(
                key, {"subject_id": key}, "failed", "the service still has something"
            )
        self._journal.finish(key)
        return "done"

    def give_up(self, job: UUID, error: HautError) -> Outcome:
        content = {"subject_id": str(job)}
        if isinstance(error, NotFound):
            return self._complain(
                str(job), content, "bad", "there is no such subject in the dataset"
            )
        cause = error.cause if isinstance(error, ErasureIncomplete) else error
        return self._complain(str(job), content, "failed", cause)

    def _complain(
        self, key: str, content: dict[str, str], outcome: Outcome, reason: Exception | str
    ) -> Outcome:
        self._journal.complain(key, outcome, str(reason), json.dumps(content))
        return outcome

    def _file(self, receipt: ErasureReceipt) -> None:
        path = self._receipts / f"{receipt.subject_id}.json"
        unfinished = path.with_suffix(".part")
        unfinished.write_text(receipt.to_json() + "\n", encoding="utf-8")
        unfinished.replace(path)
