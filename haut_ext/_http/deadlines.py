"""The total time limit of one call, whatever number of attempts it makes."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

_SHORTEST, LONGEST = 0.001, 1e8
"""Seconds. A socket takes a timeout of 0 for "do not block", and longer ones would overflow."""


class DeadlinePassed(httpx.ReadTimeout):
    """The deadline of the call has passed, in whatever the call was doing."""


class Deadline:
    """A moment on the monotonic clock.

    Args:
        seconds: From now; None for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Return the seconds left, at least 0, or None if there is no limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.remaining() == 0.0

    def extend(self, seconds: float) -> None:
        """Add time that does not count, such as that spent in a rate limiter."""
        if self._end is not None:
            self._end += seconds

    def cut(self, timeouts: Mapping[str, float | None]) -> dict[str, float | None]:
        """Return the timeouts of an attempt, none longer than what is left."""
        left = self.remaining()
        limit = None if left is None else max(left, _SHORTEST)
        given = {
            name: None if it is None else min(max(it, _SHORTEST), LONGEST)
            for name, it in timeouts.items()
        }
        return {
            name: it if limit is None else min(it or limit, limit) for name, it in given.items()
        }

    def check(self) -> None:
        """Raise DeadlinePassed if it has passed."""
        if self.passed:
            raise DeadlinePassed("the deadline has passed")
