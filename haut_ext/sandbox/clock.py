"""Clocks of the sandbox: one that follows the machine and one that moves only when it is told to.

The clock decides every time that the sandbox returns or checks: creation times, the expiry of tokens
and signed URLs, and the progress of an analysis if `analysis_seconds` is given. Delays on the network
(`Sandbox.latency`, `faults.latency`, `faults.dribble`) are real time, because the client under test
measures its timeouts in real time.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta


class Clock(ABC):
    """Clock in UTC that several threads can read and move.

    Attributes:
        follows_system_time: Whether responses get a Date header. A client compares that header with
            its own time, so a clock that does not follow the machine must not send one.
    """

    follows_system_time: bool

    def __init__(self) -> None:
        self._offset = timedelta()
        self._lock = threading.Lock()

    @abstractmethod
    def _base(self) -> datetime:
        """Return the time without the offset."""

    def now(self) -> datetime:
        """Return the current time, truncated to seconds."""
        return (self._base() + self._offset).replace(microsecond=0)

    def advance(self, seconds: float) -> None:
        """Move the clock forward, or backward if `seconds` is negative."""
        with self._lock:
            self._offset += timedelta(seconds=seconds)

    @abstractmethod
    def tick(self) -> None:
        """Take notice of a state-changing request."""

    def reset(self) -> None:
        """Undo all calls of `advance` and `tick`."""
        with self._lock:
            self._offset = timedelta()


class SystemClock(Clock):
    """Clock that follows the machine's time; `advance` makes it run ahead of the machine."""

    follows_system_time = True

    def _base(self) -> datetime:
        return datetime.now(UTC)

    def tick(self) -> None:
        """Do nothing: requests do not move this clock."""


class ManualClock(Clock):
    """Clock that stands still until it is moved, so that no result depends on the machine's speed.

    Args:
        start: Initial time, with a time zone.
        step: Seconds by which each state-changing request moves the clock. Records created one after
            another then have different creation times.
    """

    follows_system_time = False

    def __init__(
        self, start: datetime = datetime(2025, 1, 1, tzinfo=UTC), *, step: float = 1.0
    ) -> None:
        super().__init__()
        self._start = start.astimezone(UTC)
        self._step = step

    def _base(self) -> datetime:
        return self._start

    def tick(self) -> None:
        """Move the clock by one step, because a state-changing request has arrived."""
        self.advance(self._step)
