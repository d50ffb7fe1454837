"""The sandbox's clock: the machine's time, or a virtual time that moves only when it is moved."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

_VIRTUAL_START = datetime(2025, 1, 1, tzinfo=UTC)


class Clock:
    """Clock in UTC. May be moved and read by several threads.

    Args:
        virtual: Start at a fixed date and stand still until the clock is moved. The time then
            depends on the requests and on `advance`, never on the speed of the machine.
        step: Seconds by which each state-changing request moves a virtual clock.
    """

    def __init__(self, *, virtual: bool, step: float = 1.0) -> None:
        self.virtual = virtual
        self.step = step
        self._ahead = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the present time, truncated to seconds."""
        start = _VIRTUAL_START if self.virtual else datetime.now(UTC)
        return (start + self._ahead).replace(microsecond=0)

    def advance(self, seconds: float) -> None:
        """Move the clock forward. A clock that follows the machine then runs that much ahead."""
        with self._lock:  # concurrent requests and tests move it, and no move may be lost
            self._ahead += timedelta(seconds=seconds)

    def tick(self) -> None:
        """Move a virtual clock by one step, because a state-changing request has arrived."""
        if self.virtual:
            self.advance(self.step)
