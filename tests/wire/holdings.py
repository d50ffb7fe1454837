"""What a call may hold: file descriptors, threads, tasks. A test sees that nothing of it is left.

The sandbox runs in the same process and closes its ends a moment later, so what is left is waited
for: what has leaked never goes away.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from collections import Counter
from typing import Any

_PATIENCE = 5.0


def _descriptors() -> Counter[str]:
    kinds: Counter[str] = Counter()
    for name in os.listdir("/dev/fd"):
        try:
            mode = os.fstat(int(name)).st_mode
        except OSError:
            continue  # the listing's own
        kinds["socket" if stat.S_ISSOCK(mode) else "other descriptor"] += 1
    return kinds


def _threads() -> Counter[str]:
    # The sandbox's own, and those in which the event loop looks up names, are not the client's.
    names = (thread.name for thread in threading.enumerate())
    others = ("haut-sandbox", "asyncio_")
    return Counter(f"thread {name}" for name in names if not name.startswith(others))


class Holdings:
    """In a `with`: fails if there is more afterwards than before."""

    def _now(self) -> Counter[str]:
        return _descriptors() + _threads()

    def __enter__(self) -> None:
        self._before = self._now()

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        ends = time.monotonic() + _PATIENCE
        while kind is None and (left := self._now() - self._before):
            assert time.monotonic() < ends, f"left behind: {dict(left)}"
            time.sleep(0.005)


class AsyncHoldings(Holdings):
    """In an `async with`: the same, and the tasks of the event loop."""

    def _now(self) -> Counter[str]:
        return super()._now() + Counter(task=len(asyncio.all_tasks()))

    async def __aenter__(self) -> None:
        self._before = self._now()

    async def __aexit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        ends = time.monotonic() + _PATIENCE
        while kind is None and (left := self._now() - self._before):
            assert time.monotonic() < ends, f"left behind: {dict(left)}"
            await asyncio.sleep(0.005)
