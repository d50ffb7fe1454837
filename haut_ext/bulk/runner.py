"""Processes rows in several threads, retries failed rows, and lists rows with a problem.

The threads take rows from one iterator, so that memory does not grow with the number of rows. A row
that fails with a transient error is postponed and processed again after other rows.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from attrs import define, evolve

from haut_ext import (
    ConfigError,
    ErasureIncomplete,
    HautError,
    RateLimited,
    ServerError,
    StorageError,
    TransportError,
    Unauthorized,
    UploadIncomplete,
)
from haut_ext.bulk.manifest import check_list_of_problems, write_problems
from haut_ext.bulk.rate_limiter import RateLimiter
from haut_ext.bulk.report import BulkProgress, BulkReport, BulkStopped, file_errors

Item = TypeVar("Item")

Outcome = Literal["done", "skipped", "bad", "changed", "failed", "unknown"]

_MAX_POSTPONED = 100
"""Maximum number of postponed rows before the first of them is processed again. Postponing gives
the service time to show that an unconfirmed request has started an analysis."""

_MAX_ATTEMPTS = 3


class Processor(Protocol[Item]):
    """Interface that `run` uses to read and process the rows of a bulk run."""

    def items(self) -> Iterator[Item]:
        """Return an iterator over the rows to process."""
        ...

    def process(self, item: Item) -> Outcome:
        """Process a row. If it raises a transient error, it is called again later."""
        ...

    def record_failure(self, item: Item, error: HautError) -> Outcome:
        """Record the error of a row that will not be retried in this run."""
        ...


def path_of_problems(
    journal: str | os.PathLike[str], problems: str | os.PathLike[str] | None
) -> Path:
    """Return the path of the list of problems, which by default is next to the journal.

    Raises:
        ConfigError: If no file can be written to the given path, or another file exists there.
    """
    path = Path(f"{os.fspath(journal)}.problems.csv" if problems is None else problems)
    try:
        with suppress(FileNotFoundError):
            path.stat()
        if same_path(path, journal):
            raise ConfigError("the list of problems would overwrite the journal")
        if problems is None or (os.access(path.parent, os.W_OK) and not path.is_dir()):
            check_list_of_problems(path)
            return path
    except (OSError, ValueError) as error:  # a path that is too long or contains NUL
        if isinstance(error, ConfigError):
            raise
        if problems is None:  # the journal has the same problem, and describes it better
            return path
    raise ConfigError("problems= must be the path of a file in a folder that can be written")


def same_path(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Return whether two paths lead to the same file, which need not exist."""
    try:
        return os.path.realpath(one) == os.path.realpath(other)
    except ValueError:  # a path with NUL or a surrogate, which is no file
        return False


def process_rows(
    processor: Processor[Item], limiter: RateLimiter, progress: BulkProgress | None
) -> BulkReport:
    """Process all rows. The arguments and errors are those of `run`."""
    return _Run(processor, limiter, progress).process_all()


def run(
    processor: Processor[Item],
    list_problems: Callable[[], Iterable[tuple[str, str, str, str]]],
    limiter: RateLimiter,
    progress: BulkProgress | None,
    problems: Path,
    columns: Sequence[str],
) -> BulkReport:
    """Process all rows, and write a list of the rows with a problem.

    Args:
        processor: Reads and processes the rows.
        list_problems: Returns the row, problem, reason and content, as JSON, of each problem.
        limiter: Limits concurrent rows and requests.
        progress: Called after each row.
        problems: Path of the list of rows with a problem.
        columns: Columns of the list for the content of the rows.

    Raises:
        BulkStopped: If an error occurs that would affect all rows, such as a rejected token.
        KeyboardInterrupt: If the run is interrupted. The first interrupt waits for the rows in
            progress; the second one does not.
    """
    try:
        report = process_rows(processor, limiter, progress)
    except BaseException:
        with suppress(BulkStopped), file_errors():
            write_problems(problems, list_problems(), columns)
        raise
    with file_errors():
        found = write_problems(problems, list_problems(), columns)
    return evolve(report, problems=problems if found else None)


@define
class _Job(Generic[Item]):
    item: Item
    attempts: int = 0


class _Run(Generic[Item]):
    def __init__(
        self, processor: Processor[Item], limiter: RateLimiter, progress: BulkProgress | None
    ) -> None:
        self._processor = processor
        self._items = processor.items()
        self._limiter = limiter
        self._progress = progress
        self._items_lock = threading.Lock()
        self._report_lock = threading.Lock()
        self._postponed: deque[_Job[Item]] = deque()
        self._error: BaseException | None = None
        self._report = BulkReport()

    def process_all(self) -> BulkReport:
        """Process all rows in daemon threads, so that blocked threads cannot prevent an exit."""
        threads = [
            threading.Thread(target=self._process_rows, name=f"haut-ext bulk {number}", daemon=True)
            for number in range(self._limiter.max_rows)
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:
            self._limiter.stop()
            for thread in threads:
                thread.join()
            raise
        if self._error is not None:
            raise self._error
        return self._report

    def _process_rows(self) -> None:
        try:
            while self._limiter.start_row():
                try:
                    if (job := self._next_job()) is None:
                        return
                    self._process(job)
                finally:
                    self._limiter.end_row()
        except BaseException as error:
            self._error = self._error or error
            self._limiter.stop()

    def _next_job(self) -> _Job[Item] | None:
        with self._items_lock:
            if len(self._postponed) < _MAX_POSTPONED:
                for item in self._items:
                    return _Job(item)
            return self._postponed.popleft() if self._postponed else None

    def _process(self, job: _Job[Item]) -> None:
        try:
            outcome = self._processor.process(job.item)
        except HautError as error:
            if self._should_retry(job, error):
                self._postponed.append(job)
                return
            outcome = self._processor.record_failure(job.item, error)
        if outcome == "done":
            self._limiter.record_success()
        with self._report_lock:
            self._report = evolve(self._report, **{outcome: getattr(self._report, outcome) + 1})
            if self._progress is not None:
                self._progress(self._report)

    def _should_retry(self, job: _Job[Item], error: HautError) -> bool:
        cause = error.cause if isinstance(error, UploadIncomplete | ErasureIncomplete) else error
        if isinstance(cause, BulkStopped):
            raise cause
        if isinstance(cause, Unauthorized):
            raise BulkStopped(
                "the service rejected the token. Set a valid token, then run again with the same "
                f"journal: {cause}",
                cause=cause,
            )
        retry_after = getattr(cause, "retry_after", None)
        rejected = retry_after is not None or isinstance(cause, RateLimited)
        unreachable = isinstance(cause, TransportError) and not cause.maybe_delivered
        if rejected or unreachable:
            # Does not count as an attempt of this row, because the service rejects the requests of
            # all rows.
            if self._limiter.back_off(retry_after):
                return True
            raise BulkStopped(
                "the service is unreachable or keeps rejecting requests. Run again later with the same "
                f"journal: {cause}",
                cause=cause,
            )
        job.attempts += 1
        transient = isinstance(cause, TransportError | ServerError) or (
            isinstance(cause, StorageError) and (cause.status or 0) >= 500
        )
        return transient and job.attempts < _MAX_ATTEMPTS


class KeyedLocks:
    """Locks that prevent concurrent processing of rows with the same key.

    The number of locks is fixed to limit memory, so different keys can share a lock.
    """

    def __init__(self) -> None:
        self._locks = [threading.Lock() for _ in range(1024)]

    def __call__(self, key: object) -> threading.Lock:
        return self._locks[hash(key) % len(self._locks)]
