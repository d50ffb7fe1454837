# Derived from haut_ext/_async/workflows/polling.py by `make sync`; change that file instead.
"""Asking at growing intervals, from half a second to five, until something is there."""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0
_GROWTH = 1.5


def until(look: Callable[[], bool], timeout: float) -> bool:
    """Look until it is there, the last time when `timeout` seconds have passed; return whether it is."""
    ends = time.monotonic() + timeout
    wait = FIRST_WAIT
    while not look():
        left = ends - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(wait, left))
        wait = min(wait * _GROWTH, _LONGEST_WAIT)
    return True
