"""Ctrl-C in the middle of a synchronous call."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

PATIENCE = 10.0
"""Seconds to wait for a condition that other threads bring about."""


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "the condition did not become true"
        time.sleep(0.001)


def interrupt(call: Callable[[], object], when: Callable[[], object]) -> float:
    """Make a call that is interrupted by Ctrl-C once a condition holds.

    Returns:
        The seconds from the interruption to the end of the call.
    """
    main = threading.main_thread().ident
    assert main is not None
    sent: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.001):
            if when():
                sent.append(time.monotonic())
                signal.pthread_kill(main, signal.SIGINT)
                return

    watcher = threading.Thread(target=watch, name="haut-sandbox watcher")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        watcher.start()
        with pytest.raises(KeyboardInterrupt):
            call()
        return time.monotonic() - sent[0]
    finally:
        ended.set()
        watcher.join()
        signal.signal(signal.SIGINT, before)
