"""One subject: erased and checked, its receipt in the journal after each step, at the end in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from attrs import field, frozen

from haut_ext._sync.client import Haut
from haut_ext._sync.workflows.erase import erase_subject
from haut_ext.argument_checks import parse_id
from haut_ext.bulk.journal import Journal
from haut_ext.bulk.runner import (
    BulkReport,
    Gate,
    OneAtATime,
    Outcome,
    Progress,
    limited,
    list_of_problems,
    run,
)
from haut_ext.erasure_receipt import ErasureReceipt
from haut_ext.errors import (
    ConfigError,
    HautError,
    NotFound,
)
from haut_ext.workflow_errors import ErasureIncomplete


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
        per_second: Requests to the API in a second, at the most.
        patience: Seconds to wait for a service that turns everything away or cannot be reached.
        problems: Where subjects with a problem are listed; `<journal>.problems.csv` unless given.
        progress: Called with the counts so far after each subject.

    Raises:
        ConfigError: If the journal cannot be used, or another process uses it.
        BulkStopped: If the token is refused, patience has run out, or a file of the run cannot be
            written. Call again to go on.
    """
    listed = list_of_problems(journal, problems)
    gate = Gate(in_flight, per_second, patience)
    folder = Path(receipts)
    folder.mkdir(parents=True, exist_ok=True)
    with Journal(journal, "erase", haut.scope) as kept:
        work = _Erasures(limited(haut, gate), kept, subject_ids, folder)
        return run(work, kept, gate, progress, listed, ("subject_id",))


@frozen
class _Line:
    """What stands in the list, and its place there, from 1."""

    place: int
    value: str | UUID = field(repr=False)


class _Erasures:
    def __init__(
        self, haut: Haut, journal: Journal, subject_ids: Iterable[str | UUID], receipts: Path
    ) -> None:
        self._haut = haut
        self._journal = journal
        self._subject_ids = subject_ids
        self._receipts = receipts
        self._one_at_a_time = OneAtATime()

    def items(self) -> Iterator[_Line]:
        return (_Line(place, value) for place, value in enumerate(self._subject_ids, 1))

    def do(self, item: _Line) -> Outcome:
        subject_id = parse_id(item.value, "subject_id")
        with self._one_at_a_time(subject_id):
            return self._do(subject_id, str(subject_id))

    def _do(self, subject_id: UUID, key: str) -> Outcome:
        known = self._journal.find(key)
        if known is not None and known.done:
            if not self._path(key).exists():
                self._file(ErasureReceipt.from_json(known.state))
            return "skipped"

        def note(receipt: ErasureReceipt, *, done: bool = False) -> None:
            self._journal.note(key, "", {}, receipt.to_json(), done=done)

        def note_step(receipt: ErasureReceipt) -> None:
            if receipt.steps[-1].name != "verification":  # which the end of it is noted with
                note(receipt)

        if known is not None:
            receipt = ErasureReceipt.from_json(known.state)
        else:
            receipt = ErasureReceipt(
                company_id=self._haut.scope.company_id,
                dataset_id=self._haut.scope.dataset(),
                subject_id=subject_id,
                keep_subject=False,
                steps=(),
                verified=False,
            )
            note(receipt)
        haut = self._haut
        receipt = erase_subject(haut.subjects, haut.images, haut.batches, receipt, note_step)
        self._file(receipt)
        note(receipt, done=receipt.verified)
        if receipt.verified:
            return "done"
        return self._complain(key, {"subject_id": key}, "failed", "the service still has something")

    def give_up(self, item: _Line, error: HautError) -> Outcome:
        if isinstance(error, ConfigError):
            # Under its place, and without the value: it may be a name.
            return self._complain(f"row {item.place}", {}, "bad", error)
        key = str(parse_id(item.value, "subject_id"))
        content = {"subject_id": key}
        if isinstance(error, NotFound):
            return self._complain(key, content, "bad", "there is no such subject in the dataset")
        cause = error.cause if isinstance(error, ErasureIncomplete) else error
        return self._complain(key, content, "failed", cause)

    def _complain(
        self, key: str, content: dict[str, str], outcome: Outcome, reason: Exception | str
    ) -> Outcome:
        self._journal.complain(key, outcome, str(reason), json.dumps(content))
        return outcome

    def _path(self, key: str) -> Path:
        return self._receipts / f"{key}.json"

    def _file(self, receipt: ErasureReceipt) -> None:
        path = self._path(str(receipt.subject_id))
        unfinished = path.with_suffix(".part")
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(receipt.to_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
