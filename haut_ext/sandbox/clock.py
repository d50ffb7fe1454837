"""The service's clock: the machine's, or a virtual one that moves only when told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_VIRTUAL_START = datetime(2025, 1, 1, tzinfo=UTC)


class Clock:
    """UTC: the machine's time, or a virtual one that moves only when told.

    Args:
        virtual: Start at a fixed date and stand still between calls.
        step: Seconds by which each state-changing request moves a virtual clock.
    """

    def __init__(self, *, virtual: bool, step: float = 1.0) -> None:
        self.virtual = virtual
        self.step = step
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The present, to the second."""
        start = _VIRTUAL_START if self.virtual else datetime.now(UTC)
        return (start + self._ahead).replace(microsecond=0)

    def advance(self, seconds: float) -> None:
        """Moves the clock forward; a real one then runs that much ahead."""
        self._ahead += timedelta(seconds=seconds)

    def tick(self) -> None:
        """One state-changing request has come."""
        if self.virtual:
            self.advance(self.step)
