"""Asking at growing intervals, from half a second to five, until something is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0
_GROWTH = 1.5


async def until(look: Callable[[], Awaitable[bool]], timeout: float) -> bool:
    """Look until it is there, the last time when `timeout` seconds have passed; return whether it is."""
    ends = time.monotonic() + timeout
    wait = FIRST_WAIT
    while not await look():
        left = ends - time.monotonic()
        if left <= 0:
            return False
        await asyncio.sleep(min(wait, left))
        wait = min(wait * _GROWTH, _LONGEST_WAIT)
    return True
