"""Reads the analysis results of many subjects, and writes them to one table.

Each subject is one row of the run; with the journal of a bulk upload, each row of the upload. The
results of a row are recorded in the journal of the run as compressed JSON. At the end, the table is
written from the journal in one pass. A killed process therefore leaves no incomplete table, and the
next run requests only what the journal lacks.
"""

from __future__ import annotations

import base64
import json
import os
import time
import zlib
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any
from uuid import UUID

from attrs import evolve, field, frozen

from haut_ext import (
    BatchResults,
    ConfigError,
    Haut,
    HautError,
    Image,
    NotFound,
    ResultsTimeout,
    Scope,
    UploadedBatch,
    UploadedImage,
    UploadState,
)
from haut_ext.algorithm_families import parse_families
from haut_ext.analysis_results import Api
from haut_ext.analysis_results.json_values import as_text
from haut_ext.analysis_results.rows import COLUMNS, Row
from haut_ext.argument_checks import check_seconds, check_wait, parse_id
from haut_ext.argument_types import validated
from haut_ext.bulk.journal import DAMAGED, Entry, Journal
from haut_ext.bulk.rate_limiter import RateLimiter, with_rate_limit
from haut_ext.bulk.report import BulkProgress, BulkReport, BulkStopped, file_errors
from haut_ext.bulk.result_tables import check_target, write_table
from haut_ext.bulk.runner import KeyedLocks, Outcome, path_of_problems, run, same_path

PROBLEM_COLUMNS = ("subject_id", "batch_id", "image_id", "side", "family")

_MAX_SIZE = 64 * 2**20
"""Maximum size of the results of a row in the journal, decompressed."""

Problem = dict[str, str]
"""Cells of a line in the list of problems."""


@validated
def bulk_results(
    haut: Haut,
    *,
    to: str | os.PathLike[str],
    journal: str | os.PathLike[str] | None = None,
    subjects: Iterable[str | UUID] | None = None,
    dataset_id: str | UUID | None = None,
    api: Api = "v1",
    wait_for: Collection[str] = (),
    settled_after: float = 10.0,
    poll_interval: float = 5.0,
    wait_timeout: float = 120.0,
    max_in_flight: int = 8,
    requests_per_second: float | None = None,
    outage_timeout: float = 3600.0,
    problems: str | os.PathLike[str] | None = None,
    progress: BulkProgress | None = None,
) -> BulkReport:
    """Write the analysis results of many subjects to one table, with a row for each metric.

    Pass exactly one of `journal`, `subjects` and `dataset_id`. The table has the columns of
    `BatchResults.to_rows`. It appears at the end, even if results are missing; these are listed
    apart. If the run is interrupted, the same call continues it. After a run with missing results,
    move the table: the same call then requests only these results, and writes a complete table.

    Args:
        haut: The client.
        to: Path of the table, which must not exist. The suffix is the format: `.parquet` (needs the
            extra `parquet`), `.csv` or `.jsonl`. The progress is recorded in `<to>.journal`, which
            contains the results, and is deleted when no request has to be repeated.
        journal: Journal of a bulk upload. Only the batches of the upload are read.
        subjects: Ids of the subjects. The iterable is read lazily.
        dataset_id: Id of a dataset, for all its subjects. Only then are their names in the table.
        api: API version of the results, unless `journal` is given.
        wait_for: As in `WaitOptions`.
        settled_after: As in `WaitOptions`.
        poll_interval: As in `WaitOptions`.
        wait_timeout: Maximum time to wait for results, in seconds, counted from the start of the run.
            Later, the available results of each batch are read once.
        max_in_flight: Maximum number of subjects processed concurrently.
        requests_per_second: Maximum rate of requests to the API; no limit unless given.
        outage_timeout: Maximum time, in seconds, to keep trying while the service is unreachable or
            rejects all requests.
        problems: Path of the file that lists what is missing in the table, and failed algorithms;
            `<to>.problems.csv` unless given.
        progress: Called with the counts so far after each subject.

    Raises:
        ConfigError: Before any request, if an argument is invalid, something exists at `to`, pyarrow
            is missing, or a journal is invalid or in use by another process.
        BulkStopped: If the service rejects the token or is unavailable for `outage_timeout`, or a file
            of the run cannot be written.
    """
    waiting: dict[str, Any] = {
        "wait_for": tuple(wait_for),
        "settled_after": settled_after,
        "poll_interval": poll_interval,
    }
    _check_waiting(api, wait_timeout=wait_timeout, **waiting)
    kind = _kind(api, journal=journal, subjects=subjects, dataset_id=dataset_id)
    target = check_target(to)
    own_journal = Path(f"{target}.journal")
    listed = f"{target}.problems.csv" if problems is None else problems
    list_path = path_of_problems(own_journal, listed)
    if same_path(list_path, target):
        raise ConfigError("the list of problems would overwrite the table")
    limiter = RateLimiter(max_in_flight, requests_per_second, outage_timeout)
    limited = with_rate_limit(haut, limiter, only_reads=True)
    scope = evolve(haut.scope, dataset_id=haut.scope.dataset(dataset_id))
    with (
        _open_items(limited, journal, subjects, scope) as items,
        Journal(own_journal, kind, scope) as opened,
    ):
        reader = _Reader(limited, scope.dataset(), waiting, time.monotonic() + wait_timeout)
        exports = _Exports(reader, opened, items, api)
        report = run(exports, exports.problems, limiter, progress, list_path, PROBLEM_COLUMNS)
        exports.write(target)
    if not (report.bad or report.failed):
        with file_errors():
            own_journal.unlink()
    return report


