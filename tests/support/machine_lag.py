"""Measures scheduling delays of a busy machine, so that time limits in tests can allow for them."""

from __future__ import annotations

import threading
import time
from types import TracebackType

_INTERVAL = 0.01


class MachineLag:
    """Measures the total delay with which a sleeping thread of this process wakes up.

    Example:
        with MachineLag() as lag:
            ...
        assert elapsed < limit + lag.allowance
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._stop = threading.Event()
        # Leak checks ignore threads with this prefix.
        self._thread = threading.Thread(target=self._measure, name="haut-sandbox machine lag")

    def __enter__(self) -> MachineLag:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def allowance(self) -> float:
        """Additional time that a test should allow for a call, in seconds.

        A call needs several threads one after another (client, server, watcher), and each can be
        delayed as much as the measuring thread.
        """
        return 3 * self._seconds

    def _measure(self) -> None:
        stopped = False
        while not stopped:
            before = time.monotonic()
            stopped = self._stop.wait(_INTERVAL)
            self._seconds += max(0.0, time.monotonic() - before - _INTERVAL)
