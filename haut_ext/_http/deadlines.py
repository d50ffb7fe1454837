"""Deadline of an API call, which limits the total time of all attempts."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from haut_ext._httpx import httpx

_MIN_TIMEOUT, MAX_TIMEOUT = 0.001, 1e8
"""Range of timeouts, in seconds. 0 makes a socket non-blocking; large timeouts overflow timers."""


_end_of_calls: ContextVar[float] = ContextVar("end of calls", default=math.inf)


@contextmanager
def end_calls_at(end: float) -> Generator[None]:
    """Limit the deadlines of all calls that start in the `with` block.

    Args:
        end: Value of `time.monotonic()` at which the calls must have ended.
    """
    before = _end_of_calls.set(end)
    try:
        yield
    finally:
        _end_of_calls.reset(before)


class DeadlineExceeded(httpx.ReadTimeout):
    """Raised if the deadline of a call passes before the call is complete."""


class Deadline:
    """Time limit that starts when the object is created, and ends at the latest with `end_calls_at`.

    Args:
        seconds: Duration of the limit; None for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self.started = time.monotonic()
        remaining = max(0.0, _end_of_calls.get() - self.started)
        limit = remaining if seconds is None else min(seconds, remaining)
        self.seconds = None if limit == math.inf else limit
        self._excluded = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the deadline was created."""
        return time.monotonic() - self.started

    def remaining(self) -> float | None:
        """Return the remaining time in seconds, at least 0, or None if there is no time limit."""
        if self.seconds is None:
            return None
        return max(0.0, self.seconds + self._excluded - self.elapsed)

    @property
    def exceeded(self) -> bool:
        return self.remaining() == 0.0

    def extend(self, seconds: float) -> None:
        """Extend the deadline by time that must not count, such as time spent in event hooks."""
        self._excluded += seconds

    def shorten(self, timeouts: Mapping[str, float | None]) -> dict[str, float | None]:
        """Return the timeouts, each limited to the time left until the deadline."""
        remaining = self.remaining()
        limit = MAX_TIMEOUT if remaining is None else remaining

        def shortened(timeout: float | None) -> float | None:
            if timeout is None and remaining is None:
                return None
            return max(_MIN_TIMEOUT, min(limit if timeout is None else timeout, limit, MAX_TIMEOUT))

        return {name: shortened(timeout) for name, timeout in timeouts.items()}

    def check(self) -> None:
        """Raise DeadlineExceeded if the deadline has passed."""
        if self.exceeded:
            raise DeadlineExceeded("the deadline of the call has passed")
