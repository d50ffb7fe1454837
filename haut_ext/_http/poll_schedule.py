"""Decides when a wait asks for results again: intervals that grow, and turns that all waits share."""

from __future__ import annotations

import time
from collections.abc import Iterator

POLL_INTERVAL = 5.0
"""Default of the longest interval, in seconds."""

FIRST_INTERVAL = 0.1
"""First interval, as a fraction of the longest one."""

_GROWTH = 1.5
SHARED_REQUESTS = 50
"""Number of requests that all waits of a client together send during the longest interval.

If the longest interval exceeds `POLL_INTERVAL`, they send this number during `POLL_INTERVAL`.
Otherwise, a single wait with an interval of an hour would take a turn of more than a minute from
all others.
"""


def intervals(poll_interval: float) -> Iterator[float]:
    """Yield the intervals between the checks of one wait, in seconds, up to the given one."""
    interval = poll_interval * FIRST_INTERVAL
    while True:
        yield interval
        interval = min(interval * _GROWTH, poll_interval)


class PollSchedule:
    """Gives turns to the waits of a client and its copies, so that they share one request rate.

    There is no lock: if two threads reserve a turn at the same moment, they may get the same one.
    """

    def __init__(self) -> None:
        self._free_at = 0.0

    def reserve(self, requests: int, poll_interval: float) -> float:
        """Reserve the next free turn, and return its start on the clock `time.monotonic`.

        Args:
            requests: Number of requests that the turn is for.
            poll_interval: Longest interval of the wait, in seconds.
        """
        start = max(self._free_at, time.monotonic())
        self._free_at = start + requests * min(poll_interval, POLL_INTERVAL) / SHARED_REQUESTS
        return start
