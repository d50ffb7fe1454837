"""The run: so many rows at once, no faster than is welcome, and again what a passing trouble stopped.

Threads take row after row from one iterator, so that no row waits in memory. When the service asks
for patience (429, Retry-After), everybody pauses and half as many go on; each success lets a few
more in again. While there is no connection at all, everybody waits for it.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from attrs import asdict, define, evolve, frozen

from haut_ext._sync.client import Haut
from haut_ext.bulk.journal import Journal
from haut_ext.bulk.manifest import write_problems
from haut_ext.errors import (
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

Item = TypeVar("Item")

Outcome = Literal["done", "skipped", "bad", "changed", "failed", "unknown"]

_MOST_WAITED_FOR = 8.0
"""Seconds. A longer Retry-After is not left to the thread that met it, but makes everybody pause."""

_MOST_PUT_OFF = 100
"""Rows that wait for another try while others pass, so that a lost computation can show itself."""

_TRIES = 3
_LONGEST_PAUSE = 60.0


@frozen
class BulkReport:
    """What came of a run.

    Attributes:
        done: Rows finished by this run.
        skipped: Rows that an earlier run had finished.
        bad: Rows that cannot be right: nothing was asked of the service for them.
        changed: Rows that are no longer what was begun or done under their number.
        failed: Rows that the service refused, or that kept failing; another run tries them again.
        unknown: Rows whose computation may or may not have been started, and paid for.
        problems: The list of all rows with a problem, as a manifest for repair; None if there is none.
    """

    done: int = 0
    skipped: int = 0
    bad: int = 0
    changed: int = 0
    failed: int = 0
    unknown: int = 0
    problems: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether there is no row with a problem."""
        return self.problems is None

    def __str__(self) -> str:
        counts = asdict(
            self, filter=lambda attribute, value: attribute.name != "problems" and value
        )
        text = ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "nothing to do"
        return text + (f"; the problems are listed in {self.problems}" if self.problems else "")


class BulkStopped(HautError):
    """A run stopped before its end; calling it again with the same journal goes on.

    Attributes:
        cause: What no row could have got past.
    """

    def __init__(self, message: str, *, cause: Exception) -> None:
        super().__init__(message)
        self.cause = cause


Progress = Callable[[BulkReport], None]


class Gate:
    """How many work at once, and when the next may start.

    Args:
        most: How many at the most, 1 or more.
        per_second: How many may start in a second; None for no limit.
        patience: Seconds that the service may turn everybody away before the run stops.
    """

    def __init__(self, most: int, per_second: float | None, patience: float) -> None:
        if most < 1 or (per_second is not None and per_second <= 0):
            raise ConfigError("in_flight and per_second must be more than 0")
        self.most = most
        self._interval = 1 / per_second if per_second else 0.0
        self._patience = patience
        self._changed = threading.Condition()
        self.limit = float(most)
        self.busy = 0
        self.stopped = False
        self._next_start = self._paused_until = 0.0
        self._troubles = 0
        self._trouble_since = 0.0

    def enter(self) -> bool:
        """Wait for a turn; return whether there is one, and not the end."""
        with self._changed:
            while not self.stopped:
                now = time.monotonic()
                wait = max(self._paused_until, self._next_start) - now
                if wait <= 0 and self.busy < int(self.limit):
                    self.busy += 1
                    self._next_start = max(self._next_start, now) + self._interval
                    return True
                self._changed.wait(wait if wait > 0 else None)
        return False

    def leave(self) -> None:
        with self._changed:
            self.busy -= 1
            self._changed.notify_all()

    def succeed(self) -> None:
        """A row is done: one more may work when as many rows are done as do work now."""
        with self._changed:
            self._troubles = 0
            self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def slow_down(self, seconds: float | None) -> bool:
        """Pause everybody, and halve their number; return whether there is any patience left.

        Args:
            seconds: What the service asks for; None: a random time that grows with each trouble.
        """
        with self._changed:
            now = time.monotonic()
            if not self._troubles:
                self._trouble_since = now
            if now >= self._paused_until:  # the others of one moment bring the same news
                self._troubles += 1
                self.limit = max(1.0, self.limit / 2)
            if seconds is None:
                longest = min(_LONGEST_PAUSE, 2.0 ** min(self._troubles, 16))
                seconds = random.uniform(0, longest)  # noqa: S311 - spreads load; no secret
            self._paused_until = max(self._paused_until, now + seconds)
            return self._paused_until - self._trouble_since <= self._patience

    def stop(self) -> None:
        with self._changed:
            self.stopped = True
            self._changed.notify_all()


@frozen
class Skip:
    """Something that needs no work, and what came of it."""

    outcome: Outcome