def _check_waiting(
    api: Api,
    *,
    wait_for: Collection[str],
    settled_after: float,
    poll_interval: float,
    wait_timeout: float,
) -> None:
    check_wait(wait_timeout=wait_timeout, settled_after=settled_after)
    check_seconds(poll_interval=poll_interval)
    if parse_families(wait_for, "wait_for=") and api == "v3":
        raise ConfigError("wait_for= is for v1 only; the v3 API reports completeness")


def _kind(api: Api, **sources: object) -> str:
    """Return the kind of the run for its journal.

    Raises:
        ConfigError: If not exactly one source is given.
    """
    given = [name for name, value in sources.items() if value is not None]
    if len(given) != 1:
        raise ConfigError(f"pass exactly one of {', '.join(f'{name}=' for name in sources)}")
    return "results of an upload" if given == ["journal"] else f"{api} results of {given[0]}"


@contextmanager
def _open_items(
    haut: Haut,
    journal: str | os.PathLike[str] | None,
    subjects: Iterable[str | UUID] | None,
    scope: Scope,
) -> Generator[Iterator[_Item]]:
    """Open the source of the rows."""
    if journal is None:
        yield _listed(haut, subjects, scope.dataset())
        return
    with _open_uploads(journal, scope) as uploads:
        yield (
            _Item(key, state=entry.state if isinstance(entry, Entry) else entry)
            for key, entry in uploads.entries()
        )


@frozen
class _Item:
    """A subject or, with `state`, a row of a bulk upload.

    Attributes:
        row: Position of the subject in the input, starting at 1, or key of the row of the upload.
        subject_id: Id of the subject as given by the caller.
        name: Name of the subject, if it is known.
        state: JSON of the row's `UploadState`, or the error of a damaged entry of the journal.
    """

    row: str
    subject_id: str | UUID | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    state: str | ConfigError | None = field(default=None, repr=False)


def _open_uploads(journal: str | os.PathLike[str], scope: Scope) -> Journal:
    if not os.path.lexists(journal):
        raise ConfigError("journal= must be the journal of a bulk upload; the file does not exist")
    return Journal(journal, "upload", scope)


def count_uploads(journal: str | os.PathLike[str], scope: Scope) -> int:
    """Return the number of rows in the journal of a bulk upload, for a progress bar."""
    with _open_uploads(journal, scope) as uploads:
        return sum(1 for _ in uploads.entries())


def _listed(haut: Haut, subjects: Iterable[str | UUID] | None, dataset_id: UUID) -> Iterator[_Item]:
    """Return the given subjects or, if they are None, those of a dataset."""
    if subjects is not None:
        for number, value in enumerate(subjects, 1):
            yield _Item(str(number), value)
        return
    try:
        for number, subject in enumerate(haut.subjects.iterate(dataset_id=dataset_id), 1):
            yield _Item(str(number), subject.id, subject.name)
    except HautError as error:
        if isinstance(error, BulkStopped):
            raise
        raise BulkStopped(
            f"the subjects of the dataset cannot be listed: {error}. Run again to continue",
            cause=error,
        ) from error


@frozen
class _Found:
    """Results of a row of the run.

    Attributes:
        rows: Values of the table's columns, for each line of the table.
        problems: What is missing, and the failed algorithms.
    """

    rows: list[list[Any]] = field(factory=list[list[Any]])
    problems: list[Problem] = field(factory=list[Problem])

    @property
    def complete(self) -> bool:
        """Whether nothing is missing that a later run may find."""
        return all(problem["problem"] == "algorithm" for problem in self.problems)

    def encode(self) -> str:
        """Return the results as compressed text for the journal."""
        text = json.dumps([self.rows, self.problems], separators=(",", ":"))
        return base64.b85encode(zlib.compress(text.encode())).decode()

    @classmethod
    def decode(cls, text: str) -> _Found:
        """Return the results that `encode` encoded.

        Raises:
            ConfigError: If the text is damaged.
        """
        try:
            content = zlib.decompressobj().decompress(base64.b85decode(text), _MAX_SIZE)
            rows, problems = json.loads(content)
            if all(len(row) == len(COLUMNS) for row in rows) and all(map(_is_problem, problems)):
                return cls(rows, problems)
        except (ValueError, TypeError, AttributeError, RecursionError, zlib.error):
            pass
        raise ConfigError(DAMAGED)


