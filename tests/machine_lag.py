"""Measures the delays of a busy machine, so that limits of elapsed time can allow for them."""

from __future__ import annotations

import threading
import time
from types import TracebackType

_INTERVAL = 0.01


class MachineLag:
    """Sums up how much later than requested a waiting thread of this process wakes up.

    Attributes:
        seconds: The sum, while and after the context is active.

    Example:
        with MachineLag() as lag:
            ...
        assert elapsed < limit + lag.seconds
    """

    def __init__(self) -> None:
        self.seconds = 0.0
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

    def _measure(self) -> None:
        stopped = False
        while not stopped:
            before = time.monotonic()
            stopped = self._stop.wait(_INTERVAL)
            self.seconds += max(0.0, time.monotonic() - before - _INTERVAL)