class Work(Protocol[Item]):
    """What a run does."""

    def pending(self) -> Iterator[Item | Skip]:
        """Yield all there is."""
        ...

    def do(self, job: Item) -> Outcome:
        """Do one thing; called again after a passing trouble."""
        ...

    def give_up(self, job: Item, error: HautError) -> Outcome:
        """Note the error that ended the work on one thing."""
        ...


def patient(haut: Haut) -> Haut:
    """Return the client for a run: to be told to wait for long is everybody's business."""
    longest = haut.options.max_retry_after
    return haut.with_options(max_retry_after=min(longest or _MOST_WAITED_FOR, _MOST_WAITED_FOR))


def run(
    work: Work[Item],
    journal: Journal,
    gate: Gate,
    progress: Progress | None,
    problems: str | os.PathLike[str] | None,
    columns: Sequence[str],
) -> BulkReport:
    """Do all the work there is, and list what is wrong.

    Raises:
        BulkStopped: If it makes no sense to go on.
        KeyboardInterrupt: At the first, once what is in flight is finished; at a second, at once.
    """
    listed = Path(problems or f"{journal.path}.problems.csv")
    try:
        report = _Run(work, gate, progress).to_the_end()
    except BaseException:
        with suppress(OSError, sqlite3.Error):
            write_problems(listed, journal.problems(), columns)
        raise
    found = write_problems(listed, journal.problems(), columns)
    return evolve(report, problems=listed if found else None)


@define
class _Job(Generic[Item]):
    item: Item
    tries: int = 0


class _Run(Generic[Item]):
    def __init__(self, work: Work[Item], gate: Gate, progress: Progress | None) -> None:
        self._work = work
        self._pending = work.pending()
        self._gate = gate
        self._progress = progress
        self._reading = threading.Lock()
        self._counting = threading.Lock()
        self._put_off: deque[_Job[Item]] = deque()
        self._error: BaseException | None = None
        self._report = BulkReport()

    def to_the_end(self) -> BulkReport:
        """Work until nothing is left. The threads are daemons: they end with the process."""
        workers = [
            threading.Thread(target=self._take_turns, name=f"haut-ext bulk {number}", daemon=True)
            for number in range(self._gate.most)
        ]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.join()
        except BaseException:
            self._gate.stop()
            for worker in workers:
                worker.join()
            raise
        if isinstance(self._error, sqlite3.Error):
            raise BulkStopped(
                f"the journal cannot be read or written: {self._error}", cause=self._error
            ) from self._error
        if self._error is not None:
            raise self._error
        return self._report

    def _take_turns(self) -> None:
        try:
            while self._gate.enter():
                try:
                    if (job := self._next()) is None:
                        return
                    self._do(job)
                finally:
                    self._gate.leave()
        except BaseException as error:
            self._error = self._error or error
            self._gate.stop()

    def _next(self) -> _Job[Item] | None:
        with self._reading:
            if len(self._put_off) < _MOST_PUT_OFF:
                for item in self._pending:
                    if self._gate.stopped:
                        return None
                    if not isinstance(item, Skip):
                        return _Job(item)
                    self._count(item.outcome)
            return self._put_off.popleft() if self._put_off else None

    def _do(self, job: _Job[Item]) -> None:
        try:
            outcome = self._work.do(job.item)
        except HautError as error:
            if self._worth_another_try(job, error):
                self._put_off.append(job)
                return
            outcome = self._work.give_up(job.item, error)
        else:
            self._gate.succeed()
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        with self._counting:
            self._report = evolve(self._report, **{outcome: getattr(self._report, outcome) + 1})
            if self._progress is not None:
                self._progress(self._report)

    def _worth_another_try(self, job: _Job[Item], error: HautError) -> bool:
        cause = error.cause if isinstance(error, UploadIncomplete | ErasureIncomplete) else error
        if isinstance(cause, Unauthorized):
            raise BulkStopped(f"the service refuses the token: {cause}", cause=cause)
        retry_after = getattr(cause, "retry_after", None)
        turned_away = retry_after is not None or isinstance(cause, RateLimited)
        unreachable = isinstance(cause, TransportError) and not cause.maybe_delivered
        if turned_away or unreachable:
            if self._gate.slow_down(retry_after):
                return True
            raise BulkStopped(f"the service turns everything away: {cause}", cause=cause)
        job.tries += 1
        passing = isinstance(cause, TransportError | ServerError) or (
            isinstance(cause, StorageError) and (cause.status or 0) >= 500
        )
        return passing and job.tries < _TRIES


class OneAtATime:
    """Locks by key, and in a fixed number: now and then two keys share one."""

    def __init__(self) -> None:
        self._locks = [threading.Lock() for _ in range(1024)]

    def __call__(self, key: object) -> threading.Lock:
        return self._locks[hash(key) % len(self._locks)]