def _is_problem(value: Any) -> bool:
    return value.keys() >= {"problem", "reason"} and all(
        isinstance(cell, str) for cell in value.values()
    )


class _Exports:
    """Records the results of each row, and writes the table. Implements `runner.Processor`."""

    def __init__(self, reader: _Reader, journal: Journal, items: Iterator[_Item], api: Api) -> None:
        self._reader = reader
        self._journal = journal
        self._items = items
        self._api: Api = api
        self._row_locks = KeyedLocks()

    def items(self) -> Iterator[_Item]:
        return self._items

    def process(self, item: _Item) -> Outcome:
        key = _key(item)
        with self._row_locks(key):
            self._journal.mark(key)
            return self._export(item, key)

    def _export(self, item: _Item, key: str) -> Outcome:
        subject_id, batch_id, api = self._source(item)
        digest = f"{subject_id} {batch_id}"
        if self._is_complete(key, digest):
            return "skipped"
        found = self._reader.read(subject_id, batch_id, api, item.name)
        self._journal.save(key, digest, {}, found.encode(), done=True)
        return "done" if found.complete else "failed"

    def _source(self, item: _Item) -> tuple[UUID, UUID | None, Api]:
        """Return the subject, the batch (None for all batches) and the API version of a row.

        Raises:
            ConfigError: If the row has no valid subject, or its upload is not complete.
        """
        if item.state is None:
            return parse_id(item.subject_id, "subject_id"), None, self._api
        if isinstance(item.state, ConfigError):
            raise item.state
        try:
            state = UploadState.from_json(item.state)
        except ValueError:
            raise ConfigError(DAMAGED) from None
        self._reader.haut.scope.check(state, "the upload in the journal")
        if state.batch_id is None or state.compute != "started":
            raise ConfigError("the upload of the row is not complete: continue the bulk upload")
        return state.subject_id, state.batch_id, state.api

    def _is_complete(self, key: str, digest: str) -> bool:
        """Return whether the journal contains all results of a row. If it is damaged, it does not."""
        try:
            recorded = self._journal.get(key)
            return (
                recorded is not None
                and recorded.done
                and recorded.digest == digest
                and _Found.decode(recorded.state).complete
            )
        except ConfigError:
            return False

    def record_failure(self, item: _Item, error: HautError) -> Outcome:
        key = _key(item)
        outcome: Outcome = "bad" if isinstance(error, ConfigError) else "failed"
        reason = str(error)
        if isinstance(error, NotFound) and error.confirmed:
            # Results of an earlier run are deleted: the subject may have been erased since.
            self._journal.save(key, "", {}, _Found().encode())
            outcome, reason = "bad", "there is no such subject"
        self._journal.save_problem(key, outcome, reason, json.dumps(self._ids(item)))
        return outcome

    def _ids(self, item: _Item) -> dict[str, str]:
        """Return the ids of a row for the list of problems, unless they are invalid."""
        try:
            subject_id, batch_id, _ = self._source(item)
        except ConfigError:
            return {}
        return {"subject_id": str(subject_id), "batch_id": str(batch_id or "")}

    def problems(self) -> Iterator[tuple[str, str, str, str]]:
        """Return the problems of this run's rows: first failed rows, then parts of others."""
        for line in self._journal.problems():
            if self._journal.is_marked(line[0]):
                yield line
        for key, found in self._results():
            for problem in found.problems:
                yield key, str(problem["problem"]), str(problem["reason"]), json.dumps(problem)

    def write(self, target: Path) -> None:
        """Write the results of this run's rows to a new file.

        Raises:
            BulkStopped: If the file cannot be written, or something else was created at the path.
        """
        rows = (
            dict(zip(COLUMNS, cells, strict=True))
            for _, found in self._results()
            for cells in found.rows
        )
        try:
            with file_errors():
                write_table(target, rows)
        except BulkStopped as error:
            if not isinstance(error.cause, FileExistsError):
                raise
            raise BulkStopped(
                f"something was created at {target} during the run, and is not overwritten: move it, "
                "then run again",
                cause=error.cause,
            ) from None

    def _results(self) -> Iterator[tuple[str, _Found]]:
        for key, entry in self._journal.entries():
            if isinstance(entry, Entry) and self._journal.is_marked(key):
                yield key, _Found.decode(entry.state)


