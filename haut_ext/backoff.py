"""Exponential backoff with full jitter, for retries of a request and for pauses of a bulk run."""

from __future__ import annotations

import random


def backoff(failures: int, retry_after: float | None, *, initial: float, maximum: float) -> float:
    """Return a random delay in seconds, which is never shorter than Retry-After.

    Args:
        failures: Number of consecutive failures, starting at 1.
        retry_after: Value of the Retry-After header in seconds, if there is one.
        initial: Upper bound of the delay after the first failure. It doubles with each failure.
        maximum: Highest upper bound.
    """
    # Limit the exponent so that a large number of failures cannot overflow a float.
    bound = min(maximum, initial * 2 ** min(failures - 1, 16))
    return max(random.uniform(0, bound), retry_after or 0.0)  # noqa: S311 - not a secret
