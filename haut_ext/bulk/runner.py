"""The run: so many rows at once, no faster than is welcome, and again what a passing trouble stopped.

Threads take row after row from one iterator, so that no row waits in memory. All their requests pass
one gate. When the service asks for patience (429, Retry-After), none is sent before that is over, and
half as many rows go on; each success lets a few more in again. While there is no connection at all,
everybody waits for it.
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
from typing import Any, Generic, Literal, Protocol, TypeVar

import httpx
from attrs import asdict, define, evolve, frozen

from haut_ext._http.retry_policy import parse_retry_after, retry_delay
from haut_ext._sync.client import Haut
from haut_ext.bulk.journal import Journal
from haut_ext.bulk.manifest import write_problems
from haut_ext.errors import (
    ConfigError,
    HautError,
    RateLimited,
    ServerError,
    StorageError,
    TransportError,
    Unauthorized,
)
from haut_ext.workflow_errors import ErasureIncomplete, UploadIncomplete

Item = TypeVar("Item")

Outcome = Literal["done", "skipped", "bad", "changed", "failed", "unknown"]

_LONGEST_WAIT = 8.0
"""Seconds. With a longer Retry-After a row is put off, so that an interruption need not wait for it."""

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
        bad: Rows that cannot be right, or subjects to be erased that there are none of. Nothing was
            changed for them.
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
        cause: What no row could have got past, if anything.
    """

    def __init__(self, message: str, *, cause: Exception | None = None) -> None:
        super().__init__(message)
        self.cause = cause


Progress = Callable[[BulkReport], None]


class Gate:
    """How many rows are worked on at once, and when the next request may be sent.

    Args:
        most: Rows at the most, 1 or more.
        per_second: Requests to the API in a second, at the most; None for no limit.
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
        self._next_request = self._paused_until = 0.0
        self._troubles = 0
        self._trouble_since = 0.0

    def enter(self) -> bool:
        """Wait until one more row may be worked on; return whether it may, and this is not the end."""
        with self._changed:
            while not self.stopped and self.busy >= int(self.limit):
                self._changed.wait()
            if self.stopped:
                return False
            self.busy += 1
            return True

    def leave(self) -> None:
        with self._changed:
            self.busy -= 1
            self._changed.notify_all()

    def wait(self, *, to_api: bool) -> None:
        """Wait until a request may be sent: no pause, and its turn among those of this second.

        Raises:
            BulkStopped: If the run stops during a pause, which may be long.
        """
        with self._changed:
            while True:
                now = time.monotonic()
                if self.stopped and self._paused_until > now:
                    raise BulkStopped("the run has stopped while the service asked to wait")
                until = max(self._paused_until, self._next_request if to_api else 0.0)
                if until <= now:
                    break
                self._changed.wait(until - now)
            if to_api:
                self._next_request = now + self._interval

    def succeed(self) -> None:
        """A row is done: one more may be worked on when as many are done as are worked on now."""
        with self._changed:
            self._troubles = 0
            self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def slow_down(self, seconds: float | None) -> bool:
        """Pause everybody, and halve their number; return whether there is any patience left.

        Args:
            seconds: The service's Retry-After; the pause is never shorter than the backoff.
                None: a random time that grows with each trouble.
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
                seconds = random.uniform(0, longest)  # noqa: S311 - spreads load; not a secret
            else:  # a Retry-After of 0 must not make a hot loop
                seconds = retry_delay(self._troubles, seconds)
            self._paused_until = max(self._paused_until, now + seconds)
            return self._paused_until - self._trouble_since <= self._patience

    def stop(self) -> None:
        with self._changed:
            self.stopped = True
            self._changed.notify_all()


def limited(haut: Haut, gate: Gate) -> Haut:
    """Return a client for a run, whose attempts obey the gate."""
    origin = httpx.URL(haut.scope.base_url)

    def before(request: httpx.Request) -> None:
        gate.wait(to_api=(request.url.host, request.url.port) == (origin.host, origin.port))

    def after(response: httpx.Response) -> None:
        retry_after = parse_retry_after(response.headers.get("retry-after"))
        if response.status_code == 429 or (response.status_code == 503 and retry_after is not None):
            gate.slow_down(retry_after)

    longest = min(haut.options.max_retry_after or _LONGEST_WAIT, _LONGEST_WAIT)
    hooks: dict[str, list[Callable[[Any], None]]] = {"request": [before], "response": [after]}
    return haut.with_options(max_retry_after=longest, event_hooks=hooks)


class Work(Protocol[Item]):
    """What a run does."""

    def items(self) -> Iterator[Item]:
        """Yield all there is."""
        ...

    def do(self, item: Item) -> Outcome:
        """Do one thing; called again after a passing trouble."""
        ...

    def give_up(self, item: Item, error: HautError) -> Outcome:
        """Note the error that ended the work on one thing."""
        ...


def list_of_problems(journal: str | os.PathLike[str], given: str | os.PathLike[str] | None) -> Path:
    """Return where rows with a problem are listed."""
    return Path(given or f"{os.fspath(journal)}.problems.csv")


def run(
    work: Work[Item],
    journal: Journal,
    gate: Gate,
    progress: Progress | None,
    listed: Path,
    columns: Sequence[str],
) -> BulkReport:
    """Do all the work there is, and list what is wrong.

    Raises:
        BulkStopped: If it makes no sense to go on.
        KeyboardInterrupt: At the first, once what is in flight is finished; at a second, at once.
    """
    try:
        try:
            report = _Run(work, gate, progress).to_the_end()
        except BaseException:
            with suppress(OSError, sqlite3.Error):
                write_problems(listed, journal.problems(), columns)
            raise
        found = write_problems(listed, journal.problems(), columns)
    except (OSError, sqlite3.Error) as error:
        raise BulkStopped(
            f"a file of the run cannot be read or written ({error}); is the disk full? Nothing is "
            "lost: mend that, and call again with the same journal",
            cause=error,
        ) from error
    return evolve(report, problems=listed if found else None)


@define
class _Job(Generic[Item]):
    item: Item
    tries: int = 0


class _Run(Generic[Item]):
    def __init__(self, work: Work[Item], gate: Gate, progress: Progress | None) -> None:
        self._work = work
        self._items = work.items()
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
                for item in self._items:
                    return _Job(item)
            return self._put_off.popleft() if self._put_off else None

    def _do(self, job: _Job[Item]) -> None:
        try:
            outcome = self._work.do(job.item)
        except HautError as error:
            if self._worth_another_try(job, error):
                self._put_off.append(job)
                return
            outcome = self._work.give_up(job.item, error)
        if outcome == "done":
            self._gate.succeed()
        with self._counting:
            self._report = evolve(self._report, **{outcome: getattr(self._report, outcome) + 1})
            if self._progress is not None:
                self._progress(self._report)

    def _worth_another_try(self, job: _Job[Item], error: HautError) -> bool:
        cause = error.cause if isinstance(error, UploadIncomplete | ErasureIncomplete) else error
        if isinstance(cause, BulkStopped):
            raise cause
        if isinstance(cause, Unauthorized):
            raise BulkStopped(
                f"the service refuses the token, so get a new one and call again: {cause}",
                cause=cause,
            )
        retry_after = getattr(cause, "retry_after", None)
        turned_away = retry_after is not None or isinstance(cause, RateLimited)
        unreachable = isinstance(cause, TransportError) and not cause.maybe_delivered
        if turned_away or unreachable:
            if self._gate.slow_down(retry_after):
                return True
            raise BulkStopped(
                "the service turns everything away or cannot be reached, so call again later with "
                f"the same journal: {cause}",
                cause=cause,
            )
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
