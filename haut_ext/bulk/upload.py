"""Uploads the photos of many subjects, and records every step in a journal.

If an executor is given, its workers read and send the photos. This process makes all other
requests, so that the journal records each of them. If a worker dies, its photos are sent again.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from attrs import evolve, field, frozen

from haut_ext import (
    ConfigError,
    Haut,
    HautError,
    ImageRejected,
    Photo,
    SignedUpload,
    UploadIncomplete,
    UploadSlotV3,
    UploadState,
)
from haut_ext.argument_checks import comparable_name
from haut_ext.argument_types import validated
from haut_ext.bulk.journal import DAMAGED, Entry, Journal
from haut_ext.bulk.manifest import (
    COLUMNS,
    RawRow,
    Row,
    parse_row,
    read_manifest,
    row_content,
    row_key,
)
from haut_ext.bulk.rate_limiter import RateLimiter, with_rate_limit
from haut_ext.bulk.report import BulkProgress, BulkReport
from haut_ext.bulk.runner import KeyedLocks, Outcome, path_of_problems, run, same_path
from haut_ext.photos.checks import check_photos
from haut_ext.regular_files import open_regular

FileEntry = list[Any]
"""Size, modification time in nanoseconds and SHA-256 of a photo."""

_CHANGED = (
    "the row or a photo differs from the one in the journal. Restore it, or give the new content "
    "another value in the column row"
)


@validated
def bulk_upload(
    haut: Haut,
    manifest: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    *,
    journal: str | os.PathLike[str],
    max_in_flight: int = 8,
    requests_per_second: float | None = None,
    outage_timeout: float = 3600.0,
    compute_again: bool = False,
    executor: Executor | None = None,
    problems: str | os.PathLike[str] | None = None,
    progress: BulkProgress | None = None,
) -> BulkReport:
    """Upload the photos of many subjects, and start the analysis of each row once.

    If the run is interrupted, the same call with the same journal continues it. Completed rows are
    skipped, and failed rows are tried again. Rows that have changed are not processed but listed as
    problems. Rows with the same subject are processed one after another.

    Args:
        haut: The client.
        manifest: A path as in `read_manifest`, or an iterable of mappings. A row has `subject` (the
            exact name; the subject is created if it does not exist) or `subject_id`; the paths
            `front`, `right` and `left`, at least one of them; and optionally `meta` (JSON that is
            stored with the photos) and `row` (identifies the row in the journal; the row's number
            unless given).
        journal: Path of the SQLite file that records the progress; created if it does not exist.
        max_in_flight: Maximum number of rows processed concurrently. Values above 16 help only with
            an executor.
        requests_per_second: Maximum rate of requests to the API; no limit unless given.
        outage_timeout: Maximum time, in seconds, to keep trying while the service is unreachable or
            rejects all requests.
        compute_again: Whether to start an analysis again, once, if an earlier run may have started
            it, and it may have been billed. If False, the images of such a row are checked for
            results, and the row is listed as `unknown` if there are none.
        executor: Executor whose workers read and send the photos. The workers need this package and
            access to the same paths.
        problems: Path of the file that lists rows with a problem; `<journal>.problems.csv` unless
            given. After you correct the rows and rename the file, you can use it as the manifest
            with the same journal.
        progress: Called with the counts so far after each row.

    Raises:
        ConfigError: If the manifest is invalid, or the journal is invalid or in use by another process.
        BulkStopped: If the service rejects the token or is unavailable for `outage_timeout`, or a file
            of the run cannot be read or written.
    """
    problems = path_of_problems(journal, problems)
    rows: Iterable[RawRow]
    if isinstance(manifest, str | os.PathLike):
        if same_path(manifest, problems):
            raise ConfigError(
                "the manifest is the list of problems, which the run overwrites: save it under another "
                "name"
            )
        rows = read_manifest(manifest)
    else:
        rows = manifest
    limiter = RateLimiter(max_in_flight, requests_per_second, outage_timeout)
    with Journal(journal, "upload", haut.scope) as opened:
        workers = None if executor is None else _Workers.of(executor, haut)
        uploads = _Uploads(with_rate_limit(haut, limiter), opened, rows, compute_again, workers)
        report = run(uploads, opened.problems, limiter, progress, problems, COLUMNS)
        return evolve(report, possible_leftovers=tuple(set(uploads.possible_leftovers)))


@frozen
class _Item:
    """A row as read from the manifest, and its position in the manifest, starting at 1."""

    number: int
    raw: RawRow

    @property
    def key(self) -> str:
        return row_key(self.raw, self.number)


class _Uploads:
    """Uploads the photos of each row. Implements `runner.Processor`."""

    def __init__(
        self,
        haut: Haut,
        journal: Journal,
        rows: Iterable[RawRow],
        compute_again: bool,
        workers: _Workers | None,
    ) -> None:
        self._haut = haut
        self._journal = journal
        self._rows = rows
        self._compute_again = compute_again
        self._workers = workers
        self.possible_leftovers: list[UUID] = []
        self._unconfirmed: set[str] = set()  # keys of rows whose analysis this run may have started
        # All threads acquire the locks in this order, to prevent a deadlock.
        self._row_locks, self._name_locks, self._subject_locks = (KeyedLocks() for _ in range(3))

    def items(self) -> Iterator[_Item]:
        return (_Item(number, raw) for number, raw in enumerate(self._rows, 1))

    def process(self, item: _Item) -> Outcome:
        with self._row_locks(item.key):
            return self._process(item)

    def _process(self, item: _Item) -> Outcome:
        row = parse_row(item.raw, item.number)
        recorded = self._journal.get(row.key)
        if recorded is not None and recorded.digest != row.digest:
            return self._save_problem(item, "changed", _CHANGED)
        if recorded is not None and recorded.files.keys() != row.files.keys():
            raise ConfigError(DAMAGED)
        if recorded is not None and recorded.done and _is_unchanged(row, recorded):
            if recorded.has_problem:
                self._save(row, recorded.files, recorded.state, done=True)
            return "skipped"
        state = None if recorded is None else self._recorded_state(row, recorded)
        # Check the photos before a subject is created for them.
        photos = check_photos(
            {side: path for side, path in row.files.items() if not state or side in state.missing}
        )
        files = self._hash_files(row, recorded)
        if recorded is not None and any(
            files[side][2] != recorded.files[side][2] for side in files
        ):
            return self._save_problem(item, "changed", _CHANGED)
        if recorded is not None and recorded.done:  # the content of the photos is unchanged
            self._save(row, files, recorded.state, done=True)
            return "skipped"
        self._upload(row, state, photos, files)
        return "done"

    def _upload(
        self,
        row: Row,
        state: UploadState | None,
        photos: Mapping[Any, Photo],
        files: Mapping[str, FileEntry],
    ) -> None:
        again = self._compute_again and row.key not in self._unconfirmed

        def save(state: UploadState) -> None:
            if state.compute == "unknown":
                self._unconfirmed.add(row.key)
            self._save(row, files, state.to_json(), done=state.compute == "started")

        arguments: dict[str, Any] = {**photos, "on_state": save}
        if row.meta is not None:
            arguments["meta"] = row.meta
        if self._workers is not None:
            arguments["send_bytes"] = self._workers.send_bytes
        subject_id = state.subject_id if state is not None else self._get_subject_id(row)
        # If the creation of an image record is not confirmed, the record is found by its side and
        # creation time. If uploads for the same subject overlapped, records of the others would be
        # reported as possible leftovers.
        with self._subject_locks(subject_id):
            if state is None:
                batch = self._haut.upload_and_compute(subject_id, **arguments)
            else:
                batch = self._haut.resume_upload(state, **arguments, compute_again=again)
        self.possible_leftovers += batch.possible_leftovers

    def _recorded_state(self, row: Row, recorded: Entry) -> UploadState:
        """Return the state of a row from the journal.

        Raises:
            ConfigError: If it is damaged, or is the state of an upload to another subject.
        """
        try:
            state = UploadState.from_json(recorded.state)
        except ValueError:
            raise ConfigError(DAMAGED) from None
        if row.subject_id is not None:
            expected = [row.subject_id]
        elif recorded.done:
            return state
        else:
            expected = [found.id for found in self._haut.subjects.find(row.subject or "")]
        if state.subject_id not in expected:
            raise ConfigError("the journal contains the state of an upload to another subject")
        return state

    def _get_subject_id(self, row: Row) -> UUID:
        # The new subject does not have to be recorded in the journal yet: the next run finds it by
        # name.
        if row.subject_id is not None:
            return row.subject_id
        assert row.subject is not None
        subjects = self._haut.subjects
        # If the creation of the subject is not confirmed, the row is retried and finds the subject
        # by name.
        with self._name_locks(comparable_name(row.subject)):
            found = subjects.find(row.subject)
            return (found[0] if found else subjects.create(row.subject)).id

    def _save(self, row: Row, files: Mapping[str, FileEntry], state: str, *, done: bool) -> None:
        self._journal.save(row.key, row.digest, files, state, done=done)

    def record_failure(self, item: _Item, error: HautError) -> Outcome:
        if isinstance(error, UploadIncomplete) and error.state.compute == "unknown":
            return self._save_problem(item, "unknown", str(error.cause))
        if isinstance(error, ImageRejected | ConfigError):
            return self._save_problem(item, "bad", str(error))
        cause = error.cause if isinstance(error, UploadIncomplete) else error
        return self._save_problem(item, "failed", str(cause))

    def _save_problem(self, item: _Item, outcome: Outcome, reason: str) -> Outcome:
        self._journal.save_problem(item.key, outcome, reason, row_content(item.raw))
        return outcome

    def _hash_files(self, row: Row, recorded: Entry | None) -> dict[str, FileEntry]:
        """Return the size, modification time and hash of each photo. Read only changed photos.

        For a photo that has been deleted after it was sent, the recorded values are returned.
        """
        sha256 = _sha256 if self._workers is None else self._workers.sha256
        files: dict[str, FileEntry] = {}
        for side, path in row.files.items():
            before = None if recorded is None else recorded.files[side]
            try:
                now = _size_and_time(path)
                if before is not None and before[:2] == now:
                    files[side] = before
                else:
                    files[side] = [*now, sha256(path)]
            except ValueError as error:  # a named pipe or a device
                raise ImageRejected((f"{side}: {error}",)) from None
            except OSError as error:
                if before is None:
                    raise ImageRejected((f"{side}: {error.strerror}",)) from None
                files[side] = before
        return files


def _is_unchanged(row: Row, recorded: Entry) -> bool:
    """Return whether the size and modification time of a row's photos are as recorded.

    A photo that no longer exists counts as unchanged, because it has already been sent.
    """
    try:
        return all(
            _size_and_time(path) == recorded.files[side][:2] for side, path in row.files.items()
        )
    except OSError:
        return True


def _size_and_time(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@frozen
class _Workers:
    """Submits the reading and sending of photos to the workers of an executor.

    Attributes:
        executor: The executor.
        client: The pickled class and state of the client, without its token. Requests from workers
            do not obey the rate limiter of the run.
    """

    executor: Executor
    client: bytes = field(repr=False)

    @classmethod
    def of(cls, executor: Executor, haut: Haut) -> _Workers:
        """Wrap an executor, and pickle the client for its workers.

        Raises:
            ConfigError: If the client cannot be pickled.
        """
        try:
            state = haut._state_without_token()  # pyright: ignore[reportPrivateUsage]
            return cls(executor, pickle.dumps((type(haut), state)))
        except ConfigError as error:
            raise ConfigError(
                f"the client cannot be pickled for the executor's workers: {error}"
            ) from error

    def sha256(self, path: Path) -> str:
        """Return the SHA-256 of a file."""
        digest: str = self._call(_sha256, path)
        return digest

    def send_bytes(self, slot: SignedUpload | UploadSlotV3, photo: Photo) -> None:
        """Send a photo to its signed URL."""
        self._call(_send_bytes, self.client, slot, photo)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self.executor.submit(_Task(function, arguments)).result()


@frozen
class _Task:
    """Function call for a worker. Its repr, which executors may log, does not show the arguments."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = field(repr=False)

    def __call__(self) -> Any:
        return self.function(*self.arguments)


@lru_cache(maxsize=1)
def _unpickle_client(pickled: bytes) -> Haut:
    """Unpickle the client in a worker, and cache it to keep its connections between tasks."""
    kind, state = pickle.loads(pickled)  # noqa: S301 - pickled by the process that submits the task
    client: Haut = kind.__new__(kind)
    client.__setstate__(state)
    return client


def _send_bytes(client: bytes, slot: SignedUpload | UploadSlotV3, photo: Photo) -> None:
    _unpickle_client(client).images.send_bytes(slot, photo)
