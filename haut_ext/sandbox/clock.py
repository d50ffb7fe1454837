"""Defines the sandbox's clocks: one follows the system time, the other moves only on request.

The clock determines creation times, the expiry of tokens and signed URLs, and, if
`analysis_seconds` is given, the progress of an analysis. Simulated network delays
(`Sandbox.latency`, `faults.latency`, `faults.dribble`) use real time, because the tested client
measures its timeouts in real time.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta


class Clock(ABC):
    """Thread-safe UTC clock; base class of the sandbox's clocks.

    Attributes:
        follows_system_time: Whether the clock follows the system time. Only then do responses have
            a Date header, because clients compare this header with their own time.
    """

    follows_system_time: bool

    def __init__(self) -> None:
        self._offset = timedelta()
        self._lock = threading.Lock()

    @abstractmethod
    def _base(self) -> datetime:
        """Return the time without the offset added by `advance` and `tick`."""

    def now(self) -> datetime:
        """Return the current time, truncated to seconds."""
        return (self._base() + self._offset).replace(microsecond=0)

    def advance(self, seconds: float) -> None:
        """Move the clock forward, or backward if `seconds` is negative."""
        with self._lock:
            self._offset += timedelta(seconds=seconds)

    @abstractmethod
    def tick(self) -> None:
        """Notify the clock of a state-changing request, which may move it."""

    def reset(self) -> None:
        """Undo all calls of `advance` and `tick`."""
        with self._lock:
            self._offset = timedelta()


class SystemClock(Clock):
    """Clock that follows the system time, plus the offset added by `advance`."""

    follows_system_time = True

    def _base(self) -> datetime:
        return datetime.now(UTC)

    def tick(self) -> None:
        """Do nothing, because requests do not move a system clock."""


class ManualClock(Clock):
    """Clock that moves only when requested, so that results do not depend on execution speed.

    Args:
        start: Initial time, with a time zone.
        step: Seconds by which each state-changing request moves the clock, so that records created
            one after another have different creation times.
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