def _key(item: _Item) -> str:
    """Return the key of a row in the journal."""
    if item.state is not None:
        return item.row
    try:
        return str(parse_id(item.subject_id, "subject_id"))
    except ConfigError:
        return f"row {item.row}"  # the invalid id may be a person's name


@frozen
class _Reader:
    """Waits for results and reads them.

    Attributes:
        haut: The client.
        dataset_id: Dataset of the subjects.
        waiting: Arguments of `Haut.wait_for_results`.
        deadline: Time of `time.monotonic` after which results are not waited for.
    """

    haut: Haut
    dataset_id: UUID
    waiting: dict[str, Any]
    deadline: float

    def read(self, subject_id: UUID, batch_id: UUID | None, api: Api, name: str | None) -> _Found:
        """Read the results of a subject's batches, or of one batch."""
        by_batch: dict[UUID, list[Image]] = {} if batch_id is None else {batch_id: []}
        for image in sorted(self.haut.images.iterate(subject_id), key=lambda it: it.created_at):
            if batch_id in (None, image.image_batch_id):
                by_batch.setdefault(image.image_batch_id, []).append(image)
        found = _Found()
        rows: list[Row] = []
        for batch, images in by_batch.items():
            for part in self._read_batch(UploadedBatch(subject_id, batch, api=api), images):
                if isinstance(part, BatchResults):
                    rows += _rows(evolve(part, subject_name=name), images)
                    found.problems.extend(_failures(part))
                else:
                    found.problems.append(part)
        rows.sort(key=lambda row: str(row["date"]))
        found.rows.extend([row[column] for column in COLUMNS] for row in rows)
        return found

    def _read_batch(
        self, batch: UploadedBatch, images: list[Image]
    ) -> Iterator[BatchResults | Problem]:
        """Yield the results of a batch, and what is missing."""
        if not images:
            yield _problem(batch, "the batch has no images")
        waiting_for: list[UploadedImage] = []
        for image in images:
            side = as_text(image.side) or ""
            uploaded = UploadedImage(image.id, batch.batch_id, side, batch.subject_id)
            if image.signed_url or image.aux_images or self._may_have_results(batch, uploaded):
                waiting_for.append(uploaded)
            else:
                yield _problem(batch, "the image has no photo", uploaded)
        if waiting_for:
            timeout = max(0.0, self.deadline - time.monotonic())
            yield from self._wait(evolve(batch, images=tuple(waiting_for)), timeout)

    def _may_have_results(self, batch: UploadedBatch, image: UploadedImage) -> bool:
        """Return whether to wait for an image without a photo, which gets no results any more."""
        part = batch if batch.api == "v3" else image
        try:
            return len(self.haut.results(part, dataset_id=self.dataset_id)) > 0
        except NotFound:
            return True  # the wait finds out what is missing

    def _wait(self, batch: UploadedBatch, timeout: float) -> Iterator[BatchResults | Problem]:
        try:
            yield self.haut.wait_for_results(
                batch, timeout, **self.waiting, dataset_id=self.dataset_id
            )
        except ResultsTimeout as error:
            if timeout and not len(error.results):
                # The deadline may have ended the first check. One without a timeout is not ended.
                yield from self._wait(batch, 0.0)
                return
            yield error.results
            lacking = f"; missing families: {', '.join(error.missing)}" if error.missing else ""
            reason = f"{len(error.results)} results, which are not known to be complete{lacking}"
            yield _problem(batch, reason)
        except NotFound as error:
            if not error.confirmed:
                raise
            next(self.haut.images.iterate(batch.subject_id), None)  # raises if the subject is gone
            yield _problem(batch, "the batch or one of its images no longer exists")


def _rows(results: BatchResults, images: list[Image]) -> Iterator[Row]:
    """Yield the rows of a batch. If a result has no date, use that of its image.

    Results of v3 have no date and belong to the batch, so they get the date of its first image.
    """
    dates = {str(image.id): image.created_at for image in images}
    for row in results.to_rows():
        created = dates.get(str(row["image"]), images[0].created_at)
        yield {**row, "date": row["date"] or created.astimezone(UTC).isoformat()}


def _failures(results: BatchResults) -> Iterator[Problem]:
    for failed in results.failures:
        yield {
            "problem": "algorithm",
            "reason": failed.error or "no reason given",
            "subject_id": str(results.subject_id),
            "batch_id": str(results.batch_id),
            "image_id": str(failed.image_id or ""),
            "side": str(failed.side or ""),
            "family": failed.family,
        }


def _problem(batch: UploadedBatch, reason: str, image: UploadedImage | None = None) -> Problem:
    return {
        "problem": "missing",
        "reason": reason,
        "subject_id": str(batch.subject_id),
        "batch_id": str(batch.batch_id),
        "image_id": "" if image is None else str(image.image_id),
        "side": "" if image is None else str(image.side),
        "family": "",
    }
